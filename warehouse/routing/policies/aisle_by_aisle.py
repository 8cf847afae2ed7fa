"""Aisle by aisle: each aisle is visited once, and the cross aisle to the next is chosen well.

Source: Vaughan & Petersen, The effect of warehouse cross aisles on order picking efficiency, IJPR 37 (1999) 881-897.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping

from bintally.layouts import Ladder
from warehouse.routing.policies.walk import Walk


def aisle_by_aisle(walk: Walk) -> None:
    """Pick all of one aisle before the next is entered, from the first to the last, or the other way round if that is shorter.

    The dynamic programme has a state for each cross aisle by which an aisle may be left.
    """
    ladder, aisles = walk.ladder, walk.aisles()
    if not aisles:
        return
    orders = [list(aisles), list(aisles)[::-1]]
    if ladder.ends == (ladder.start,):
        orders.pop()  # the same tours, walked backwards
    _, columns, rows = min(_best_rows(ladder, aisles, columns) for columns in orders)
    for column, row in zip(columns, rows, strict=True):
        walk.along_to(column)
        exit_ = ladder.y_m[row]
        low, high = aisles[column]
        bottom, top = min(low, walk.here.y_m, exit_), max(high, walk.here.y_m, exit_)
        first, second = (bottom, top) if walk.here.y_m <= exit_ else (top, bottom)
        walk.up_to(first)
        walk.up_to(second)
        walk.up_to(exit_)


def _best_rows(ladder: Ladder, aisles: Mapping[int, tuple[float, float]], columns: list[int]) -> tuple[float, list[int], tuple[int, ...]]:
    """The length with the way to the best end, the columns, and the cross aisle by which each is left."""
    x_m, y_m, start = ladder.x_m, ladder.y_m, ladder.start
    states: dict[int, tuple[float, tuple[int, ...]]] = {start.cross_aisle: (0.0, ())}
    for before, column in itertools.pairwise([start.column, *columns]):
        across = abs(x_m[column] - x_m[before])
        # what lies between entry and exit is walked once, what lies beyond them twice
        low, high = aisles[column]
        below = [2 * max(0.0, y - low) for y in y_m]
        above = [2 * max(0.0, high - y) for y in y_m]
        after = {}
        for exit_ in range(ladder.cross_aisles):
            metres, entry = min(
                (metres + abs(y_m[exit_] - y_m[entry]) + below[min(entry, exit_)] + above[max(entry, exit_)], entry)
                for entry, (metres, _) in states.items()
            )
            after[exit_] = (across + metres, (*states[entry][1], exit_))
        states = after
    last = x_m[columns[-1]]
    metres, row = min((states[end.cross_aisle][0] + abs(last - x_m[end.column]) + end.walk_m, end.cross_aisle) for end in ladder.ends)
    return metres, columns, states[row][1]
