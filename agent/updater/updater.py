"""The thread that brings a station to the bundle that is desired; nothing that befalls it ends counting.

The main loop opens what ``agent_started`` names, hands over what comes on ``model/desired``, and follows the ``plan`` from frame to frame. None
of these calls waits for network, disk or trial; only the first, ``bundle`` and ``could_not_open`` read a bundle, to prove it.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path

import structlog

from agent.settings import AgentSettings
from agent.updater import machine
from agent.updater.clock import parse_window
from agent.updater.plan import Place, Plan, plan_for
from agent.updater.record import Record
from agent.updater.report import Standing, standing
from agent.updater.slots import Slots, start_bundle
from agent.updater.steps import Conditions, Job, Steps
from agent.updater.web import Pace, Stopped, web_for
from bintally import __version__
from bintally.errors import BintallyError, UnavailableError, UsageError
from bintally.messages.base import ModelName, utc_now
from bintally.messages.model import ModelReported, Trial

_CLOSES_WITHIN_S = 2.0
log = structlog.get_logger()


class Updater:
    """A station's updates.

    Args:
        steps: what is done, and the record.
        slots: the files of ``steps``.
        shipped: the bundle that counts where no slot does.
        interrupt: ends what source and trial do, with ``Stopped``; the same that they were given.
        session: epoch of the agent.
        changed: is told each new report, in the updater's thread.
    """

    def __init__(
        self, steps: Steps, slots: Slots, shipped: Path, interrupt: threading.Event, session: str, changed: Callable[[ModelReported], None]
    ) -> None:
        self._steps, self._slots, self._shipped, self._interrupt = steps, slots, shipped, interrupt
        self._session, self._changed = session, changed
        self._inbox: deque[machine.Event] = deque()
        self._heard: bytes | None = None
        self._pending: bytes | None = None
        self._tried: bytes | None = None
        self._counts: ModelName | None = None
        self._trial: tuple[str, Trial] | None = None
        self._last: Standing | None = None
        self._wake, self._stop = threading.Event(), threading.Event()
        steps.moved = self._report
        self._thread = threading.Thread(target=self._run, name="updater", daemon=True)

    def agent_started(self) -> Path:
        """Begin; counts the start, and goes back where a bundle in probation made too many starts necessary.

        Returns:
            The bundle to open: whole, its digest compared. To be called once, before any bundle is opened.
        """
        self._steps.happened(lambda record: machine.advance(record, machine.Started()))
        path = self.bundle()
        self._thread.start()
        return path

    def bundle(self) -> Path:
        """The bundle to open where one is to be opened again, as after a roll-back. Reads it whole: not for the main loop."""
        path = self._shipped

        def whole(record: Record) -> Record:
            nonlocal path
            record, path = start_bundle(self._slots, record, self._shipped)
            return record

        self._steps.happened(whole)
        return path

    def could_not_open(self, place: Place, reason: str) -> Path:
        """What to open instead of a bundle that is whole and cannot be opened, for instance after an update of the agent."""
        log.error("a bundle cannot be opened", reason=reason)
        self._steps.happened(lambda record: _without(record, place, reason))
        self._wake.set()
        return self.bundle()

    def desire(self, payload: bytes) -> None:
        """Hear what came on ``model/desired``: the newest counts, and the same again, as after a reconnect, is nothing new."""
        if payload == self._heard:
            return
        self._heard = self._pending = payload
        self._interrupt.set()
        self._wake.set()

    def plan(self) -> Plan:
        """Which bundle counts, and which one is tried, by the record as it is now."""
        return plan_for(self._steps.record, Place(self._shipped, self._steps.shipped), self._slots.path)

    def counts(self, model: ModelName) -> None:
        """This one counts now; only for reports."""
        self._counts = model
        self._wake.set()

    def told(self, digest: str, trial: Trial) -> None:
        """How the new model does so far; each time makes a report."""
        self._trial = digest, trial
        self._wake.set()

    def shadow_done(self, digest: str, fault: str | None, *, remember: bool = True) -> None:
        """The shadow run is over: with a fault it is a failed update, remembered where it is the bundle's; without one, ``switched`` comes next."""
        if fault is not None:
            self._put(machine.Failed(digest, fault, remember))

    def switched(self, digest: str) -> None:
        """The new model counts from the next frame on."""
        self._put(machine.Switched(digest))

    def probation_done(self, digest: str, fault: str | None) -> None:
        """The probation is over; with a fault the model before it counts from the next frame on."""
        self._put(machine.Proven(digest) if fault is None else machine.Worse(digest, fault))

    def reported(self) -> ModelReported:
        """How far the station is."""
        return self._message(self._standing())

    def stopped_cleanly(self) -> None:
        """End; what is under way goes on at the next start."""
        self._stop.set()
        self._interrupt.set()
        self._wake.set()
        if self._thread.ident is not None:
            self._thread.join(_CLOSES_WITHIN_S)
        try:
            if not self._thread.is_alive():
                self._drain()
            self._steps.apply(machine.Stopped())
        except BintallyError as error:
            log.warning("the clean end could not be noted", reason=str(error))

    def _run(self) -> None:
        self._report()
        while not self._stop.is_set():
            self._interrupt.clear()  # it was for what was under way
            if not self._stop.is_set():  # or it was for the end, and set just before that was asked for
                self._turn()
                self._report()
                self._wake.wait(self._pause_s())
                self._wake.clear()

    def _turn(self) -> None:
        """Note what the main loop told, hear what is pending, then do one step."""
        hearing, work, payload = self._steps.hearing, self._steps.work, self._pending
        if self._inbox:
            self._attempt(work, self._drain)
        if payload is not None and payload is not self._tried:
            self._tried = payload
            hearing.clear()
        if payload is not None and hearing.is_due():
            self._attempt(hearing, lambda: self._hear(payload))
        if self._steps.has_work() and work.is_due():
            self._attempt(work, self._steps.step)

    def _attempt(self, job: Job, action: Callable[[], None]) -> None:
        try:
            action()
        except Stopped:
            pass  # something else is to be done first
        except UnavailableError as error:
            job.failed(str(error))
        except Exception as error:  # the top of the thread: whatever it is, updates must go on being possible
            log.exception("a step of the update failed")
            job.failed(f"{type(error).__name__}: {error}")

    def _hear(self, payload: bytes) -> None:
        if self._steps.hear(payload) and self._pending is payload:
            self._pending = None

    def _pause_s(self) -> float | None:
        """Until something is due; None where only a message brings something to do."""
        pending = self._pending
        if pending is not None and pending is not self._tried:
            return 0.0
        due = [self._steps.hearing.due_at] if pending is not None else []
        due += [self._steps.work.due_at] if self._steps.has_work() or self._inbox else []
        return max(0.0, min(due) - time.monotonic()) if due else None

    def _put(self, event: machine.Event) -> None:
        self._inbox.append(event)
        self._wake.set()

    def _drain(self) -> None:
        """Make happen what the main loop told; where the disk is full, it waits."""
        while self._inbox:
            self._steps.apply(self._inbox[0])
            self._inbox.popleft()

    def _standing(self) -> Standing:
        steps, wanted = self._steps, self._steps.record.wanted
        trial = self._trial[1] if self._trial is not None and wanted is not None and self._trial[0] == wanted.model.digest else None
        return standing(steps.record, steps.hearing, steps.work, self._counts, steps.progress, trial)

    def _report(self) -> None:
        now = self._standing()
        if now == self._last:
            return
        self._last = now
        try:
            self._changed(self._message(now))
        except Exception as error:  # noqa: BLE001 - what is not told must be done nevertheless
            log.warning("a report was not taken", reason=repr(error))

    def _message(self, now: Standing) -> ModelReported:
        fields = {name: getattr(now, name) for name in now.__dataclass_fields__}
        return ModelReported(session=self._session, at=utc_now(), device=self._steps.device, agent=__version__, **fields)


def _without(record: Record, place: Place, reason: str) -> Record:
    """Another desire may have put something else in its place meanwhile."""
    slot = record.running_slot()
    model = None if slot is None else record.slot(slot)
    if slot is None or model is None or (slot, model.digest) != (place.slot, place.digest):
        return record
    if record.trial is not None and record.wanted is not None:
        return machine.advance(record, machine.Worse(record.wanted.model.digest, reason))
    return machine.advance(record, machine.Damaged(slot))


def open_updater(
    settings: AgentSettings, state_dir: Path, station: str, session: str, changed: Callable[[ModelReported], None]
) -> Updater | None:
    """The updater that the settings ask for; None where they name no repository.

    Args:
        settings: ``updates`` and what goes with it.
        state_dir: existing folder of the agent.
        station: the station's own source, ``site/station``.
        session: epoch of the agent.
        changed: is told each new report, in the updater's thread.

    Raises:
        UsageError: a setting of updates is missing or wrong.
        InputError: the root metadata are none.
        UnavailableError: the state folder cannot be written to.
    """
    if settings.updates is None:
        return None
    from agent.updater.fetch import Repository, read_root

    if settings.updates_root is None:
        raise UsageError("updates is set, but not updates_root; give the repository's 1.root.json, which all trust begins with")
    window = None if settings.updates_window is None else parse_window(settings.updates_window)
    interrupt, slots = threading.Event(), Slots(state_dir)
    web = web_for(settings.updates, Pace(settings.updates_bandwidth), interrupt)
    source = Repository(web, slots, read_root(settings.updates_root))
    steps = Steps(source, slots, station, settings, state_dir, Conditions(window=window), interrupt)
    return Updater(steps, slots, settings.bundle, interrupt, session, changed)
