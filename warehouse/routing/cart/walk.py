"""Orders of the handfuls that are good to split.

The short walk: a closed one over all handfuls, from the cart's first stand. Nearest neighbour, then 2-opt and Or-opt until neither finds anything (Johnson & McGeoch, in Aarts & Lenstra, Local Search in Combinatorial
Optimization, 1997, chapter 8, sections 2 and 3).
"""

from __future__ import annotations

import numpy as np

from warehouse.routing.cart.problem import CartProblem, Floats, Ints
from warehouse.routing.compiled import compiled


def short_walk(problem: CartProblem) -> Ints:
    """The handfuls in the order of the walk, int64[n]."""
    n = problem.handfuls
    between_s = np.zeros((n + 1, n + 1))
    between_s[1:, 1:] = problem.walk_s
    between_s[0, 1:] = between_s[1:, 0] = problem.reach_s[problem.start]
    walk = np.arange(n + 1)
    _shorten(between_s, walk)
    return walk[1:] - 1


def s_shapes(problem: CartProblem) -> list[Ints]:
    """Aisle by aisle, each the other way than the one before: the first to the back, to the front, and each block by itself."""
    picks, pick_of = problem.picks, problem.pick_of
    columns, blocks, y_m = picks.columns[pick_of], picks.blocks[pick_of], picks.y_m[pick_of]
    along = np.where(columns % 2, -y_m, y_m)
    return [np.lexsort(keys) for keys in ((along, columns), (-along, columns), (along, columns, blocks))]


@compiled
def _shorten(between_s: Floats, walk: Ints) -> None:
    """Find a short closed walk over all points from walk[0]."""
    n = walk.size
    for at in range(n - 1):
        nearest = at + 1
        for other in range(at + 2, n):
            if between_s[walk[at], walk[other]] < between_s[walk[at], walk[nearest]]:
                nearest = other
        walk[at + 1], walk[nearest] = walk[nearest], walk[at + 1]
    changed = True
    while changed:
        changed = False
        for i in range(1, n):
            for j in range(i + 1, n):
                before, first, last, after = walk[i - 1], walk[i], walk[j], walk[(j + 1) % n]
                if between_s[before, last] + between_s[first, after] < between_s[before, first] + between_s[last, after] - 1e-9:
                    _reverse(walk, i, j)
                    changed = True
        for length in range(1, 4):
            for i in range(1, n - length + 1):
                changed = _move(between_s, walk, i, i + length - 1) or changed


@compiled
def _reverse(walk: Ints, i: int, j: int) -> None:
    while i < j:
        walk[i], walk[j] = walk[j], walk[i]
        i, j = i + 1, j - 1


@compiled
def _move(between_s: Floats, walk: Ints, i: int, j: int) -> bool:
    """Or-opt: move walk[i] to walk[j] to where they add least, either way round, if that saves anything."""
    n = walk.size
    before, first, last, after = walk[i - 1], walk[i], walk[j], walk[(j + 1) % n]
    least_s = between_s[before, first] + between_s[last, after] - between_s[before, after] - 1e-9
    behind, turned = -1, False
    for k in range(n):
        if i - 1 <= k <= j:
            continue
        a, b = walk[k], walk[(k + 1) % n]
        straight_s = between_s[a, first] + between_s[last, b] - between_s[a, b]
        turned_s = between_s[a, last] + between_s[first, b] - between_s[a, b]
        if min(straight_s, turned_s) < least_s:
            least_s, behind, turned = min(straight_s, turned_s), k, turned_s < straight_s
    if behind < 0:
        return False
    if not turned:
        _reverse(walk, i, j)  # and once more with what it is moved past
    if behind > j:
        _reverse(walk, j + 1, behind)
        _reverse(walk, i, behind)
    else:
        _reverse(walk, behind + 1, i - 1)
        _reverse(walk, behind + 1, j)
    return True
