"""Simulated stations in compressed time: the agent's own update state machine, and counting, abstaining and crashing by the clock.

They say what an agent says: state, health, ``model/reported``; only downloads, files and cameras are left out.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import Literal

from agent.updater.machine import (
    Begun,
    Desired,
    Event,
    Failed,
    Fetched,
    Installed,
    Opening,
    Proven,
    Started,
    Stopped,
    Switched,
    TakenBack,
    Warmed,
    Worse,
    advance,
)
from agent.updater.record import Record
from agent.updater.report import standing
from agent.updater.steps import Conditions, Job
from bintally.desired import verify_desired
from bintally.messages.base import ModelName
from bintally.messages.model import ModelReported
from bintally.messages.station import CameraHealth, Health, State
from bintally.updates import DesiredKeys

Say = Callable[[str, str, bytes], None]
"""Source, kind, payload: retained."""
DEVICE, VERSION = "cpu", "0.1.0"
"""What all of them are."""
_NOTHING = Job(Conditions())
"""Nothing is in the way of an update."""


@dataclass(frozen=True)
class Habit:
    """How a model does.

    Attributes:
        unsure: share of its counts without an answer.
        crashes: an hour.
        ends: how an update to it ends.
    """

    unsure: float = 0.05
    crashes: float = 0.0
    ends: Literal["active", "failed", "rolled_back"] = "active"


@dataclass
class Station:
    """One station.

    Attributes:
        source: its name.
        shipped: what counts before anything was desired.
        keys: who may move it.
        habits: digest → how that model does.
        phase_s: how long each phase lasts.
        counts: an hour.
        own: added to the share of unsure counts, for stations are different.
        says_again: whether it is to report once more.
        moves: revision and digest of each switch.
    """

    source: str
    shipped: ModelName
    keys: DesiredKeys
    habits: Mapping[str, Habit]
    random: random.Random
    phase_s: float = 60.0
    counts: float = 120.0
    own: float = 0.0
    online: bool = True
    says_again: bool = False
    now: float = 0.0
    session_at: float = 0.0
    phase_at: float = 0.0
    counted: int = 0
    unsure: int = 0
    record: Record = field(default_factory=Record)
    moves: list[tuple[int, str]] = field(default_factory=list)

    @property
    def model(self) -> ModelName:
        """What counts now."""
        slot = self.record.running_slot()
        return (self.record.slot(slot) if slot else None) or self.shipped

    @property
    def revision(self) -> int:
        """The newest that it knows."""
        return self.record.revision

    def begin(self, now: float, say: Say) -> None:
        """It starts; without a farewell before, the state machine counts that as a crash."""
        self.now = self.session_at = self.phase_at = now
        self.counted = self.unsure = 0
        self.record = advance(self.record, Started())
        say(self.source, "state", self._state("online"))
        self._report(say)
        self._health(say)

    def obey(self, payload: bytes, say: Say) -> None:
        """What is retained on ``model/desired`` came."""
        if not self.online:
            return
        if not payload:
            self._take(TakenBack(), say)
            return
        desire = verify_desired(payload, self.keys)
        assert desire.station == self.source
        self._take(Desired(desire, self.shipped.digest), say)

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
        if now - self.phase_at >= self.phase_s:
            for event in self._next():
                self._take(event, say)
        if self.says_again:
            self._report(say)
            self.says_again = False
        self._health(say)

    def away(self, status: str, say: Say) -> None:
        """It is switched off, or vanishes."""
        self.online = False
        if status == "stopped":
            self.record = advance(self.record, Stopped())
        say(self.source, "state", self._state(status))

    def back(self, now: float, payload: bytes, say: Say) -> None:
        """It is started again, and finds what the broker retained for it."""
        self.online = True
        self.begin(now, say)
        self.obey(payload, say)

    def _next(self) -> Sequence[Event]:
        """What happens in a phase when its time is over."""
        wanted = self.record.wanted
        if wanted is None:
            return ()
        digest = wanted.model.digest
        ends = self.habits.get(digest, Habit()).ends
        steps: dict[str, Sequence[Event]] = {
            "waiting": [Begun()],
            "downloading": [Fetched(), Installed()],
            "verified": [Opening()],
            "warming": [Warmed()],
            "shadow": [Failed(digest, "answers too slowly") if ends == "failed" else Switched(digest)],
            "probation": [Worse(digest, "abstains too often") if ends == "rolled_back" else Proven(digest)],
        }
        return steps.get(self.record.phase, ())

    def _take(self, event: Event, say: Say) -> None:
        before, self.record = self.record, advance(self.record, event)
        if self.record is before:
            return
        if isinstance(event, Switched):
            self.moves.append((self.revision, event.digest))
        self.phase_at = self.now
        self._report(say)

    @property
    def _session(self) -> str:
        return f"{int(self.session_at * 1000):012x}{0:010x}"

    def _state(self, status: str) -> bytes:
        return (
            State.model_validate({"status": status, "session": self._session, "version": VERSION, "model": self.model})
            .model_dump_json()
            .encode()
        )

    def _report(self, say: Say) -> None:
        told = standing(self.record, _NOTHING, _NOTHING, self.model, None, None)
        report = ModelReported(session=self._session, at=self._time(), device=DEVICE, agent=VERSION, **vars(told))
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
