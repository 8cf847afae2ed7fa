"""Count one frame: resize, inference, decision, and how long they took together."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from bintally.bundle import Bundle
from bintally.decision import Decision, as_shares, decide
from bintally.errors import UnavailableError
from bintally.frames import Frame, resize
from bintally.messages import ModelName
from bintally.sealed import first_line


@dataclass(frozen=True)
class Counted:
    """One frame's answer: the decision, the probabilities behind it, and milliseconds of work."""

    decision: Decision
    probabilities: tuple[float, ...]
    frame_ms: float


@dataclass(frozen=True)
class Answered:
    """A frame and what a counter made of it.

    Attributes:
        frame: uint8 [h, w, 3], BGR; never written to.
        row: probabilities, float32 [classes].
        frame_ms: milliseconds of resize and inference.
        abstain_below: the bundle's own threshold.
    """

    frame: Frame
    row: NDArray[np.float32]
    frame_ms: float
    abstain_below: float


class NotCountedError(UnavailableError):
    """The graph could not be run on a frame."""


class FrameCounter:
    """A bundle and its abstain threshold, applied to camera frames of any size.

    Attributes:
        model: what messages call it.
        providers: ONNX Runtime's that took the graph.
        abstain_below: the bundle's own threshold.
        open_class: number that the last class means, or more.
        last: the frame that was counted last; None before the first.
    """

    def __init__(self, bundle: Bundle) -> None:
        self._bundle = bundle
        manifest = bundle.manifest
        self.model = ModelName(name=manifest.name, version=manifest.version, digest=bundle.digest)
        self.providers = tuple(bundle.providers)
        self.abstain_below, self.open_class = manifest.abstain_below, manifest.open_class
        self.last: Answered | None = None

    def count(self, frame: Frame) -> Counted:
        """Count one frame, uint8 [height, width, 3], BGR.

        Raises:
            NotCountedError: the graph cannot be run.
        """
        started = time.perf_counter()
        self.last = self.answer(frame)
        probabilities: list[float] = self.last.row.tolist()  # plain numbers are several times as fast to decide on
        decision = decide(probabilities, self.abstain_below)
        frame_ms = (time.perf_counter() - started) * 1000
        return Counted(decision, as_shares(probabilities), frame_ms)

    def probabilities(self, frame: Frame, observe: Callable[[Literal["resize", "inference"], float], None]) -> NDArray[np.float32]:
        """Of one frame, float32 [classes]; ``observe`` is told how many seconds each step took.

        Raises:
            NotCountedError: the graph cannot be run.
        """
        self.last = self.answer(frame, observe)
        return self.last.row

    def answer(self, frame: Frame, observe: Callable[[Literal["resize", "inference"], float], None] = lambda _, __: None) -> Answered:
        """The same without remembering it: a model that looks on may be another one's that counts a moment later.

        Raises:
            NotCountedError: the graph cannot be run.
        """
        started = time.perf_counter()
        small = resize(frame, self._bundle.size)
        resized = time.perf_counter()
        try:
            row: NDArray[np.float32] = self._bundle.probabilities(small[None])[0]
        except Exception as error:  # ONNX Runtime's exceptions have no common base of their own
            raise NotCountedError(
                f"{self._bundle.path}: cannot be run on a frame ({first_line(error)}); run 'bintally agent doctor'"
            ) from error
        ended = time.perf_counter()
        observe("resize", resized - started)
        observe("inference", ended - resized)
        return Answered(frame, row, (ended - started) * 1000, self.abstain_below)

    def stop(self) -> None:
        """Give up the frame it is at, and count no other: for a counter that hangs, or that nobody needs any more."""
        self._bundle.stop()

    def rehearse(self) -> None:
        """Run once, so that the first frame does not pay for what an engine does at its first run."""
        self._bundle.count_frame(np.zeros((*self._bundle.size, 3), np.uint8))
