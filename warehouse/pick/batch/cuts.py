"""Cutting waves by due time, so that what is due early is not held up by what is due late.

The shortest batches mix orders of all due times, and such a batch is as urgent as its most urgent order: then nearly all batches are urgent,
and some come too late. A wave that is cut between two due times has urgent batches and others, which can wait, at the price of a longer
walk. So the fewest cuts are sought with which nothing is late; of as many cuts, those with the shortest walk.
"""

from __future__ import annotations

import itertools
import math
from collections import Counter
from collections.abc import Callable, Sequence

from warehouse.pick.batch.groups import Section

MOST_CUTS = 10
"""In all waves together: 2 to this power ways to cut are looked at. With more due times, neighbours stay together, the fewest orders first."""

Cut = tuple[int, float]
"""A wave, and the due time after which it is cut."""
Score = tuple[float, float]
"""Seconds late, of all orders together, then metres; infinite if it cannot be."""


def possible_cuts(due_s: Sequence[Sequence[float]], most: int = MOST_CUTS) -> list[Cut]:
    """Between any two due times of a wave, but no more than ``most`` of all.

    Args:
        due_s: of the orders of each wave; infinity where it does not matter.
        most: above 0.
    """
    counts = [sorted(Counter(wave).items()) for wave in due_s]
    while sum(len(wave) - 1 for wave in counts) > most:
        pairs = (
            (wave[index][1] + wave[index + 1][1], number, index) for number, wave in enumerate(counts) for index in range(len(wave) - 1)
        )
        total, number, index = min(pairs)
        counts[number][index : index + 2] = [(counts[number][index + 1][0], total)]
    return [(number, until_s) for number, wave in enumerate(counts) for until_s, _ in wave[:-1]]


def sections(waves: int, cuts: Sequence[Cut]) -> list[Section]:
    """What cuts make of the waves, by wave and due time."""
    ends = [[-math.inf, *sorted(until_s for of, until_s in cuts if of == wave), math.inf] for wave in range(waves)]
    return [Section(wave, *between) for wave in range(waves) for between in itertools.pairwise(ends[wave])]


def best_cuts(
    possible: Sequence[Cut], score: Callable[[Sequence[Cut]], Score], go_on: Callable[[], bool] = lambda: True
) -> tuple[Cut, ...]:
    """The fewest cuts with which nothing is late; where something always is, those with which the least is.

    Args:
        possible: all of them.
        score: of some of them.
        go_on: asked before each further score; at the first no, the best so far is taken.
    """
    best: tuple[Cut, ...] = ()
    best_score = score(best)
    for number in range(1, len(possible) + 1):
        if best_score[0] == 0:
            break
        for cuts in itertools.combinations(possible, number):
            if not go_on():
                return best
            if (of_these := score(cuts)) < best_score:
                best, best_score = cuts, of_these
    return best
