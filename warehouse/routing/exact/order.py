"""In which order the shortest tour reaches the picks, in machine code: `trace` for those who need no path, but thousands of orders a second.

The tour's edges are laid out as counts over nodes, column by column and in each from front to back, cross aisles and picks alike; so each
node has at most four neighbours. A walk over all of them (Hierholzer, 1873) reaches each pick, and the first times give the order.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from warehouse.routing.compiled import compiled
from warehouse.routing.exact.states import FROM_BACK, FROM_BOTH, FROM_FRONT, NOTHING, ONCE, Tables
from warehouse.routing.exact.sweep import Floats, Ints, Sweep, Work, shortest_to_m, workspace

_UP, _RIGHT, _TO_RIGHT, _TO_LEFT, _PICK = range(5)


class Walk(NamedTuple):
    """Memory of one thread for lists of up to so many picks.

    Attributes:
        sweep: layers for a tour that is traced back.
        actions, states: int64[steps], what the tour does at each step, and where that leads.
        nodes: int64[N, 5]. Edges to the next node of the column, and to the next column; the neighbours there and in the column before,
            -1 for none; the pick, -1 at a cross aisle.
        rows: int64[m, h], the nodes of each column's cross aisles.
        stack: int64[4N], the walk.
    """

    sweep: Work
    actions: Ints
    states: Ints
    nodes: Ints
    rows: Ints
    stack: Ints


@compiled
def walk_for(sweep: Sweep, most_picks: int) -> Walk:
    """Memory for `tour_order`."""
    across, columns = len(sweep.y_m), len(sweep.x_m)
    steps, nodes = columns * across + 3, columns * across + most_picks
    return Walk(
        workspace(sweep, steps + 1),
        np.empty(steps, np.int64),
        np.empty(steps, np.int64),
        np.empty((nodes, 5), np.int64),
        np.empty((columns, across), np.int64),
        np.empty(4 * nodes + 4, np.int64),
    )


@compiled
def tour_order(sweep: Sweep, columns: Ints, blocks: Ints, y_m: Floats, begin: int, end: int, walk: Walk, order: Ints) -> float:
    """Find the shortest tour, and the order in which it reaches the picks.

    Args:
        sweep: the ladder.
        columns: int64[picks] of all lists, within a list sorted by column, block and y, which nobody checks here.
        blocks: int64[picks].
        y_m: float64[picks].
        begin: the list's first pick.
        end: the one behind its last.
        walk: memory for at least so many picks.
        order: int64, at least as many; overwritten by the picks' numbers in the list, from 0.

    Returns:
        metres, as `shortest_m`; 0 for an empty list.
    """
    if begin == end:
        return 0.0
    best, chosen, steps = np.inf, -1, 0
    for exit_ in range(len(sweep.end_columns)):
        length_m, steps = shortest_to_m(sweep, exit_, columns, blocks, y_m, begin, end, walk.sweep)
        if length_m < best:
            best, chosen = length_m, exit_
    if chosen != len(sweep.end_columns) - 1:  # its layers have been overwritten
        best, steps = shortest_to_m(sweep, chosen, columns, blocks, y_m, begin, end, walk.sweep)
    if sweep.end_columns[chosen] == sweep.start_column and sweep.end_rows[chosen] == sweep.start_row:
        _trace(sweep.closed, walk, steps)
        _lay(sweep.closed, steps, columns, blocks, y_m, begin, end, walk, sweep.y_m)
    else:
        _trace(sweep.open, walk, steps)
        _lay(sweep.open, steps, columns, blocks, y_m, begin, end, walk, sweep.y_m)
    _go(walk, walk.rows[sweep.end_columns[chosen], sweep.end_rows[chosen]], order)
    return best


@compiled
def _trace(tables: Tables, walk: Walk, steps: int) -> None:
    """Write down the steps of the cheapest way to the finished tour."""
    work, state = walk.sweep, np.int64(tables.finished)
    for back in range(steps):
        number = steps - 1 - back
        step = work.steps[number, 0]
        best, taken = np.inf, np.int64(-1)
        for entry in range(tables.first[step, state], tables.first[step, state + 1]):
            cost = work.costs[number, tables.source[entry]] + work.weights[number, tables.action[entry]]
            if cost < best:
                best, taken = cost, np.int64(entry)
        walk.actions[number], walk.states[number] = tables.action[taken], state
        state = np.int64(tables.source[taken])


@compiled
def _lay(tables: Tables, steps: int, columns: Ints, blocks: Ints, y_m: Floats, begin: int, end: int, walk: Walk, rows_m: Floats) -> None:
    """Lay the edges of the traced steps."""
    nodes, rows, across = walk.nodes, walk.rows, len(rows_m)
    pick, node, column = begin, 0, -1
    for number in range(steps):
        if walk.sweep.steps[number, 1] != column:
            left, column = column, walk.sweep.steps[number, 1]
            # the column's nodes, and the edges from the one before
            for row in range(across):
                rows[column, row] = node
                _add(nodes, node, -1)
                if left >= 0:
                    behind = rows[left, row]
                    nodes[behind, _RIGHT] = tables.degrees[walk.states[number - 1], row]
                    nodes[behind, _TO_RIGHT], nodes[node, _TO_LEFT] = node, behind
                node += 1
                while row < across - 1 and pick < end and columns[pick] == column and blocks[pick] == row:
                    _add(nodes, node, pick - begin)
                    pick, node = pick + 1, node + 1
        step = walk.sweep.steps[number, 0]
        if step < across - 1 and walk.actions[number] != NOTHING:
            _serve(nodes, rows[column, step], rows[column, step + 1], walk.actions[number], rows_m[step], rows_m[step + 1], y_m, begin)


@compiled
def _add(nodes: Ints, node: int, pick: int) -> None:
    nodes[node, _UP] = nodes[node, _RIGHT] = 0
    nodes[node, _TO_RIGHT] = nodes[node, _TO_LEFT] = -1
    nodes[node, _PICK] = pick


@compiled
def _serve(nodes: Ints, front: int, back: int, action: int, front_m: float, back_m: float, y_m: Floats, begin: int) -> None:
    """Walk along a sub-aisle: each stretch twice, but where an action leaves a gap, or goes through once."""
    gap = -1
    if action == FROM_FRONT:
        gap = back - 1
    elif action == FROM_BACK:
        gap = front
    elif action == FROM_BOTH:
        widest_m = -1.0
        for node in range(front, back):
            low_m = front_m if node == front else y_m[begin + nodes[node, _PICK]]
            high_m = back_m if node + 1 == back else y_m[begin + nodes[node + 1, _PICK]]
            if high_m - low_m > widest_m:
                gap, widest_m = node, high_m - low_m
    for node in range(front, back):
        nodes[node, _UP] = 0 if node == gap else 1 if action == ONCE else 2


@compiled
def _go(walk: Walk, start: int, order: Ints) -> None:
    """Walk over each edge once: on until stuck, back, and on where edges are left. What one steps back from is the walk, reversed."""
    nodes, stack = walk.nodes, walk.stack
    depth, reached = 1, 0
    stack[0] = start
    while depth:
        here = stack[depth - 1]
        left = nodes[here, _TO_LEFT]
        if nodes[here, _RIGHT]:
            nodes[here, _RIGHT] -= 1
            stack[depth], depth = nodes[here, _TO_RIGHT], depth + 1
        elif nodes[here, _UP]:
            nodes[here, _UP] -= 1
            stack[depth], depth = here + 1, depth + 1
        elif here and nodes[here - 1, _UP]:
            nodes[here - 1, _UP] -= 1
            stack[depth], depth = here - 1, depth + 1
        elif left >= 0 and nodes[left, _RIGHT]:
            nodes[left, _RIGHT] -= 1
            stack[depth], depth = left, depth + 1
        else:
            depth -= 1
            if nodes[here, _PICK] >= 0:
                order[reached], reached = nodes[here, _PICK], reached + 1
                nodes[here, _PICK] = -1
