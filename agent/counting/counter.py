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
from bintally.frames import Frame, resize
from bintally.messages import ModelName


@dataclass(frozen=True)
class Counted:
    """One frame's answer: the decision, the probabilities behind it, and milliseconds of work."""

    decision: Decision
    probabilities: tuple[float, ...]
    frame_ms: float


class FrameCounter:
    """A bundle and its abstain threshold, applied to camera frames of any size.

    Attributes:
        model: what messages call it.
        providers: ONNX Runtime's that took the graph.
        abstain_below: the bundle's own threshold.
        open_class: number that the last class means, or more.
    """

    def __init__(self, bundle: Bundle) -> None:
        self._bundle = bundle
        manifest = bundle.manifest
        self.model = ModelName(name=manifest.name, version=manifest.version, digest=bundle.digest)
        self.providers = tuple(bundle.providers)
        self.abstain_below, self.open_class = manifest.abstain_below, manifest.open_class

    def count(self, frame: Frame) -> Counted:
        """Count one frame, uint8 [height, width, 3], BGR."""
        started = time.perf_counter()
        probabilities: list[float] = self._bundle.count_frame(frame).tolist()  # plain numbers are several times as fast to decide on
        decision = decide(probabilities, self.abstain_below)
        frame_ms = (time.perf_counter() - started) * 1000
        return Counted(decision, as_shares(probabilities), frame_ms)

    def probabilities(self, frame: Frame, observe: Callable[[Literal["resize", "inference"], float], None]) -> NDArray[np.float32]:
        """Of one frame, float32 [classes]; ``observe`` is told how many seconds each step took."""
        started = time.perf_counter()
        small = resize(frame, self._bundle.size)
        resized = time.perf_counter()
        row: NDArray[np.float32] = self._bundle.probabilities(small[None])[0]
        observe("resize", resized - started)
        observe("inference", time.perf_counter() - resized)
        return row

    def rehearse(self) -> None:
        """Run once, so that the first frame does not pay for what an engine does at its first run."""
        self._bundle.count_frame(np.zeros((*self._bundle.size, 3), np.uint8))
