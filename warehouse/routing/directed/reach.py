"""Whether there is a tour at all: what can be reached, and left again."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

from bintally.errors import InputError
from bintally.layouts import Ladder, PickList

Node = tuple[int, int]


def check_reachable(ladder: Ladder, picks: PickList) -> None:
    """Look for a pick or a drop-off that no tour can have.

    Two places that are each on some tour need not be on one together, if none can be reached from the other. If of all pairs one can, then
    all can be reached one after the other: every tournament has a Hamiltonian path (Rédei, 1934).

    Raises:
        InputError: a drop-off or a pick cannot be reached, or not left again, or two picks not on one tour.
    """
    ways = [_in_and_out(ladder, picks, pick) for pick in range(len(picks))]
    start = (ladder.start.column, ladder.start.cross_aisle)
    reach = {node: _reached(ladder, node) for node in {start, *(leave for _, leave in ways)}}
    ends = {(end.column, end.cross_aisle) for end in ladder.ends} & reach[start]
    if not ends:
        raise InputError(f"the one-way rules let nobody come from {ladder.start} to any end: {', '.join(map(str, ladder.ends))}")
    for pick, (enter, leave) in enumerate(ways):
        if enter not in reach[start]:
            raise InputError(f"{_named(picks, pick)} cannot be reached from the start under the one-way rules")
        if not ends & reach[leave]:
            raise InputError(f"from {_named(picks, pick)} no end of the tour can be reached under the one-way rules")
    pick_of = {way: pick for pick, way in enumerate(ways)}
    for one, other in itertools.combinations(pick_of, 2):
        if other[0] not in reach[one[1]] and one[0] not in reach[other[1]]:
            names = f"{_named(picks, pick_of[one])} and {_named(picks, pick_of[other])}"
            raise InputError(f"{names} cannot be on one tour: the one-way rules lead from neither to the other")


def _reached(ladder: Ladder, start: Node) -> set[Node]:
    """All intersections that can be reached from one."""
    found, left = {start}, [start]
    while left:
        for node in _next(ladder, *left.pop()):
            if node not in found:
                found.add(node)
                left.append(node)
    return found


def _next(ladder: Ladder, column: int, row: int) -> Iterator[Node]:
    for step in (-1, 1):
        if 0 <= column + step < ladder.columns and ladder.ways.cross_aisles[row] != -step:
            yield column + step, row
        if 0 <= row + step < ladder.cross_aisles and ladder.aisles[column] and ladder.ways.columns[column] != -step:
            yield column, row + step


def _in_and_out(ladder: Ladder, picks: PickList, pick: int) -> tuple[Node, Node]:
    """The intersections from which a pick is reached, and to which it is left; in a two-way aisle each leads to the other."""
    column, block, y_m = int(picks.columns[pick]), int(picks.blocks[pick]), float(picks.y_m[pick])
    way = ladder.ways.columns[column]
    if way == 0 or y_m in ladder.y_m:
        row = ladder.y_m.index(y_m) if y_m in ladder.y_m else block
        return (column, row), (column, row)
    front, back = (column, block), (column, block + 1)
    return (front, back) if way > 0 else (back, front)


def _named(picks: PickList, pick: int) -> str:
    return f"{picks.names[pick]} (column {picks.columns[pick]}, {picks.y_m[pick]:g} m)"
