"""Which counts' pictures are worth keeping (pure)."""

from __future__ import annotations

import random
from typing import Literal

from bintally.messages import CountData

Reason = Literal["mismatch", "unsure", "random", "corrected"]
"""Why a picture is kept: the count differs from what was expected, nobody can be sure of it, it was drawn, or somebody corrected it."""


def choose(data: CountData, share: float, rng: random.Random) -> Reason | None:
    """Say why a count's picture is worth keeping.

    Args:
        data: the count.
        share: of the ordinary counts, drawn at random; 0 for none, 1 for all.
        rng: draws; asked for ordinary counts only.

    Returns:
        The most telling reason, None for one that is not.
    """
    verdict = None if data.verification is None else data.verification.verdict
    if verdict == "mismatch":
        return "mismatch"
    if data.unsure or verdict == "unsure":
        return "unsure"
    return "random" if rng.random() < share else None
