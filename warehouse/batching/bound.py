"""What no batches can undercut.

A tour has a walk across, through the gaps between columns, and a walk along in each sub-aisle. Both only grow with every order more, so each
part of a batch's tour is at least what its most demanding order alone would need of it. Orders that demand at least t metres of a part, w of
them in loads, need at least ceil(w / limit) batches that walk these t metres; the sum over all t is a bound for the part (as the bound L1 of
bin packing, for each metre of the warehouse), and the sum over the parts one for all tours. The same with whole tours in place of parts is
another bound; the better one holds.
"""

from __future__ import annotations

import numpy as np

from warehouse.batching.batches import lengths_m
from warehouse.batching.problem import SLACK, BatchProblem, Floats


def lower_bound_m(problem: BatchProblem) -> float:
    """A length that the sum of all tours cannot undercut."""
    whole = _needed_m(problem, lengths_m(problem, [[order] for order in range(len(problem))]))
    ladder = problem.ladder
    walks_m = ladder.start.walk_m + min(end.walk_m for end in ladder.ends)
    parts = _needed_m(problem, np.full(len(problem), walks_m)) + _across_m(problem) + _along_m(problem)
    return max(whole, parts)


def _needed_m(problem: BatchProblem, demands_m: Floats) -> float:
    """The least sum over the batches of what each one's most demanding order demands.

    Args:
        problem: limits and loads.
        demands_m: float64[n].
    """
    order = np.argsort(-demands_m, kind="stable")
    filled = (np.cumsum(problem.loads[order], axis=0) / problem.limits).max(axis=1)
    batches = np.maximum(1, np.ceil(filled * (1 - 2 * SLACK)))  # at least so many with demands down to this one
    steps_m = demands_m[order] - np.append(demands_m[order][1:], 0.0)
    return float((batches * steps_m).sum())


def _across_m(problem: BatchProblem) -> float:
    """Gaps between columns: crossed once if all ends lie beyond, or if picks do and some end; twice if picks lie beyond and no end."""
    ladder = problem.ladder
    owner = np.repeat(np.arange(len(problem)), np.diff(problem.first))
    columns = problem.columns[problem.places]
    total = 0.0
    for gap, (left, right) in enumerate(zip(ladder.x_m, ladder.x_m[1:], strict=False)):
        beyond_right = ladder.start.column <= gap
        ends = [(end.column > gap) == beyond_right for end in ladder.ends]
        picks = np.zeros(len(problem), np.bool_)
        picks[owner[(columns > gap) == beyond_right]] = True
        times = np.where(all(ends), 1, picks * (1 if any(ends) else 2))
        total += _needed_m(problem, times * (right - left))
    return total


def _along_m(problem: BatchProblem) -> float:
    """Sub-aisles: walked through, or from one end to the farthest pick and back."""
    ladder = problem.ladder
    owner = np.repeat(np.arange(len(problem)), np.diff(problem.first))
    places = problem.places
    sub_aisles = problem.columns[places] * ladder.blocks + problem.blocks[places]
    total = 0.0
    for sub_aisle in np.unique(sub_aisles).tolist():
        inside = sub_aisles == sub_aisle
        front, back = ladder.y_m[sub_aisle % ladder.blocks], ladder.y_m[sub_aisle % ladder.blocks + 1]
        far_front, far_back = np.zeros(len(problem)), np.zeros(len(problem))
        np.maximum.at(far_front, owner[inside], problem.y_m[places[inside]] - front)
        np.maximum.at(far_back, owner[inside], back - problem.y_m[places[inside]])
        total += _needed_m(problem, np.minimum(back - front, 2 * np.minimum(far_front, far_back)))
    return total
