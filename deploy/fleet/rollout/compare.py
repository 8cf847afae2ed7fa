"""Is a cohort worse than the rest of the fleet, or is it noise? Two tests, one-sided; a station is the unit, whatever it counts.

A single broken camera that abstains all the time, or a broken power supply that restarts all the time, weighs as one station.
"""

from __future__ import annotations

import math
from collections.abc import Sequence


def fisher(hit: int, of: int, other_hit: int, other_of: int) -> float:
    """How probable it is by chance that so many or more of those that were hit are in this group.

    Exact, so that one crash in ten stations and none in a thousand others is what it is: one in a hundred.

    Args:
        hit: stations of this group to which it happened.
        of: stations in it.
        other_hit: the same of the other group.
        other_of: stations in it.

    Source:
        R. A. Fisher, Statistical Methods for Research Workers (5th ed., 1934), section 21.02: the hypergeometric tail.
    """
    total, hits = of + other_of, hit + other_hit
    ways = sum(math.comb(hits, k) * math.comb(total - hits, of - k) for k in range(hit, min(of, hits) + 1))
    return ways / math.comb(total, of)


def mann_whitney(sample: Sequence[float], reference: Sequence[float]) -> float:
    """How probable it is by chance that a sample lies so far above a reference: normal approximation, corrected for ties and continuity.

    Args:
        sample: values of this group, at least one.
        reference: values of the other, at least one.

    Source:
        H. B. Mann, D. R. Whitney, On a test of whether one of two random variables is stochastically larger than the other (1947).
    """
    ranks, ties = _ranks([*sample, *reference])
    n, m = len(sample), len(reference)
    u = sum(ranks[:n]) - n * (n + 1) / 2
    both = n + m
    variance = n * m / 12 * (both + 1 - sum(t**3 - t for t in ties) / (both * (both - 1)))
    if variance <= 0:
        return 1.0  # all values are the same
    return math.erfc((u - n * m / 2 - 0.5) / math.sqrt(2 * variance)) / 2


def poisson(events: int, expected: float) -> float:
    """How probable so many or more events are where so many are expected."""
    if expected <= 0:
        return float(events == 0)
    return max(0.0, 1 - sum(math.exp(k * math.log(expected) - expected - math.lgamma(k + 1)) for k in range(events)))


def _ranks(values: Sequence[float]) -> tuple[list[float], list[int]]:
    """Ranks from 1, those of equal values averaged; and how many are equal, for each run of them."""
    order = sorted(range(len(values)), key=values.__getitem__)
    ranks, ties, start = [0.0] * len(values), [], 0
    while start < len(order):
        end = start
        while end < len(order) and values[order[end]] == values[order[start]]:
            end += 1
        for place in order[start:end]:
            ranks[place] = (start + 1 + end) / 2
        ties.append(end - start)
        start = end
    return ranks, ties
