"""From the sweep's layers back to a tour: the steps that were taken, the edges that they stand for, and a walk over these."""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Iterator, Sequence

from bintally.layouts import Ladder, PickList, Place
from warehouse.routing.exact.states import FROM_BACK, FROM_FRONT, NOTHING, ONCE, TWICE, Tables
from warehouse.routing.exact.sweep import Work
from warehouse.routing.tour import Point

Node = tuple[int, float]
"""A column and a y: an intersection or a pick."""
Edge = tuple[Node, Node]


def traced_path(ladder: Ladder, picks: PickList, end: Place, tables: Tables, work: Work, steps: int) -> tuple[Point, ...]:
    """The walk that a sweep found.

    Args:
        ladder: what was swept.
        picks: what was to be reached.
        end: the end that it was swept for.
        tables: the tables for this end.
        work: the plan, and all layers.
        steps: how many it has.
    """
    edges: list[Edge] = []
    taken = _steps_taken(tables, work, steps)
    lines = _lines(picks)
    for index, (step, column, action, state) in enumerate(taken):
        if step < ladder.blocks:
            edges += _served(ladder, lines.get((column, step), []), column, step, action)
        elif step == ladder.blocks and index + 1 < len(taken):
            edges += _crossed(ladder, column, taken[index + 1][1], tables.degrees[state].tolist())
    return tuple(_points(picks, _euler_walk(edges, (end.column, ladder.y_m[end.cross_aisle]))))


def _steps_taken(tables: Tables, work: Work, steps: int) -> list[tuple[int, int, int, int]]:
    """Each step's number in the tables, column, action, and the state that it led to, from the first to the last."""
    state = tables.finished
    taken: list[tuple[int, int, int, int]] = []
    for number in reversed(range(steps)):
        step, column = work.steps[number, :2].tolist()
        low, high = tables.first[step, state : state + 2].tolist()
        # the sums are those of the sweep, bit by bit
        sums = work.costs[number, tables.source[low:high]] + work.weights[number, tables.action[low:high]]
        entry = low + int(sums.argmin())
        taken.append((step, column, int(tables.action[entry]), state))
        state = int(tables.source[entry])
    return taken[::-1]


def _lines(picks: PickList) -> dict[tuple[int, int], list[float]]:
    """The picks' y in each sub-aisle, increasing."""
    lines = defaultdict(list)
    for column, block, y_m in zip(picks.columns.tolist(), picks.blocks.tolist(), picks.y_m.tolist(), strict=True):
        lines[column, block].append(y_m)
    return lines


def _served(ladder: Ladder, line: Sequence[float], column: int, block: int, action: int) -> Iterator[Edge]:
    """The edges between picks and ends of a sub-aisle; each is walked twice but where an action leaves a gap, or goes through once."""
    nodes = [(column, y_m) for y_m in (ladder.y_m[block], *line, ladder.y_m[block + 1])]
    links = list(itertools.pairwise(nodes))
    if action == NOTHING:
        return
    if action in {ONCE, TWICE}:
        gap = None
    elif action == FROM_FRONT:
        gap = len(links) - 1
    elif action == FROM_BACK:
        gap = 0
    else:
        gap = max(range(len(links)), key=lambda link: links[link][1][1] - links[link][0][1])
    for index, link in enumerate(links):
        if index != gap and link[0] != link[1]:
            yield from [link] * (1 if action == ONCE else 2)


def _crossed(ladder: Ladder, column: int, following: int, edges: Sequence[int]) -> Iterator[Edge]:
    for y_m, count in zip(ladder.y_m, edges, strict=True):
        yield from [((column, y_m), (following, y_m))] * count


def _euler_walk(edges: Sequence[Edge], end: Node) -> list[Node]:
    """A walk over each edge once (Hierholzer, 1873): go on until stuck, step back, and go on where edges are left.

    Only the start and the end have odd degrees, if they differ, so the first time that one is stuck is at the end.
    """
    left = defaultdict(list)
    for number, (a, b) in enumerate(edges):
        left[a].append((number, b))
        left[b].append((number, a))
    used: set[int] = set()
    stack, walk = [end], []
    while stack:
        here = left[stack[-1]]
        while here and here[-1][0] in used:
            here.pop()
        if here:
            number, there = here.pop()
            used.add(number)
            stack.append(there)
        else:
            walk.append(stack.pop())
    return walk


def _points(picks: PickList, walk: Sequence[Node]) -> Iterator[Point]:
    """Name each pick when it is first reached, and leave out nodes where nothing is done."""
    numbers = {(int(column), float(y_m)): number for number, (column, y_m) in enumerate(zip(picks.columns, picks.y_m, strict=True))}
    points = [Point(*node, numbers.pop(node, None)) for node in walk]
    for index, point in enumerate(points):
        inner = 0 < index < len(points) - 1
        if not inner or point.pick is not None or not _straight_on(points[index - 1], point, points[index + 1]):
            yield point


def _straight_on(before: Point, here: Point, after: Point) -> bool:
    """The walk neither turns nor turns round here."""
    if before.column == here.column == after.column:
        return (before.y_m < here.y_m) == (here.y_m < after.y_m)
    return before.y_m == here.y_m == after.y_m and (before.column < here.column) == (here.column < after.column)
