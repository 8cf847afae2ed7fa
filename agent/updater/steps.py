"""The work between two waits: hear what is desired, fetch it, try it. Each step reads the record, and leaves it one event further on.

What cannot be done now is told in a note, and due again after a pause that grows; the record stays as it is.
"""

from __future__ import annotations

import random
import threading
import time as clock
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, time
from pathlib import Path
from typing import Literal, Protocol

import structlog

from agent.evidence.uploader import pause_after
from agent.settings import AgentSettings
from agent.updater import machine
from agent.updater.clock import Window, clock_is_set
from agent.updater.fetch import NotNowError, Target
from agent.updater.fits import device_of, unfit
from agent.updater.record import Record, Slot
from agent.updater.slots import Slots, apply, sha256_of
from agent.updater.trial import Allowance, allowance_for, try_bundle
from bintally import __version__
from bintally.desired import verify_desired
from bintally.errors import InputError, UnavailableError
from bintally.messages.base import utc_now
from bintally.messages.model import ModelDesired
from bintally.updates import DesiredKeys

log = structlog.get_logger()


class Described(Protocol):
    """A repository's metadata at one moment; ``agent.updater.fetch.View`` is one."""

    def desired_keys(self) -> DesiredKeys:
        """Who may sign ``model/desired``."""
        ...

    def target(self, path: str) -> Target | None:
        """A bundle, None where there is none."""
        ...


class Source(Protocol):
    """Where bundles come from; ``agent.updater.fetch.Repository`` is one."""

    def look(self) -> Described:
        """The newest metadata."""
        ...

    def download(self, target: Target, progress: Callable[[float], None]) -> None:
        """A bundle's file into the part."""
        ...


@dataclass(frozen=True)
class Conditions:
    """When updates are made, and how patiently.

    Attributes:
        window: when bundles may be downloaded; None for always.
        clock: whether the time of day is known.
        now: the time of day.
        local: the same as clocks on walls show it.
        first_pause_s: after the first failure; each further one doubles it.
        look_s: from one look at clock, window and space to the next.
        rng: draws the jitter.
    """

    window: Window | None = None
    clock: Callable[[], bool] = clock_is_set
    now: Callable[[], datetime] = utc_now
    local: Callable[[], time] = lambda: datetime.now().time()  # noqa: DTZ005 - a window is in local time
    first_pause_s: float = 5.0
    look_s: float = 30.0
    rng: random.Random = field(default_factory=random.Random)


class Job:
    """Something that may have to be tried again.

    Attributes:
        note: why it is not done; None when nothing is in the way.
        verdict: ``rejected`` where the note is about what was desired, ``waiting`` where it is about the world.
        due_at: monotonic seconds of the next try.
    """

    def __init__(self, conditions: Conditions) -> None:
        self._on, self._failures = conditions, 0
        self.note: str | None = None
        self.verdict: Literal["waiting", "rejected"] = "waiting"
        self.due_at = 0.0

    def failed(self, note: str, verdict: Literal["waiting", "rejected"] = "waiting") -> None:
        """Try again after a pause."""
        self._failures += 1
        self._wait(note, verdict, pause_after(self._failures, self._on.first_pause_s, self._on.rng))

    def held(self, note: str | None) -> None:
        """Look again soon."""
        self._wait(note, "waiting", self._on.look_s)

    def is_due(self) -> bool:
        """Whether it may be tried now."""
        return clock.monotonic() >= self.due_at

    def over(self, note: str) -> None:
        """It is rejected for good."""
        self.clear()
        self._wait(note, "rejected", 0.0)

    def clear(self) -> None:
        """It is done, or there is something new to do."""
        self.note, self.due_at, self._failures = None, 0.0, 0

    def _wait(self, note: str | None, verdict: Literal["waiting", "rejected"], seconds: float) -> None:
        if note is not None and note != self.note:
            log.warning("update waits", reason=note)
        self.note, self.verdict, self.due_at = note, verdict, clock.monotonic() + seconds


class Steps:
    """What the updater's thread does.

    Args:
        source: of bundles.
        slots: record, slots and part.
        station: the station's own source, ``site/station``.
        settings: of the agent.
        state_dir: of the agent.
        conditions: when updates are made.
        interrupt: ends a trial with ``Stopped``.
        allowance: of a trial; by what this machine has, where it is None.

    Attributes:
        record: the newest one.
        progress: share of the download that is here.
        hearing: to verify what is desired.
        work: to do it.
        moved: is called when there is something to report.
        device: the station's kind.
        shipped: digest of the bundle that was shipped; None where it cannot be read.
    """

    def __init__(
        self,
        source: Source,
        slots: Slots,
        station: str,
        settings: AgentSettings,
        state_dir: Path,
        conditions: Conditions,
        interrupt: threading.Event,
        allowance: Allowance | None = None,
    ) -> None:
        self._source, self._slots, self._station, self._settings, self._state_dir = source, slots, station, settings, state_dir
        self._on, self._interrupt, self._allowance = conditions, interrupt, allowance or allowance_for(settings)
        self.shipped, self._lock = sha256_of(settings.bundle), threading.Lock()
        self.moved: Callable[[], None] = lambda: None
        self.record: Record = slots.load()
        self.progress: float | None = None
        self.hearing, self.work = Job(conditions), Job(conditions)
        self.device = device_of(settings)

    def apply(self, event: machine.Event) -> None:
        """Make an event happen: saved first.

        Raises:
            UnavailableError: the disk is full; it has not happened.
        """
        with self._lock:
            before = self.record
            self.record = after = apply(self._slots, before, event)
        self._tell(before, after)

    def happened(self, change: Callable[[Record], Record]) -> None:
        """Take a fact into the record, even where the disk does not take it now."""
        with self._lock:
            before = self.record
            self.record = after = change(before)
            if after is not before:
                try:
                    self._slots.save(after)
                except UnavailableError as error:
                    log.warning("the record of updates could not be saved", reason=str(error))
        self._tell(before, after)

    def _tell(self, before: Record, after: Record) -> None:
        if after is before:
            return
        self.work.clear()
        if (after.phase, after.rejected) != (before.phase, before.rejected):
            log.info(
                "update", phase=after.phase, revision=after.revision, rejected=after.rejected and after.rejected.reason, reason=after.reason
            )
        self.moved()

    def hear(self, payload: bytes) -> bool:
        """Verify a desire and obey it or not; says whether that is settled.

        Raises:
            UnavailableError: repository or disk do not answer now.
            Stopped: something newer came.
        """
        if not payload:
            self.apply(machine.TakenBack())
            self.hearing.clear()
            return True
        if not self._on.clock():
            self.hearing.held("a desire waits until the clock is set: without it nobody can tell what has expired")
            return False
        view = self._source.look()
        try:
            desire = verify_desired(payload, view.desired_keys())
        except InputError as error:  # its key may be published in a moment
            self.hearing.failed(str(error), "rejected")
            return False
        objection = self._objection(desire)
        if objection is not None:
            self.hearing.over(f"model/desired: {objection}")
            return True
        if desire.revision == self.record.revision:
            self.hearing.clear()
            return True
        return self._take(desire, view)

    def _take(self, desire: ModelDesired, view: Described) -> bool:
        """Obey a new desire, or refuse it for good; not yet, where the repository lacks its target: its files may come in a moment."""
        try:
            target = view.target(desire.target)
            if target is None:
                self.hearing.failed(f"the repository has no {desire.target}; publish it first", "rejected")
                return False
            reason = self._too_late(desire) or unfit(target.facts, target.sha256, desire, self.device, __version__)
        except InputError as error:
            reason = str(error)
        self.apply(machine.Desired(desire, self.shipped, reason))
        self.hearing.clear()
        return True

    def step(self) -> None:
        """Do what the phase asks for.

        Raises:
            UnavailableError: that cannot be done now.
            Stopped: something newer came.
        """
        wanted, phase = self.record.wanted, self.record.phase
        if wanted is not None and phase in ("waiting", "downloading"):
            self._obtain(wanted)
        if wanted is not None and phase in ("verified", "warming"):
            self._try(wanted)

    def has_work(self) -> bool:
        """Whether ``step`` has something to do."""
        return self.record.phase in ("waiting", "downloading", "verified", "warming")

    def _objection(self, desire: ModelDesired) -> str | None:
        if desire.station != self._station:
            return f"is meant for {desire.station}; this is {self._station}"
        return machine.objection(self.record, desire)

    def _too_late(self, desire: ModelDesired) -> str | None:
        if desire.expires_at is not None and desire.expires_at < self._on.now():
            return f"revision {desire.revision} was not to be begun with after {desire.expires_at:%Y-%m-%d %H:%M} UTC"
        return None

    def _obtain(self, wanted: ModelDesired) -> None:
        obstacle = self._obstacle()
        if obstacle is not None:
            self.apply(machine.Held(obstacle))
            self.work.held(None)
            return
        reason = self._too_late(wanted)
        if reason is not None:
            self.apply(machine.Unfit(reason))
            return
        self.apply(machine.Begun())
        try:
            self._fetch(wanted)
        except InputError as error:
            self.apply(machine.Wrong(str(error)))
        except NotNowError as error:
            self.apply(machine.Held(str(error)))
            self.work.held(None)
        finally:
            self.progress = None

    def _obstacle(self) -> str | None:
        if not self._on.clock():
            return "for the clock to be set"
        window = self._on.window
        if window is not None and not window.open_at(self._on.local()):
            return f"for the time window {window}"
        return None

    def _fetch(self, wanted: ModelDesired) -> None:
        """Metadata again, since they may have changed since the desire was heard; then the bundle, unless the free slot has it."""
        target = self._source.look().target(wanted.target)
        reason = f"the repository has no {wanted.target} any more" if target is None else None
        if target is not None:
            reason = unfit(target.facts, target.sha256, wanted, self.device, __version__)
        if target is None or reason is not None:
            self.apply(machine.Unfit(str(reason)))
            return
        slot = machine.free_slot(self.record)
        if not self._slots.holds(slot, target.sha256):
            self._source.download(target, self._on_the_way)
            self.apply(machine.Fetched())
            self._slots.install(slot)
        self.apply(machine.Installed())

    def _on_the_way(self, share: float) -> None:
        self.progress = share
        self.moved()
        obstacle = self._obstacle()
        if obstacle is not None:
            raise NotNowError(obstacle)

    def _try(self, wanted: ModelDesired) -> None:
        slot, digest = machine.free_slot(self.record), wanted.model.digest
        if not self._slots.holds(slot, digest):
            self.apply(machine.Damaged(slot))
            return
        self.apply(machine.Opening())
        try:
            self._open(wanted, self._slots.path(slot))
        except InputError as error:
            self.apply(machine.Failed(digest, str(error)))
        except UnavailableError as error:
            self.apply(machine.Failed(digest, str(error), remember=False))
        else:
            self.apply(machine.Warmed())

    def _open(self, wanted: ModelDesired, path: Path) -> None:
        slots: tuple[Slot, ...] = ("a", "b")
        others = (self._settings.bundle, *(self._slots.path(slot) for slot in slots if self.record.slot(slot) is not None))
        opened = try_bundle(path, self._settings, self._state_dir, self._allowance, self._interrupt, others=others)
        if (opened.name, opened.version, opened.digest) != (wanted.model.name, wanted.model.version, wanted.model.digest):
            raise InputError(f"it calls itself {opened.name} {opened.version}; desired is {wanted.model.name} {wanted.model.version}")
