"""The stands that a best schedule needs, so that its cost does not grow with aisles in which nothing is to be picked.

Let a and b be two neighbouring ones of these columns: columns with picks, columns of depots, and on either side of a depot between two
aisles the next aisle. Seen from an intersection, a pick lies |Δx| + |Δy| away, in every column. So while everything that happens in one
column between a and b (stays, pushes along the column, which pass no picks) is shifted sideways together, the length of each loop and of the
cart's way changes linearly, until a, b or another column with events is met: towards one side it does not grow. Hence some best schedule
never stops or turns between a and b, and likewise none outside the first and the last of these columns.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from bintally.layouts import Ladder, Place, Ways
from warehouse.routing.cart.problem import CartProblem, Floats, Ints, cart_problem


@dataclass(frozen=True)
class UsefulStands:
    """U of a problem's P stands, column by column.

    Attributes:
        stands: int64[U], their indices in the problem.
        move_to: int64[U, 4], the next useful stand to the left, right, front and back, an index into these; -1 for none.
        move_s: float64[U, 4], seconds with the cart.
        laid: int64[U, 4], the set of handfuls, as bits, that lie in the sub-aisle that is passed; 0 in a cross aisle.
    """

    stands: Ints
    move_to: Ints
    move_s: Floats
    laid: Ints


def useful_stands(problem: CartProblem) -> UsefulStands:
    """Keep the useful columns only."""
    columns = useful_columns(problem)
    stands = np.flatnonzero(np.isin(problem.columns, columns))
    number = {(int(problem.columns[stand]), int(problem.cross_aisles[stand])): index for index, stand in enumerate(stands)}
    move_to = np.full((len(stands), 4), -1, np.int64)
    move_s, laid = problem.move_s[stands], np.zeros((len(stands), 4), np.int64)
    x_m = problem.ladder.x_m
    for (column, cross), index in number.items():
        place = columns.index(column)
        for way, step in ((0, -1), (1, 1)):
            if 0 <= place + step < len(columns):
                to = columns[place + step]
                move_to[index, way] = number[to, cross]
                move_s[index, way] = abs(x_m[to] - x_m[column]) / problem.cart.push_m_s
        for way, step in ((2, -1), (3, 1)):
            if problem.move_to[stands[index], way] >= 0:
                move_to[index, way] = number[column, cross + step]
                inside = np.flatnonzero(problem.sub_aisle == problem.move_sub_aisle[stands[index], way])
                laid[index, way] = sum(1 << one for one in inside.tolist())
    return UsefulStands(stands, move_to, move_s, laid)


def narrowed(problem: CartProblem) -> CartProblem:
    """The problem in a ladder of its useful columns only, with the same handfuls: its best schedules are as fast."""
    ladder, kept = problem.ladder, useful_columns(problem)

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


def useful_columns(problem: CartProblem) -> list[int]:
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


def stands_between(problem: CartProblem, a: int, b: int) -> list[int]:
    """The problem's stands that the cart passes between two useful stands that are neighbours, in order, both left out."""
    if problem.columns[a] == problem.columns[b]:
        return []
    way = 0 if problem.columns[b] < problem.columns[a] else 1
    passed = []
    while (a := int(problem.move_to[a, way])) != b:
        passed.append(a)
    return passed
