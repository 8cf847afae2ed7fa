"""The stands that a best schedule needs, so that its cost does not grow with aisles in which nothing is to be picked.

Let a and b be two neighbouring ones of these columns: columns with picks, columns of depots, and on either side of a depot between two
aisles the next aisle. Seen from an intersection, a pick lies |Δx| + |Δy| away, in every column. So while everything that happens in one
column between a and b (stays, pushes along the column, which pass no picks) is shifted sideways together, the length of each loop and of the
cart's way changes linearly, until a, b or another column with events is met: towards one side it does not grow. Hence some best schedule
never stops or turns between a and b, and likewise none outside the first and the last of these columns.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np

from bintally.layouts import Ladder, Place, Ways
from warehouse.routing.cart.problem import CartProblem, cart_problem
from warehouse.routing.cart.schedule import Visit


def narrowed(problem: CartProblem) -> CartProblem:
    """The problem in a ladder of its useful columns only, with the same handfuls: its best schedules are as fast."""
    ladder, kept = problem.ladder, _useful_columns(problem)
    if len(kept) == ladder.columns:
        return problem

    def place(one: Place) -> Place:
        return replace(one, column=kept.index(one.column))

    narrow = Ladder(
        x_m=tuple(ladder.x_m[column] for column in kept),
        y_m=ladder.y_m,
        start=place(ladder.start),
        ends=tuple(place(end) for end in ladder.ends if end.column in kept),
        aisles=tuple(ladder.aisles[column] for column in kept),
        ways=Ways((0,) * len(kept), (0,) * ladder.cross_aisles),
    )
    picks = replace(problem.picks, columns=np.searchsorted(kept, problem.picks.columns))
    return cart_problem(narrow, picks, problem.cart)


def _useful_columns(problem: CartProblem) -> list[int]:
    """Columns with picks or depots, and the next aisles on either side of a depot that lies in none; in order."""
    ladder = problem.ladder
    depots = {int(problem.columns[stand]) for stand in (problem.start, *problem.ends.tolist())}
    kept = depots | set(problem.picks.columns.tolist())
    aisles = [column for column, aisle in enumerate(ladder.aisles) if aisle]
    for column in depots:
        if not ladder.aisles[column]:
            kept.update([max((aisle for aisle in aisles if aisle < column), default=column)])
            kept.update([min((aisle for aisle in aisles if aisle > column), default=column)])
    return sorted(kept)


def widened(problem: CartProblem, plan: Sequence[Visit]) -> list[Visit]:
    """A plan of the narrowed problem as one of the problem itself: with the stands that the cart passes in between."""
    stands = np.flatnonzero(np.isin(problem.columns, _useful_columns(problem))).tolist()
    wide: list[Visit] = []
    for visit in plan:
        stand = stands[visit.stand]
        if wide:
            wide += [Visit(passed) for passed in _passed(problem, wide[-1].stand, stand)]
        wide.append(Visit(stand, visit.loops))
    return wide


def _passed(problem: CartProblem, a: int, b: int) -> Iterator[int]:
    """The stands between two of one cross aisle, or none between two of one column, which are neighbours."""
    way = 0 if problem.columns[b] < problem.columns[a] else 1
    while problem.columns[a] != problem.columns[b] and (a := int(problem.move_to[a, way])) != b:
        yield a
