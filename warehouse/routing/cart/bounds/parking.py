"""The cheapest way to push and park the cart, if a share is paid for each handful that a loop takes.

    min  push(W) + park_s |Y| + Σ share[p(i), i] over the handfuls i that are not laid into the cart

over all walks W of the cart, all sets Y of stands on it where it is parked, and all choices p(i) of one of them. A dynamic programme from
left to right over the columns where the cart is parked: between two that follow each other, the cart's edges are added as in ``states``,
and a handful chooses among the stands at its left and at its right. Which of the stands further away are parked at is forgotten, but not
in which cross aisles they lie: handfuls may choose all stands there, parked at or not, and so the result is never too high.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from warehouse.routing.cart.bounds.states import OPTIONS, Kind, edges_s, transitions
from warehouse.routing.cart.problem import CartProblem, Floats, Ints
from warehouse.routing.compiled import compiled

Bools = npt.NDArray[np.bool_]

ROUND = frozenset({Kind.EDGE, Kind.CROSS, Kind.VISIT})
THERE = frozenset({Kind.EDGE, Kind.CROSS, Kind.VISIT, Kind.TURN})


class Walks(NamedTuple):
    """The walks of the cart from the start to one end, as steps of a sweep.

    Attributes:
        next_state, sources: see ``Transitions``.
        steps: int64[T], rows of next_state.
        cost: float64[T, 4], seconds of each option.
        sub_aisle: int64[T], which one an EDGE passes, else -1.
        row: int64[T], the cross aisle of a CROSS, else -1.
        first: int64[m + 1], the first step of each column.
        gap_s: float64[m], to come from each column to the next: twice, if the walk begins and ends on the same side of the gap.
        start: the column where it begins.
        place, handful_sub_aisle: int64[n], column and sub-aisle of each handful.
    """

    next_state: Ints
    sources: Ints
    steps: Ints
    cost: Floats
    sub_aisle: Ints
    row: Ints
    first: Ints
    gap_s: Floats
    start: int
    place: Ints
    handful_sub_aisle: Ints


class Nodes(NamedTuple):
    """N ways to park in a column, if the cart is parked in certain cross aisles only, and in each of them.

    The first is before all columns, the last behind them.

    Attributes:
        column: int64[N], growing.
        rows: int64[N], bits: where it is parked in this column.
        so_far: int64[N], bits: the cross aisles where it was parked up to this column.
        goal: bits: the cross aisles of this set.
        park_s: float64[N], seconds.
        left, right: bool[N, P], the stands among which a handful at the right, or left, of this column may choose.
        any: bool[1, P], all of these together.
    """

    column: Ints
    rows: Ints
    so_far: Ints
    goal: int
    park_s: Floats
    left: Bools
    right: Bools
    any: Bools


@dataclass(frozen=True)
class Parking:
    """What does not depend on the shares.

    Attributes:
        walks: to each end, and the seconds from there to the drop-off.
        nodes: for each set of cross aisles.
        sub_aisles: how many there are.
    """

    walks: tuple[tuple[Walks, float], ...]
    nodes: tuple[Nodes, ...]
    sub_aisles: int

    @property
    def work(self) -> int:
        """Transitions of the programme, in the worst case and in order of magnitude: some 2 ns each."""
        walks = sum(walks.next_state.shape[1] * (len(walks.first) - 1) for walks, _ in self.walks)
        return int(walks * sum(len(nodes.column) ** 2 for nodes in self.nodes))


def parking(problem: CartProblem) -> Parking:
    """Prepare the programme for a problem."""
    grid = np.lexsort((problem.cross_aisles, problem.columns)).reshape(problem.ladder.columns, -1)
    best: dict[int, float] = {}
    for end, end_s in zip(problem.ends.tolist(), problem.end_s.tolist(), strict=True):
        best[end] = min(best.get(end, np.inf), end_s)
    return Parking(
        walks=tuple((_walks(problem, grid, end), end_s) for end, end_s in best.items()),
        nodes=tuple(_nodes(problem, grid, goal) for goal in range(1 << grid.shape[1])),
        sub_aisles=problem.ladder.columns * problem.ladder.blocks,
    )


def _walks(problem: CartProblem, grid: Ints, end: int) -> Walks:
    count = grid.shape[1]
    steps: list[tuple[int, list[float], int, int]] = []
    first = []
    arrive = Kind.VISIT if problem.start == end else Kind.TURN

    def add(kind: Kind, row: int, seconds: list[float], sub_aisle: int = -1) -> None:
        crossed = row if kind == Kind.CROSS else -1
        steps.append((kind * count + row, seconds + [np.inf] * (OPTIONS - len(seconds)), sub_aisle, crossed))

    for stands in grid.tolist():
        first.append(len(steps))
        for row in (row for row, stand in enumerate(stands) if stand in (problem.start, end)):
            add(arrive, row, [0.0])
        for row, stand in enumerate(stands):
            if problem.move_to[stand, 3] >= 0:
                add(Kind.EDGE, row, edges_s(float(problem.move_s[stand, 3])), int(problem.move_sub_aisle[stand, 3]))
        for row, stand in enumerate(stands):
            add(Kind.CROSS, row, [0.0, *edges_s(float(problem.move_s[stand, 1]))])
    sides = (problem.columns[[problem.start, end]][:, None] <= np.arange(len(grid))).sum(axis=0)
    gap_s = problem.move_s[grid[:, 0], 1] * np.where(sides == 1, 1.0, 2.0)
    table = transitions(count, ROUND if problem.start == end else THERE)
    codes, cost, sub_aisle, crossed = zip(*steps, strict=True)
    return Walks(
        table.next,
        table.sources,
        np.array(codes, np.int64),
        np.array(cost),
        np.array(sub_aisle, np.int64),
        np.array(crossed, np.int64),
        np.array([*first, len(steps)], np.int64),
        gap_s,
        int(problem.columns[problem.start]),
        problem.picks.columns[problem.pick_of],
        problem.sub_aisle,
    )


def _nodes(problem: CartProblem, grid: Ints, goal: int) -> Nodes:
    columns, count = grid.shape
    bits = 1 << np.arange(count)
    row_of, column_of = np.zeros(problem.stands, np.int64), problem.columns
    row_of[grid] = np.arange(count)
    ways = [(-1, 0, 0, 0.0), *_ways(problem, grid, goal), (columns, 0, goal, 0.0)]
    column, rows, so_far, park_s = (np.array(values) for values in zip(*ways, strict=True))
    here = column_of == column[:, None]
    parked = here & (bits[row_of] & rows[:, None] > 0)
    before = (column_of < column[:, None]) & (bits[row_of] & so_far[:, None] > 0)
    after = (column_of > column[:, None]) & (bits[row_of] & goal > 0)
    left, right = ((parked | far) & problem.may_park for far in (before, after))
    return Nodes(np.maximum(column, 0), rows, so_far, goal, park_s, left, right, (left | right).any(axis=0, keepdims=True))


def _ways(problem: CartProblem, grid: Ints, goal: int) -> Iterator[tuple[int, int, int, float]]:
    """Column, rows, rows so far, seconds of each node."""
    count, park_s = grid.shape[1], problem.cart.park_s
    for column, stands in enumerate(grid):
        allowed = sum(1 << row for row, stand in enumerate(stands) if problem.may_park[stand])
        for rows, so_far in itertools.product(range(1, 1 << count), range(1 << count)):
            if rows & so_far == rows and rows & allowed == rows and so_far & goal == so_far:
                yield column, rows, so_far, park_s * rows.bit_count()


def cheapest_parking(plan: Parking, share: Floats, limit_s: float) -> tuple[float, Ints]:
    """The cheapest way, if it costs at most a limit.

    Args:
        plan: of the problem.
        share: float64[P, n], seconds, at least 0.
        limit_s: more is not looked for.

    Returns:
        Seconds, infinite if all ways cost more than the limit; int64[n], the stand that each handful chooses, -1 for those that are laid
        into the cart.
    """
    best_s, stand_of = np.inf, np.full(share.shape[1], -1, np.int64)
    for walks, end_s in plan.walks:
        for nodes in plan.nodes:
            seconds, stands = _cheapest(walks, nodes, share, min(limit_s, best_s) - end_s, plan.sub_aisles)
            if seconds + end_s < best_s:
                best_s, stand_of = seconds + end_s, stands
    return best_s, stand_of


@compiled
def _cheapest(walks: Walks, nodes: Nodes, share: Floats, limit_s: float, sub_aisles: int) -> tuple[float, Ints]:
    count, states, last = len(nodes.column), walks.next_state.shape[1], len(nodes.column) - 1
    left_s, left = _nearest(share, nodes.left)
    right_s, right = _nearest(share, nodes.right)
    layers, came, loops_s = np.empty((2, states)), np.empty((len(walks.steps), states), np.int64), np.empty(sub_aisles)
    any_s, rest_s = _nearest(share, nodes.any)[0][0], np.empty(count)
    for node in range(count):
        fixed_s = _wait(walks, nodes, node, last, any_s, any_s, loops_s)
        rest_s[node] = fixed_s + _least(walks, nodes, node, last, loops_s)
    value, came_from = np.full((count, states), np.inf), np.zeros((count, states), np.int64)
    value[0, 0] = 0.0
    for node in range(last):
        if value[node].min() + rest_s[node] > limit_s:
            continue
        for to in range(node + 1, count):
            if not _follows(nodes, node, to):
                continue
            paid_s = nodes.park_s[to] + _wait(walks, nodes, node, to, left_s[node], right_s[to], loops_s)
            hopeless_s = limit_s - rest_s[to] - paid_s
            if value[node].min() + _least(walks, nodes, node, to, loops_s) > hopeless_s:
                continue
            reached = _sweep(walks, nodes, node, to, loops_s, value[node], hopeless_s, layers, came)
            for state in range(states):
                if reached[state] + paid_s < value[to, state]:
                    value[to, state], came_from[to, state] = reached[state] + paid_s, node
    stand_of = np.full(share.shape[1], -1, np.int64)
    to, state = last, 1
    while to > 0 and value[last, 1] < np.inf:
        node = came_from[to, state]
        _wait(walks, nodes, node, to, left_s[node], right_s[to], loops_s)
        _sweep(walks, nodes, node, to, loops_s, value[node], np.inf, layers, came)
        for one in range(len(stand_of)):
            if nodes.column[node] <= walks.place[one] < nodes.column[to]:
                stand_of[one] = left[node, one] if left_s[node, one] <= right_s[to, one] else right[to, one]
        for step in range(walks.first[nodes.column[to]] - 1, walks.first[nodes.column[node]] - 1, -1):
            before = came[step, state]
            if walks.sub_aisle[step] >= 0 and before % OPTIONS > 0:
                for one in range(len(stand_of)):
                    if walks.handful_sub_aisle[one] == walks.sub_aisle[step]:
                        stand_of[one] = -1
            state = before // OPTIONS
        to = node
    return value[last, 1], stand_of


@compiled
def _nearest(share: Floats, allowed: Bools) -> tuple[Floats, Ints]:
    """The least share of each handful among the stands that are allowed at each node."""
    least, stand_of = np.full((len(allowed), share.shape[1]), np.inf), np.full((len(allowed), share.shape[1]), -1, np.int64)
    for node in range(len(allowed)):
        for stand in range(len(share)):
            for one in range(share.shape[1]):
                if allowed[node, stand] and share[stand, one] < least[node, one]:
                    least[node, one], stand_of[node, one] = share[stand, one], stand
    return least, stand_of


@compiled
def _follows(nodes: Nodes, node: int, to: int) -> bool:
    return bool((node == 0 or nodes.column[to] > nodes.column[node]) and nodes.so_far[node] | nodes.rows[to] == nodes.so_far[to])


@compiled
def _wait(walks: Walks, nodes: Nodes, node: int, to: int, left_s: Floats, right_s: Floats, loops_s: Floats) -> float:
    """What the loops to each sub-aisle between two nodes cost; returns all of it if the cart cannot be pushed there instead."""
    loops_s[:] = 0.0
    total = 0.0
    for one in range(len(walks.place)):
        if nodes.column[node] <= walks.place[one] < nodes.column[to]:
            loops_s[walks.handful_sub_aisle[one]] += min(left_s[one], right_s[one])
            total += min(left_s[one], right_s[one])
    return total if walks.sub_aisle.max() < 0 else 0.0


@compiled
def _least(walks: Walks, nodes: Nodes, node: int, to: int, loops_s: Floats) -> float:
    """What is at least paid between two nodes: the cart's way across, and for each sub-aisle the loops, or to push it through once."""
    total = 0.0
    if to + 1 < len(nodes.column):
        for column in range(nodes.column[node] if node else walks.start, nodes.column[to]):
            total += walks.gap_s[column]
    for step in range(walks.first[nodes.column[node]], walks.first[nodes.column[to]]):
        if walks.sub_aisle[step] >= 0:
            total += min(loops_s[walks.sub_aisle[step]], walks.cost[step, 1])
    return total


@compiled
def _sweep(
    walks: Walks, nodes: Nodes, node: int, to: int, loops_s: Floats, value: Floats, hopeless_s: float, layers: Floats, came: Ints
) -> Floats:
    """The cart's edges in the columns from one node up to the next: the cheapest ways to all states, but for hopeless ones."""
    first, own, end = walks.first[nodes.column[node]], walks.first[nodes.column[node] + 1], walks.first[nodes.column[to]]
    before: Floats = layers[0]
    after: Floats = layers[1]
    before[:] = value
    for step in range(first, end):
        after[:] = np.inf
        table, sub_aisle, row = walks.next_state[walks.steps[step]], walks.sub_aisle[step], walks.row[step]
        must = step < own and row >= 0 and nodes.rows[node] >> row & 1  # where it is parked, it has come
        for state in walks.sources[walks.steps[step]]:
            if state < 0:
                break
            if before[state] > hopeless_s or before[state] == np.inf:
                continue
            for option in range(must, OPTIONS):
                target = table[state, option]
                if target < 0:
                    continue
                total = before[state] + walks.cost[step, option]
                if option == 0 and sub_aisle >= 0:
                    total += loops_s[sub_aisle]
                if total < after[target]:
                    after[target], came[step, target] = total, OPTIONS * state + option
        before, after = after, before
    return before
