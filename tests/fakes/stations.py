"""Simulated stations in compressed time: they obey signed desires phase by phase, count, abstain, crash, and say so as an agent does."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timezone

from bintally.desired import verify_desired
from bintally.errors import InputError
from bintally.messages.base import ModelName
from bintally.messages.model import ModelDesired, ModelReported, UpdatePhase
from bintally.messages.station import CameraHealth, Health, State
from bintally.updates import DesiredKeys

PHASES: tuple[UpdatePhase, ...] = ("downloading", "verified", "warming", "shadow", "probation", "active")
Say = Callable[[str, str, bytes], None]
"""Source, kind, payload: retained."""


@dataclass(frozen=True)
class Habit:
    """How a model does.

    Attributes:
        unsure: share of its counts without an answer.
        crashes: an hour.
        ends: in which phase an update to it ends; ``active``, ``failed``, ``rolled_back``, or None: it hangs in shadow.
    """

    unsure: float = 0.05
    crashes: float = 0.0
    ends: UpdatePhase | None = "active"


@dataclass
class Station:
    """One station.

    Attributes:
        source: its name.
        model: what counts.
        keys: who may move it.
        habits: digest → how that model does.
        phase_s: how long each phase lasts.
        counts: an hour.
        own: added to the share of unsure counts, for stations are different.
        says_again: whether it is to report once more.
    """

    source: str
    model: ModelName
    keys: DesiredKeys
    habits: Mapping[str, Habit]
    random: random.Random
    phase_s: float = 60.0
    counts: float = 120.0
    own: float = 0.0
    online: bool = True
    now: float = 0.0
    session_at: float = 0.0
    counted: int = 0
    unsure: int = 0
    phase: UpdatePhase = "idle"
    phase_at: float = 0.0
    desired: ModelDesired | None = None
    revision: int = 0
    refused: set[str] = field(default_factory=set)
    before: ModelName | None = None
    says_again: bool = False
    moves: list[tuple[int, str]] = field(default_factory=list)
    """Revision and digest of each switch."""

    def begin(self, now: float, say: Say) -> None:
        self.now = self.session_at = self.phase_at = now
        self.counted = self.unsure = 0
        say(self.source, "state", self._state("online"))
        self._report(say)
        self._health(say)

    def obey(self, payload: bytes, say: Say) -> None:
        """A desire came."""
        try:
            desired = verify_desired(payload, self.keys) if payload else None
        except InputError:
            self.phase = "rejected"
            self._report(say)
            return
        if desired is None or desired.revision <= self.revision or not self.online:
            return
        assert desired.station == self.source
        self.desired, self.revision = desired, desired.revision
        digest = desired.model.digest
        if digest in self.refused and not desired.retry:
            self._become("rejected", say)
        elif digest == self.model.digest:
            self._become("active", say)
        else:
            self._become("downloading", say)

    def live(self, now: float, say: Say) -> None:
        """Time goes on."""
        passed_s, self.now = now - self.now, now
        if not self.online:
            return
        habit = self.habits.get(self.model.digest, Habit())
        if self.random.random() < habit.crashes * passed_s / 3600:
            say(self.source, "state", self._state("lost"))
            self.begin(now, say)
            return
        fresh = round(self.random.gauss(self.counts * passed_s / 3600, 1))
        for _ in range(max(0, fresh)):
            self.counted += 1
            self.unsure += self.random.random() < habit.unsure + self.own
        self._go_on(say)
        if self.says_again:
            self._report(say)
            self.says_again = False
        self._health(say)

    def away(self, status: str, say: Say) -> None:
        """It is switched off, or vanishes."""
        self.online = False
        say(self.source, "state", self._state(status))

    def back(self, now: float, payload: bytes, say: Say) -> None:
        """It is started again, and finds what the broker retained for it."""
        self.online = True
        self.begin(now, say)
        self.obey(payload, say)

    def _go_on(self, say: Say) -> None:
        if self.desired is None or self.phase not in PHASES[:-1] or self.now - self.phase_at < self.phase_s:
            return
        habit = self.habits.get(self.desired.model.digest, Habit())
        following = PHASES[PHASES.index(self.phase) + 1]
        if following == "probation":
            if habit.ends is None:
                return
            if habit.ends == "failed":
                self._become("failed", say)
                return
            self.before, self.model = self.model, self.desired.model
            self.moves.append((self.revision, self.model.digest))
        if following == "active" and habit.ends == "rolled_back" and self.before:
            self.refused.add(self.model.digest)
            self.model = self.before
            following = "rolled_back"
        self._become(following, say)

    def _become(self, phase: UpdatePhase, say: Say) -> None:
        self.phase, self.phase_at = phase, self.now
        self._report(say)

    @property
    def _session(self) -> str:
        return f"{int(self.session_at * 1000):012x}{0:010x}"

    def _state(self, status: str) -> bytes:
        return (
            State.model_validate({"status": status, "session": self._session, "version": "0.1.0", "model": self.model})
            .model_dump_json()
            .encode()
        )

    def _report(self, say: Say) -> None:
        report = ModelReported(
            session=self._session,
            at=self._time(),
            revision=self.revision,
            phase=self.phase,
            model=self.model,
            wanted=self.desired.model if self.desired else None,
            rollout=self.desired.rollout if self.desired else None,
            device="cpu",
            agent="0.1.0",
        )
        say(self.source, "model/reported", report.model_dump_json().encode())

    def _health(self, say: Say) -> None:
        health = Health(
            session=self._session,
            at=self._time(),
            uptime_s=self.now - self.session_at,
            phase="counting",
            camera=CameraHealth(state="live", frame_age_s=0.1),
            model=self.model,
            providers=["CPUExecutionProvider"],
            counted=self.counted,
            unsure=self.unsure,
            outbox_depth=0,
            disk_free_bytes=10**9,
        )
        say(self.source, "health", health.model_dump_json().encode())

    def _time(self) -> datetime:
        return datetime.fromtimestamp(self.now, timezone.utc)


def fleet_of(count: int, model: ModelName, keys: DesiredKeys, habits: Mapping[str, Habit], seed: int = 0) -> list[Station]:
    """Stations of ten sites that differ by themselves, as stations do."""
    chance = random.Random(seed)  # noqa: S311 - a simulation
    return [
        Station(f"site-{number % 10}/pick-{number}", model, keys, habits, random.Random(chance.random()), own=chance.betavariate(1, 20))  # noqa: S311
        for number in range(count)
    ]


def running(stations: Sequence[Station], digest: str) -> int:
    """How many run a model."""
    return sum(one.model.digest == digest for one in stations)
