"""Which model counts the next frame: the one that the record of updates names, as soon as it is open.

A new one is opened beside the one that counts, looks on for a while (shadow run), and then counts while the one before looks on (probation).
What is told to the updater comes back as another plan, once it is on the disk; only away from a new model that is worse, the switch
does not wait for that. So a start after a power cut, a desire that came in between, and a full disk need no way of their own.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import structlog

from agent.commands.runtime import RuntimeConfig
from agent.counting.counter import Answered, FrameCounter, NotCountedError
from agent.counting.warming import Warming
from agent.recorder import Finding
from agent.settings import AgentSettings
from agent.updater.comparison import Comparison
from agent.updater.plan import Candidate, Place, Plan
from agent.updater.shadow import Seen, Shadow
from bintally.decision import Decision, decide
from bintally.errors import BintallyError, InputError, UnavailableError

if TYPE_CHECKING:
    from agent.updater.updater import Updater  # it loads tuf, which a station without updates does without

ANSWERS_WITHIN_S = 10.0
"""A new model that is longer at one frame is not waited for."""
_TELL_EVERY_S = 10.0
log = structlog.get_logger()


class _Trial:
    """What is known of a new model since it was opened."""

    def __init__(self, digest: str) -> None:
        self.digest, self.comparison = digest, Comparison()
        self.shadow: Shadow | None = None
        self.ended: str | None = None
        self.told_at = float("-inf")


class Succession:
    """The models of a station; used by the loop's thread.

    Args:
        settings: of the agent.
        state_dir: of the agent.
        runtime: gives the threshold in force.
        updater: says which bundles; None for the one of the settings, for ever.

    Attributes:
        counter: what counts the next frame; None until the first one is open.
    """

    def __init__(self, settings: AgentSettings, state_dir: Path, runtime: RuntimeConfig, updater: Updater | None) -> None:
        self._settings, self._state_dir, self._runtime, self._updater = settings, state_dir, runtime, updater
        self._opening: dict[str | None, Warming] = {}
        self._open: dict[str | None, FrameCounter] = {}
        self._failed: dict[str | None, BintallyError] = {}
        self._threads: list[Warming | Shadow] = []
        self._trial: _Trial | None = None
        self._worse: str | None = None
        self.counter: FrameCounter | None = None

    @property
    def note(self) -> str | None:
        """What is being opened, or built, for counting, for people."""
        warming = self._opening.get(self._plan().counts.digest)
        return None if warming is None else warming.note

    def start(self) -> None:
        """Begin to open what counts."""
        if self._updater is not None:
            self._updater.agent_started()
        self._begin(self._plan().counts)

    def turn(self, now: float) -> FrameCounter | None:
        """Between two frames: see what became of bundles and trials.

        Returns:
            The counter, where it is another one from now on.

        Raises:
            BintallyError: no counter could be opened.
        """
        plan = self._plan()
        self._keep(plan)
        self._take_opened()
        self._fall_back(plan)
        self._try(plan, now)
        return self._choose(plan)

    def found(self, finding: Finding) -> None:
        """A count was made: whoever looks on answers its last frame, too."""
        trial, counter = self._trial, self.counter
        if trial is None or counter is None or counter.last is None:
            return
        if counter.model.digest == trial.digest:
            trial.comparison.counted(finding.decision.unsure)
            if not _answers(counter.last):
                trial.comparison.error()
        if trial.shadow is not None:
            trial.shadow.offer(counter.last)

    def forgive(self, error: NotCountedError) -> bool:
        """Whether it is a new model that could not count a frame, so that another frame, or the model before, may do better."""
        trial, counter = self._trial, self.counter
        if trial is None or counter is None or counter.model.digest != trial.digest:
            return False
        log.warning("a frame was not counted", model=counter.model.version, reason=str(error))
        trial.comparison.error()
        return True

    def close(self) -> None:
        """Wait, not long, for graphs that are being opened or run: an interpreter that ends meanwhile aborts."""
        self._drop_trial()
        for one in self._threads:
            one.end() if isinstance(one, Shadow) else one.close()
        for one in self._threads:
            if isinstance(one, Shadow):
                one.join()

    def _plan(self) -> Plan:
        if self._updater is not None:
            return self._updater.plan()
        given = Place(self._settings.bundle)
        return Plan(given, given)

    # Bundles

    def _keep(self, plan: Plan) -> None:
        """Hold what the plan names, and nothing else; what counts is opened first."""
        tried = [] if plan.candidate is None else [plan.candidate.place]
        places = {place.digest: place for place in (plan.counts, plan.before, *tried)}
        for held in (self._opening, self._open, self._failed):
            for digest in held.keys() - places.keys():
                del held[digest]
        for place in places.values():
            known = place.digest in self._opening or place.digest in self._failed
            if not known and (self.counter is not None or place.digest == plan.counts.digest):
                self._begin(place)

    def _begin(self, place: Place) -> None:
        """Open a bundle in a thread; an engine that was handed over is that of the bundle in the settings alone."""
        change = {} if place.slot is None else {"bundle": place.path, "engine": None}
        warming = self._opening[place.digest] = Warming(self._settings.model_copy(update=change), self._state_dir)
        self._threads = [one for one in self._threads if one.lives] + [warming]
        warming.start()

    def _take_opened(self) -> None:
        for digest, warming in list(self._opening.items()):
            failure, counter = warming.failure, warming.newest()  # in this order: it may bring a counter, and then fail
            if counter is not None and digest in (None, counter.model.digest):
                self._open[digest] = counter
            elif counter is not None:
                failure = InputError(f"its file is {counter.model.version} {counter.model.digest[:12]}… by now")
            if failure is not None and digest not in self._open:
                if self.counter is not None:  # else it ends the agent, or is told as what it falls back from
                    log.warning("a bundle cannot be opened", reason=str(failure))
                del self._opening[digest]
                self._failed[digest] = failure

    def _fall_back(self, plan: Plan) -> None:
        """Where what is to count cannot be opened, the one before it may, and in the end the one that was shipped."""
        failure = self._failed.get(plan.counts.digest)
        if failure is None:
            return
        if self._updater is not None and plan.counts.slot is not None:
            self._updater.could_not_open(plan.counts, str(failure))
        elif self.counter is None:
            raise failure

    def _choose(self, plan: Plan) -> FrameCounter | None:
        place = plan.before if plan.counts.digest == self._worse else plan.counts
        counter = self._open.get(place.digest)
        if counter is None or counter is self.counter:
            return None  # until it is open, the other one goes on
        self.counter = counter
        if self._updater is not None:
            self._updater.counts(counter.model)
        return counter

    # Trials

    def _try(self, plan: Plan, now: float) -> None:
        candidate, trial = plan.candidate, self._trial
        if trial is not None and (candidate is None or candidate.model.digest != trial.digest):
            self._drop_trial()
        if candidate is None:
            self._worse = None
            return
        trial = self._trial = self._trial or _Trial(candidate.model.digest)
        if trial.ended == _phase(candidate):
            return  # it was told, and the record follows as soon as it is saved
        self._look_on(trial, plan, candidate)
        if candidate.probation and candidate.place.digest in self._open:
            trial.comparison.switched(now)
        for seen in [] if trial.shadow is None else trial.shadow.seen():
            self._compare(trial, candidate, seen, now)
        self._judge(trial, candidate, now)

    def _look_on(self, trial: _Trial, plan: Plan, candidate: Candidate) -> None:
        """In the shadow run the new model looks on, in the probation the one before."""
        counter = self._open.get(plan.before.digest if candidate.probation else candidate.place.digest)
        if trial.shadow is not None and trial.shadow.counter is not counter:
            trial.shadow.close()
            trial.shadow = None
        if trial.shadow is None and counter is not None:
            trial.shadow = Shadow(counter)
            self._threads.append(trial.shadow)

    def _compare(self, trial: _Trial, candidate: Candidate, seen: Seen, now: float) -> None:
        old, new = (seen.beside, seen.counted) if candidate.probation else (seen.counted, seen.beside)
        if new is None or (not candidate.probation and not _answers(new)):
            trial.comparison.error()
        elif old is not None:
            trial.comparison.pair(self._decision(old), self._decision(new), old.frame_ms, new.frame_ms, now)

    def _decision(self, answered: Answered) -> Decision:
        wished = self._runtime.effective.abstain_below
        return decide(answered.row.tolist(), answered.abstain_below if wished is None else wished)

    def _judge(self, trial: _Trial, candidate: Candidate, now: float) -> None:
        comparison, limits = trial.comparison, candidate.limits
        obstacle = self._obstacle(trial, candidate, now)
        fault = obstacle or self._open_fault(trial, candidate, now) or comparison.fault(limits)
        over = fault is None and candidate.place.digest in self._open and comparison.is_over(limits, now)
        if self._updater is None or not (fault or over or now >= trial.told_at + _TELL_EVERY_S):
            return
        trial.told_at = now
        self._updater.told(trial.digest, comparison.trial(candidate.crashes))
        if fault or over:
            self._end(self._updater, trial, candidate, fault, remember=obstacle is None)

    def _obstacle(self, trial: _Trial, candidate: Candidate, now: float) -> str | None:
        """Why it cannot be tried here now, through no fault of its own."""
        failure = self._failed.get(candidate.place.digest)
        if candidate.probation:
            return None
        if any(isinstance(one, Shadow) and one is not trial.shadow and one.busy_s(now) > ANSWERS_WITHIN_S for one in self._threads):
            return "a model that was tried before still hangs at a frame; restart the agent"
        return f"it cannot be opened now: {failure}" if isinstance(failure, UnavailableError) else None

    def _open_fault(self, trial: _Trial, candidate: Candidate, now: float) -> str | None:
        if candidate.probation:
            return None
        failure = self._failed.get(candidate.place.digest)
        if failure is not None:
            return f"it cannot be opened: {failure}"
        if trial.shadow is not None and trial.shadow.busy_s(now) > ANSWERS_WITHIN_S:
            trial.shadow.end()
            return f"it did not answer a frame within {ANSWERS_WITHIN_S:.0f} s"
        return None

    def _end(self, updater: Updater, trial: _Trial, candidate: Candidate, fault: str | None, *, remember: bool) -> None:
        log.info("trial ends", phase=_phase(candidate), model=candidate.model.version, fault=fault)
        trial.ended = _phase(candidate)
        if candidate.probation:
            self._worse = None if fault is None else trial.digest
            updater.probation_done(trial.digest, fault)
            return
        updater.shadow_done(trial.digest, fault, remember=remember)
        if fault is None:
            updater.switched(trial.digest)

    def _drop_trial(self) -> None:
        if self._trial is not None and self._trial.shadow is not None:
            self._trial.shadow.close()
        self._trial = None


def _phase(candidate: Candidate) -> str:
    return "probation" if candidate.probation else "shadow"


def _answers(answered: Answered) -> bool:
    """Whether the answer is one; what is no number never is."""
    return bool(np.isfinite(answered.row).all())
