"""The sweep over the columns: array relaxation in machine code.

Only columns with picks or a depot are swept. No shortest tour needs others: between two picks, or a pick and a depot, there is a shortest
walk that goes along the aisles of these two and in one cross aisle between them. A depot's column without picks is not walked along either.

Other compiled code may call `shortest_m`: build a `Sweep` with `warehouse.routing.exact.solve.sweep_of`, and one `workspace` a thread.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from warehouse.routing.compiled import compiled
from warehouse.routing.exact.states import FROM_BACK, FROM_BOTH, FROM_FRONT, NOTHING, ONCE, TWICE, Tables

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]


class Sweep(NamedTuple):
    """A ladder of m columns and h cross aisles with its tables.

    Attributes:
        x_m, y_m: float64[m] and float64[h], coordinates.
        start_column, start_row: the intersection where tours begin; a row is a cross aisle.
        start_walk_m: from the depot to it.
        end_columns, end_rows: int64[e].
        end_walk_m: float64[e].
        closed, open: the tables of tours that end where they begin, and of the others; the same if one of them is not needed.
    """

    x_m: Floats
    y_m: Floats
    start_column: int
    start_row: int
    start_walk_m: float
    end_columns: Ints
    end_rows: Ints
    end_walk_m: Floats
    closed: Tables
    open: Tables


class Work(NamedTuple):
    """A plan of L steps, and the layers of costs before and after each.

    Attributes:
        steps: int64[L, 4]; the number of each step in the tables, its column, and the states that it leads to: the first one, and the
            one behind the last.
        weights: float64[L, W], what each action of a step costs.
        costs: float64[R, S], the shortest left part of each state, infinite where there is none. Layer l, before step l, lies in row l
            modulo R: two rows are enough for a length, L + 1 are needed to trace a tour back.
    """

    steps: Ints
    weights: Floats
    costs: Floats


@compiled
def workspace(sweep: Sweep, layers: int) -> Work:
    """Memory for sweeps, to be used again and again by one thread.

    Args:
        sweep: the ladder.
        layers: how many are kept, R: 2 for lengths.
    """
    across = len(sweep.y_m)
    steps = len(sweep.x_m) * across + 3  # and two depots, and the end
    states = max(len(sweep.closed.degrees), len(sweep.open.degrees))
    actions = max(6, 2 * across + 1)
    return Work(np.zeros((steps, 4), np.int64), np.zeros((steps, actions)), np.empty((layers, states)))


@compiled
def shortest_m(sweep: Sweep, columns: Ints, blocks: Ints, y_m: Floats, begin: int, end: int, work: Work) -> float:
    """The length of the shortest tour.

    Args:
        sweep: the ladder.
        columns: int64[picks] of all lists, within a list sorted by column, block and y, which nobody checks here. A place may be named
            twice.
        blocks: int64[picks].
        y_m: float64[picks].
        begin: the list's first pick.
        end: the one behind its last.
        work: memory.

    Returns:
        metres, with the ways to the depots; 0 for an empty list.
    """
    if begin == end:
        return 0.0
    best = np.inf
    for exit_ in range(len(sweep.end_columns)):
        best = min(best, shortest_to_m(sweep, exit_, columns, blocks, y_m, begin, end, work)[0])
    return best


@compiled
def shortest_to_m(
    sweep: Sweep, exit_: int, columns: Ints, blocks: Ints, y_m: Floats, begin: int, end: int, work: Work
) -> tuple[float, int]:
    """The length of the shortest tour to one of the ends, of a list that is not empty, and the number of its steps."""
    if sweep.end_columns[exit_] == sweep.start_column and sweep.end_rows[exit_] == sweep.start_row:
        steps = _plan(sweep, exit_, sweep.closed, columns, blocks, y_m, begin, end, work)
        length_m = relax(sweep.closed, work, steps)
    else:
        steps = _plan(sweep, exit_, sweep.open, columns, blocks, y_m, begin, end, work)
        length_m = relax(sweep.open, work, steps)
    return sweep.start_walk_m + length_m + sweep.end_walk_m[exit_], steps


@compiled
def relax(tables: Tables, work: Work, steps: int) -> float:
    """Take the steps of a plan: each state costs as much as its cheapest entry.

    Returns:
        the cost of the finished tour, without the ways to the depots.

    Source:
        Ratliff & Rosenthal (1983); Cambazard & Catusse (arXiv 1512.06649), section 4.
    """
    work.costs[:] = np.inf
    work.costs[0, tables.empty] = 0.0
    old = 0
    for number in range(steps):
        new = old + 1 if old + 1 < len(work.costs) else 0
        step = work.steps[number, 0]
        for state in range(work.steps[number, 2], work.steps[number, 3]):
            best = np.inf
            for entry in range(tables.first[step, state], tables.first[step, state + 1]):
                cost = work.costs[old, tables.source[entry]] + work.weights[number, tables.action[entry]]
                best = min(best, cost)
            work.costs[new, state] = best
        old = new
    return float(work.costs[old, tables.finished])


@compiled
def _plan(sweep: Sweep, exit_: int, tables: Tables, columns: Ints, blocks: Ints, y_m: Floats, begin: int, end: int, work: Work) -> int:
    """Write down the steps of a list, and what their actions cost.

    Returns:
        the number of steps.
    """
    start_column, end_column = sweep.start_column, sweep.end_columns[exit_]
    closed = end_column == start_column and sweep.end_rows[exit_] == sweep.start_row
    across = len(sweep.y_m) - 1
    low, high = tables.low[0], tables.high[0]
    steps, depots, pick = 0, 0, begin
    column = min(columns[begin], start_column, end_column)
    while True:
        for depot in range(1 if closed else 2):
            depot_column = end_column if depot else start_column
            if column == depot_column:
                depots += 2 if closed else 1
                low, high = tables.low[depots], tables.high[depots]
                row = sweep.end_rows[exit_] if depot else sweep.start_row
                work.weights[steps, 0] = 0.0
                steps = _step(work.steps, steps, across + 1 + row, column, low, high)
        if pick < end and columns[pick] == column:
            for block in range(across):
                pick = _serve(sweep.y_m, block, column, columns, blocks, y_m, pick, end, work.weights, steps)
                steps = _step(work.steps, steps, block, column, low, high)
        following = columns[pick] if pick < end else len(sweep.x_m)
        if start_column > column:
            following = min(following, start_column)
        if end_column > column:
            following = min(following, end_column)
        if following == len(sweep.x_m):
            break
        for edges in range(2 * across + 3):
            work.weights[steps, edges] = edges * (sweep.x_m[following] - sweep.x_m[column])
        steps = _step(work.steps, steps, across, column, low, high)
        column = following
    # behind the last column there is nothing but the finished tour
    work.weights[steps, 0] = 0.0
    return _step(work.steps, steps, across, column, tables.finished, tables.finished + 1)


@compiled
def _step(steps: Ints, number: int, step: int, column: int, low: int, high: int) -> int:
    steps[number, 0], steps[number, 1], steps[number, 2], steps[number, 3] = step, column, low, high
    return number + 1


@compiled
def _serve(
    rows_m: Floats,
    block: int,
    column: int,
    columns: Ints,
    blocks: Ints,
    y_m: Floats,
    pick: int,
    end: int,
    weights: Floats,
    step: int,
) -> int:
    """Write down what each action costs in a sub-aisle.

    Nothing costs nothing if nothing is to be picked. From the front one goes to the last pick and back; from both ends, the largest gap
    between two picks, or a pick and an end, is left out.

    Returns:
        the first pick behind the sub-aisle.
    """
    front, back = rows_m[block], rows_m[block + 1]
    first, last, gap, nothing = back, front, 0.0, 0.0
    while pick < end and blocks[pick] == block and columns[pick] == column:
        if nothing == 0.0:
            first, nothing = y_m[pick], np.inf
        gap = max(gap, y_m[pick] - last)
        last = y_m[pick]
        pick += 1
    weights[step, NOTHING] = nothing
    weights[step, FROM_FRONT] = 2 * (last - front)
    weights[step, FROM_BACK] = 2 * (back - first)
    weights[step, FROM_BOTH] = 2 * (back - front - max(gap, back - last))
    weights[step, ONCE] = back - front
    weights[step, TWICE] = 2 * (back - front)
    return pick
