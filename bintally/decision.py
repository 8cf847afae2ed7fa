"""Decide what a counter's probabilities mean: a count, «this many or more», or unsure (pure)."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass


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


def decide(probabilities: Iterable[float], abstain_below: float) -> Decision:
    """Take the most probable class, or abstain; a graph that answers with anything but numbers is never believed.

    Args:
        probabilities: one for each class, the last class is open.
        abstain_below: a smaller probability of the best class makes the answer unsure; 1 makes every answer unsure.
    """
    values = [float(probability) for probability in probabilities]
    if not all(map(math.isfinite, values)):
        return Decision(None, None, True, 0.0)
    best = values.index(max(values))
    confidence = min(1.0, values[best])
    if abstain_below >= 1 or not confidence >= abstain_below:
        return Decision(None, None, True, confidence)
    if best == len(values) - 1:
        return Decision(None, best, False, confidence)
    return Decision(best, None, False, confidence)


def as_shares(probabilities: Iterable[float]) -> tuple[float, ...]:
    """Probabilities as a message can hold them: from 0 to 1, and 0 in place of what is no number."""
    return tuple(min(1.0, max(0.0, float(p))) if math.isfinite(p) else 0.0 for p in probabilities)
