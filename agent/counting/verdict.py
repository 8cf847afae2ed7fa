"""Compare a count with the quantity that somebody expects (pure)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal

from bintally.decision import Decision
from bintally.messages import Verification

MISMATCH_UP_TO = 0.1
"""Highest probability of the expected quantity at which a count contradicts it."""
Verdict = Literal["match", "mismatch", "unsure"]


def verify(
    probabilities: Sequence[float], decision: Decision, expected: int, origin: Literal["books", "command"], open_class: int
) -> Verification:
    """Say whether a bin holds what is expected.

    | decided                                      | probability of the expected class | verdict  |
    |----------------------------------------------|-----------------------------------|----------|
    | the expected class                           | any                               | match    |
    | another class                                | at most ``MISMATCH_UP_TO``        | mismatch |
    | another class                                | more                              | unsure   |
    | nothing, or the probabilities are none       | any                               | unsure   |

    An expected quantity of ``open_class`` or more has the open class for its own, whatever it is: the counter cannot tell 7 from
    9, so that a match means there no more than «consistent with».

    Args:
        probabilities: one for each class.
        decision: what was decided from them.
        expected: the quantity.
        origin: who expects it.
        open_class: the counter's last class, for that many or more.
    """
    place = min(expected, open_class)
    probability = float(probabilities[place]) if place < len(probabilities) else 0.0
    probability = min(1.0, max(0.0, probability)) if math.isfinite(probability) else 0.0
    verdict = _verdict(decision, place, probability)
    if not math.isclose(sum(probabilities), 1.0, abs_tol=0.05):
        verdict = "unsure"
    return Verification(expected=expected, origin=origin, verdict=verdict, match_probability=round(probability, 4))


def _verdict(decision: Decision, place: int, probability: float) -> Verdict:
    if decision.unsure:
        return "unsure"
    if place == (decision.counted if decision.at_least is None else decision.at_least):
        return "match"
    return "mismatch" if probability <= MISMATCH_UP_TO else "unsure"
