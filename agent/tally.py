"""Decide what a counter's probabilities mean: a count, «this many or more», or unsure (pure)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Decision:
    """What was decided of one frame; exactly one of ``counted``, ``at_least`` and ``unsure`` says it.

    Attributes:
        counted: number of items.
        at_least: lower bound, where the open class was decided.
        unsure: no class was probable enough.
        confidence: probability of the most probable class.
    """

    counted: int | None
    at_least: int | None
    unsure: bool
    confidence: float

    def words(self) -> str:
        """For people: ``3``, ``6 or more``, ``unsure``."""
        if self.unsure:
            return "unsure"
        return str(self.counted) if self.at_least is None else f"{self.at_least} or more"


def decide(probabilities: NDArray[np.floating[Any]], abstain_below: float) -> Decision:
    """Take the most probable class, or abstain; a graph that answers with anything but numbers is never believed.

    Args:
        probabilities: [classes], the last class is open.
        abstain_below: a smaller probability of the best class makes the answer unsure; 1 makes every answer unsure.
    """
    if not np.isfinite(probabilities).all():
        return Decision(None, None, True, 0.0)
    best = int(probabilities.argmax())
    confidence = min(1.0, float(probabilities[best]))
    if abstain_below >= 1 or not confidence >= abstain_below:
        return Decision(None, None, True, confidence)
    if best == len(probabilities) - 1:
        return Decision(None, best, False, confidence)
    return Decision(best, None, False, confidence)
