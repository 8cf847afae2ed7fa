"""Every loop that hands can carry, and its best time from every stand."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from warehouse.routing.cart.problem import CartProblem, Floats, Ints
from warehouse.routing.compiled import compiled


@dataclass(frozen=True)
class Loops:
    """l sets of handfuls of at most K items together, as bits, in preorder: each is followed by those that add later handfuls to it.

    So who looks for the loops within a set goes through them in order, and where one does not fit, goes on behind all that contain it.

    Attributes:
        sets: int64[l].
        behind: int64[l], the index of the next loop that does not continue this one.
        needs: int64[l], the handfuls that are to be taken earlier: those of the same place that are as large. They are interchangeable.
        seconds: float64[l, stands], the shortest walk from the stand through the handfuls and back.
    """

    sets: Ints
    behind: Ints
    needs: Ints
    seconds: Floats


def loops_from(problem: CartProblem) -> Loops:
    """All loops of a problem, from each stand; infinite where the cart may not be parked."""
    sets, behind = _sets(problem.items, problem.hands)
    reach_s = np.where(problem.may_park[:, None], problem.reach_s, np.inf)
    seconds = _seconds(sets, problem.walk_s, np.ascontiguousarray(reach_s.T))
    return Loops(sets, behind, _needs(problem, sets), seconds)


def _needs(problem: CartProblem, sets: Ints) -> Ints:
    """A handful that fills the hands is a loop of its own, so that only such loops need an order."""
    needs, number = np.zeros(len(sets), np.int64), {int(one): index for index, one in enumerate(sets)}
    for one in np.flatnonzero(problem.items == problem.hands).tolist():
        for earlier in range(one):
            if problem.pick_of[earlier] == problem.pick_of[one]:
                needs[number[1 << one]] |= 1 << earlier
    return needs


def best_order(problem: CartProblem, stand: int, loop: int) -> tuple[int, ...]:
    """The handfuls of one loop in the order of its shortest walk."""
    handfuls = np.flatnonzero([loop >> one & 1 for one in range(problem.handfuls)])
    reach_s, walk_s = problem.reach_s[stand, handfuls], problem.walk_s[np.ix_(handfuls, handfuls)]
    paths, left, way_s, order = paths_s(walk_s, reach_s), (1 << len(handfuls)) - 1, reach_s, []
    while left:
        order.append(int(np.argmin(way_s + paths[left])))
        left, way_s = left ^ 1 << order[-1], walk_s[order[-1]]
    return tuple(handfuls[order].tolist())


@compiled
def paths_s(walk_s: Floats, end_s: Floats) -> Floats:
    """The shortest walks through sets of handfuls and home, float64[2 ** n, n]: rows are sets, columns the handful where the walk begins.

    Args:
        walk_s: float64[n, n], between handfuls.
        end_s: float64[n], from each handful home.

    Source: Held & Karp, A dynamic programming approach to sequencing problems, 1962.
    """
    count = len(end_s)
    paths = np.full((1 << count, count), np.inf)
    for left in range(1, 1 << count):
        for first in range(count):
            if left >> first & 1:
                others = left ^ 1 << first
                best = np.inf if others else end_s[first]
                for second in range(count):
                    if others >> second & 1:
                        best = min(best, walk_s[first, second] + paths[others, second])
                paths[left, first] = best
    return paths


@compiled
def _sets(items: Ints, hands: int) -> tuple[Ints, Ints]:
    """The sets in preorder, and where each one's continuations end, by a depth-first search."""
    count = len(items)
    total = 0
    for chosen in range(1 << count):
        total += _load(chosen, items) <= hands
    sets, behind = np.empty(total - 1, np.int64), np.empty(total - 1, np.int64)
    path, last = np.empty(count, np.int64), np.empty(count, np.int64)
    found = depth = one = chosen = load = 0
    while True:
        while one < count and load + items[one] > hands:
            one += 1
        if one < count:
            chosen, load = chosen | 1 << one, load + items[one]
            sets[found], path[depth], last[depth] = chosen, found, one
            found, depth, one = found + 1, depth + 1, one + 1
        elif depth:
            depth -= 1
            one = last[depth]
            chosen, load = chosen ^ 1 << one, load - items[one]
            behind[path[depth]] = found
            one += 1
        else:
            return sets, behind


@compiled
def _load(chosen: int, items: Ints) -> int:
    load = 0
    for one in range(len(items)):
        load += items[one] * (chosen >> one & 1)
    return load


@compiled
def _seconds(sets: Ints, walk_s: Floats, reach_s: Floats) -> Floats:
    """Best times of loops, float64[l, stands].

    Args:
        sets: int64[l].
        walk_s: float64[n, n].
        reach_s: float64[n, stands].

    Source: Held & Karp, A dynamic programming approach to sequencing problems, 1962: the best path through a set from one of its members
    to another, by the member before the last; then the stand is put between its two ends.
    """
    count, stands = reach_s.shape
    number = np.full(1 << count, -1, np.int64)
    for index in range(len(sets)):
        number[sets[index]] = index
    through = np.full((len(sets), count, count), np.inf)
    seconds = np.full((len(sets), stands), np.inf)
    for chosen in range(1, 1 << count):
        index = number[chosen]
        if index < 0:
            continue
        for last in range(count):
            if not chosen >> last & 1:
                continue
            before = chosen ^ 1 << last
            if before == 0:
                through[index, last, last] = 0.0
            for first in range(count):
                if before >> first & 1:
                    best = np.inf
                    for middle in range(count):
                        if before >> middle & 1:
                            best = min(best, through[number[before], first, middle] + walk_s[middle, last])
                    through[index, first, last] = best
            for first in range(last + 1):
                if through[index, first, last] < np.inf:
                    for stand in range(stands):
                        walk = reach_s[first, stand] + through[index, first, last] + reach_s[last, stand]
                        seconds[index, stand] = min(seconds[index, stand], walk)
    return seconds
