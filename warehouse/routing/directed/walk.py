"""From a set of passages and excursions to the walk that has them all."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Iterator

from bintally.layouts import Ladder, PickList
from warehouse.routing.directed.options import LEADS_ON, Option
from warehouse.routing.directed.sweep import Uses
from warehouse.routing.tour import Point

Node = tuple[int, int]
Spot = tuple[int, float]


def walk_of(ladder: Ladder, picks: PickList, uses: Uses) -> tuple[Point, ...]:
    """The walk from the start to the set's end, with the picks on it."""
    nodes = _euler_walk(_passages(uses), (ladder.start.column, ladder.start.cross_aisle))
    spots = [(column, y_m) for column, y_m in zip(picks.columns.tolist(), picks.y_m.tolist(), strict=True)]
    return tuple(_straightened(_named(_spots(ladder, uses, spots, nodes), spots)))


def _passages(uses: Uses) -> dict[Node, list[Node]]:
    """Where each intersection is left to, once for each passage."""
    leaving = defaultdict[Node, list[Node]](list)
    for options, d_column, d_row in ((uses.aisles, 0, 1), (uses.across, 1, 0)):
        for (column, row), option in options.items():
            here, there = (column, row), (column + d_column, row + d_row)
            forth, back = _both_ways(option)
            leaving[here] += [there] * forth
            leaving[there] += [here] * back
    return leaving


def _both_ways(option: Option) -> tuple[int, int]:
    if option.flow == 0 and option.joins == LEADS_ON:
        return 1, 1
    return max(option.flow, 0), max(-option.flow, 0)


def _euler_walk(leaving: dict[Node, list[Node]], start: Node) -> list[Node]:
    """A walk that takes every passage once (Hierholzer, 1873)."""
    walk, stack = [], [start]
    while stack:
        if leaving[stack[-1]]:
            stack.append(leaving[stack[-1]].pop())
        else:
            walk.append(stack.pop())
    return walk[::-1]


def _spots(ladder: Ladder, uses: Uses, picks: Iterable[Spot], nodes: list[Node]) -> Iterator[Spot]:
    """All intersections and picks that are passed; excursions are walked when their intersection is first reached."""
    known: set[Node] = set()
    places = sorted(set(picks))
    here = (nodes[0][0], ladder.y_m[nodes[0][1]])
    for column, row in nodes:
        there = (column, ladder.y_m[row])
        yield from _between(places, here, there)
        yield there
        if (column, row) not in known:
            known.add((column, row))
            for turn_m in _excursions(uses, column, row):
                yield from _between(places, there, (column, turn_m))
                yield column, turn_m
                yield there
        here = there


def _between(places: list[Spot], here: Spot, there: Spot) -> list[Spot]:
    """The picks that are passed in an aisle, neither end among them."""
    low, high = sorted((here, there))
    passed = [place for place in places if here[0] == there[0] and low < place < high]
    return passed if here < there else passed[::-1]


def _excursions(uses: Uses, column: int, row: int) -> Iterator[float]:
    """Where one turns, in the sub-aisle that begins here and in the one that ends here."""
    for option, end in ((uses.aisles[column, row], 0), (uses.aisles.get((column, row - 1)), 1)):
        if option is not None and not math.isnan(option.turns_m[end]):
            yield option.turns_m[end]


def _named(spots: Iterable[Spot], picks: list[Spot]) -> list[Point]:
    """Points, each pick at the first of them that lies there."""
    left = {spot: pick for pick, spot in enumerate(picks)}
    return [Point(*spot, left.pop(spot, None)) for spot in spots]


def _straightened(points: list[Point]) -> Iterator[Point]:
    """Without the points where nothing is picked and one walks straight on."""
    for index, here in enumerate(points):
        if here.pick is None and 0 < index < len(points) - 1 and _straight(points[index - 1], here, points[index + 1]):
            continue
        yield here


def _straight(a: Point, b: Point, c: Point) -> bool:
    along = a.column == b.column == c.column and (b.y_m - a.y_m) * (c.y_m - b.y_m) > 0
    return along or (a.y_m == b.y_m == c.y_m and (b.column - a.column) * (c.column - b.column) > 0)
