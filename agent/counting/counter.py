"""Count one frame: resize, inference, decision, and how long they took together."""

from __future__ import annotations

import time
from dataclasses import dataclass

from bintally.bundle import Bundle
from bintally.decision import Decision, as_shares, decide
from bintally.frames import Frame
from bintally.messages import ModelName


@dataclass(frozen=True)
class Counted:
    """One frame's answer: the decision, the probabilities behind it, and milliseconds of work."""

    decision: Decision
    probabilities: tuple[float, ...]
    frame_ms: float


class FrameCounter:
    """A bundle and its abstain threshold, applied to camera frames of any size."""

    def __init__(self, bundle: Bundle) -> None:
        self._bundle = bundle
        self.model = ModelName(name=bundle.manifest.name, version=bundle.manifest.version, digest=bundle.digest)

    def count(self, frame: Frame) -> Counted:
        """Count one frame, uint8 [height, width, 3], BGR."""
        started = time.perf_counter()
        probabilities = self._bundle.count_frame(frame)
        decision = decide(probabilities, self._bundle.manifest.abstain_below)
        frame_ms = (time.perf_counter() - started) * 1000
        return Counted(decision, as_shares(probabilities), frame_ms)
