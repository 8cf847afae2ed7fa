"""One bin's eye: it sees every frame, counts those of the bin at rest, and says what it counted."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray

from agent.counting.look import Look, Looker
from agent.counting.scene import Scene, SceneRules
from agent.counting.tally import Tally
from bintally.decision import Decision
from bintally.errors import UsageError
from bintally.frames import Frame
from bintally.messages import Trigger

Count = Callable[[Frame], NDArray[Any]]
"""Resizes one frame and runs the counter: float32 [classes]."""


@dataclass(frozen=True)
class WatchRules:
    """How a bin is watched.

    Attributes:
        settle_s: seconds without movement until the bin is at rest.
        heartbeat_s: seconds after which a bin at rest is counted again.
        frames: frames that are fused into one count.
        abstain_below: probability below which an answer is unsure.
        repeats: whether the source may rightly give the same picture twice.
    """

    settle_s: float
    heartbeat_s: float
    frames: int
    abstain_below: float
    repeats: bool = False


@dataclass(frozen=True)
class Finished:
    """One finished count.

    Attributes:
        trigger: why it was made.
        decision: what was decided.
        probabilities: the fused ones.
        frames: how many frames were fused.
        frame_ms: milliseconds of resize and inference of a frame, their mean.
        picture: the newest of the frames, uint8 [h, w, 3].
        at: monotonic seconds when that one was grabbed.
    """

    trigger: Trigger
    decision: Decision
    probabilities: tuple[float, ...]
    frames: int
    frame_ms: float
    picture: Frame
    at: float


class BinWatcher:
    """Watches one bin; the counter runs only for the frames that are fused."""

    def __init__(self, count: Count, rules: WatchRules, open_class: int) -> None:
        self._count, self._rules, self._open_class = count, rules, open_class
        self._looker = Looker()
        self._scene = Scene(SceneRules(rules.settle_s, rules.heartbeat_s, rules.repeats))
        self._tally = Tally(rules.abstain_below)
        self._spent_s = 0.0

    @property
    def state(self) -> str:
        """The scene's."""
        return self._scene.state

    @property
    def waits_for(self) -> str:
        """What has to happen before the next count, for people."""
        return self._scene.waits_for

    def see(self, picture: Frame, at: float) -> Finished | None:
        """Look at a picture of the bin, and count it where that is due.

        Args:
            picture: uint8 [h, w, 3], BGR; kept, never written to.
            at: monotonic seconds when it was grabbed.

        Returns:
            The count that this picture completed.

        Raises:
            UsageError: the counter answers with another number of classes than was said.
        """
        look = self._looker.see(picture)
        wanted = self._scene.see(look, at)
        if self._scene.state != "counting":
            self._drop()
        if not wanted:
            return None
        self._add(picture)
        return self._finish(look, picture, at) if self._tally.frames >= self._rules.frames else None

    def ask(self, wanted: bool = True) -> None:
        """A command wants a count of the bin as soon as it is at rest, even when nothing changed; or no longer."""
        self._scene.ask(wanted)

    def forget(self) -> None:
        """The camera was started again: use nothing of what was seen before."""
        self._looker.forget()
        self._scene.forget()
        self._tally.forget()
        self._drop()

    def change_rules(self, rules: WatchRules) -> None:
        """Go on with other rules; a count in progress ends by them."""
        self._rules = rules
        self._scene.rules = SceneRules(rules.settle_s, rules.heartbeat_s, rules.repeats)
        self._tally.abstain_below = rules.abstain_below

    def replace_counter(self, count: Count, open_class: int, abstain_below: float) -> None:
        """Go on with another model; a count in progress begins anew."""
        self._count, self._open_class = count, open_class
        self._tally.forget()
        self._drop()
        self._tally.abstain_below = abstain_below

    def _drop(self) -> None:
        self._tally.drop()
        self._spent_s = 0.0

    def _add(self, picture: Frame) -> None:
        started = time.perf_counter()
        row = self._count(picture)
        self._spent_s += time.perf_counter() - started
        if len(row) != self._open_class + 1:
            raise UsageError(f"the counter answers with {len(row)} classes, its open class is {self._open_class}; open its bundle again")
        self._tally.add(row)

    def _finish(self, look: Look, picture: Frame, at: float) -> Finished:
        frames, spent_ms = self._tally.frames, self._spent_s * 1000
        decision, probabilities = self._tally.finish(unchanged=not look.changed)
        self._drop()
        trigger = self._scene.counted()
        self._looker.counted()
        return Finished(trigger, decision, probabilities, frames, spent_ms / frames, picture, at)
