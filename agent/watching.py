"""A camera: its newest frame is shown to the watcher of each region, and what they finish is recorded."""

from __future__ import annotations

import time
from dataclasses import dataclass
from functools import partial

import structlog

from agent.camera.camera import Camera
from agent.camera.shot import Shot
from agent.clerk import Clerk
from agent.commands.runtime import RuntimeConfig
from agent.counting.counter import FrameCounter
from agent.counting.label import LabelReader
from agent.counting.regions import cut
from agent.counting.watcher import BinWatcher, Count, Finished, WatchRules
from agent.health.metrics import Metrics
from agent.naming import Naming
from agent.recorder import Finding, Recorder
from agent.status import Status, View
from bintally.errors import InputError
from bintally.messages import CountEvent, Region

_TURN_S = 0.1
"""A command waits for no longer than this, however slow the camera is."""
_RESTING = ("settling", "counting", "at rest")
log = structlog.get_logger()


@dataclass
class _Eye:
    """What looks at one region."""

    region: Region
    watcher: BinWatcher | None
    labels: LabelReader | None
    bin: str | None = None
    asked: bool = False
    unsettled_at: float = float("-inf")


class Watching:
    """Counts what a camera sees; used by the loop's thread.

    Attributes:
        ended: whether a recording was played to its end.
    """

    def __init__(self, name: str, camera: Camera, runtime: RuntimeConfig, naming: Naming, status: Status, metrics: Metrics) -> None:
        self._camera, self._runtime, self._naming, self._status, self._metrics = camera, runtime, naming, status, metrics
        self._name = name
        self._counter: FrameCounter | None = None
        self._number = 0
        self._restarts = 0
        self._told_small = False
        self._eyes: list[_Eye] = []
        self.refused, self.first_refusal = 0, ""
        self.change()

    @property
    def ended(self) -> bool:
        return self._camera.ended

    def ask(self, number: int, wanted: bool) -> None:
        """A command wants a count of a region, or no longer."""
        eye = self._eyes[number]
        eye.asked = wanted
        if eye.watcher is not None:
            eye.watcher.ask(wanted)

    def change(self) -> None:
        """Settings changed: other rules, and where the regions did, other eyes."""
        regions = self._runtime.effective.regions
        if [eye.region for eye in self._eyes] != list(regions):
            self._naming.forget_labels()
            self._told_small = False
            names = self._naming.known()  # by settings alone now
            labelled = [self._naming.read_labels and name is None for name in names]
            self._eyes = [_Eye(region, None, LabelReader() if labels else None) for region, labels in zip(regions, labelled, strict=True)]
            self._status.change(views=tuple(View(self._naming.current(number) or "", eye.region) for number, eye in enumerate(self._eyes)))
            self._open_eyes()
        for eye in self._eyes:
            if eye.watcher is not None and self._counter is not None:
                eye.watcher.change_rules(self._rules(self._counter))

    def turn(self, counter: FrameCounter | None, recorder: Recorder, clerk: Clerk, now: float) -> bool:
        """Look at the next frame, where one comes within a tenth of a second; says whether there was something to wait for.

        Raises:
            InputError: the recording is none, or broken.
        """
        del now  # frames bring their own time
        if counter is not None and counter is not self._counter:
            self._use(counter)
        if self._counter is None and self._camera.recording:
            return False  # it would be played before anybody can count it
        shot = self._camera.newest(self._number, _TURN_S)
        self._follow_camera()
        if shot is not None:
            self._number = shot.number
            self._metrics.observe("grab_to_seen", max(0.0, time.monotonic() - shot.grabbed_at))
            self._status.change(frame=shot.frame, taken_at=shot.taken_at, grabbed_at=shot.grabbed_at)
            for number, eye in enumerate(self._eyes):
                self._look(number, eye, shot, recorder, clerk)
        return True

    def close(self) -> None:
        """Let go of the camera."""
        self._camera.close()

    def _use(self, counter: FrameCounter) -> None:
        self._counter = counter
        for eye in self._eyes:
            if eye.watcher is not None:
                eye.watcher.replace_counter(self._count_with(counter), counter.open_class, self._rules(counter).abstain_below)
        self._open_eyes()

    def _open_eyes(self) -> None:
        if self._counter is None:
            return
        for eye in self._eyes:
            if eye.watcher is None:
                eye.watcher = BinWatcher(self._count_with(self._counter), self._rules(self._counter), self._counter.open_class)
                if eye.asked:
                    eye.watcher.ask()

    def _count_with(self, counter: FrameCounter) -> Count:
        return partial(counter.probabilities, observe=self._metrics.observe)

    def _rules(self, counter: FrameCounter) -> WatchRules:
        now = self._runtime.effective
        abstain_below = counter.abstain_below if now.abstain_below is None else now.abstain_below
        return WatchRules(now.settle_s, now.heartbeat_s, now.frames, abstain_below, self._camera.repeats)

    def _follow_camera(self) -> None:
        health = self._camera.health()
        self._status.change(camera=health)
        if health.state == "ended" and health.reason:
            raise InputError(f"{self._name}: {health.reason}")
        if health.restarts != self._restarts:
            self._restarts = health.restarts
            for eye in self._eyes:
                if eye.watcher is not None:
                    eye.watcher.forget()
                if eye.labels is not None:
                    eye.labels.forget()

    def _look(self, number: int, eye: _Eye, shot: Shot, recorder: Recorder, clerk: Clerk) -> None:
        try:
            picture = cut(shot.frame, eye.region)
        except InputError as error:
            if not self._told_small:
                log.warning("a region cannot be counted", reason=str(error))
            self._told_small = True
            self._status.view(number, scene="no picture", waits_for=str(error))
            return
        if eye.labels is not None:
            at_rest = eye.watcher is not None and eye.watcher.state == "at rest"
            self._naming.seen(number, eye.labels.see(picture, shot.grabbed_at, at_rest))
        bin_name = self._naming.current(number)
        if eye.watcher is None or bin_name is None:
            missing = "the counter to be ready" if eye.watcher is None else "a label that can be read: nobody knows which bin this is"
            self._status.view(number, bin=bin_name or "", scene="waiting", waits_for=missing)
            return
        if bin_name != eye.bin:
            eye.bin = bin_name
            eye.watcher.forget()  # another bin is counted anew, however much it looks like the one before
            self._status.view(number, newest=None)
        finished = eye.watcher.see(picture, shot.grabbed_at)
        self._status.view(number, bin=bin_name, scene=eye.watcher.state, waits_for=eye.watcher.waits_for)
        if eye.watcher.state not in _RESTING:
            eye.unsettled_at = shot.grabbed_at
        if finished is None:
            return
        if eye.labels is None or eye.labels.confirms(picture, shot.grabbed_at, eye.unsettled_at):
            eye.asked = False
            self._record(number, eye, bin_name, finished, shot, recorder, clerk)
            return
        eye.watcher.forget()  # its label was not read since it came to rest: it may be another bin
        if eye.asked:
            eye.watcher.ask()

    def _record(self, number: int, eye: _Eye, bin_name: str, finished: Finished, shot: Shot, recorder: Recorder, clerk: Clerk) -> None:
        if self._counter is None:
            return
        expected = clerk.expected(number, bin_name)
        answer = clerk.counted(number, bin_name) if finished.trigger == "command" else None

        def committed(event: CountEvent) -> None:
            if any(eye is current for current in self._eyes):  # a full disk may keep a count until the regions are others
                self._status.view(number, newest=event)
            if answer is not None:
                answer(event)

        recorder.record(
            Finding(
                bin=bin_name,
                trigger=finished.trigger,
                decision=finished.decision,
                probabilities=finished.probabilities,
                frames=finished.frames,
                frame_ms=finished.frame_ms,
                picture=finished.picture,
                taken_at=shot.taken_at,
                model=self._counter.model,
                expected=expected,
                committed=committed,
            ),
            time.monotonic(),
        )
