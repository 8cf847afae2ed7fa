"""The shortest directed tour by looking at every walk, and the rules that a walk must keep."""

import heapq
import itertools
from collections.abc import Iterator, Sequence

from bintally.layouts import Ladder, PickList
from warehouse.routing.tour import Point

Spot = tuple[int, float]

STEPS = {"up": (0, 1), "down": (0, -1), "right": (1, 0), "left": (-1, 0)}
TURNED = {"up": "down", "down": "up"}
HOME = (-1, 0.0)


def shortest_m(ladder: Ladder, picks: PickList) -> float | None:
    """Dijkstra over (place, direction of the last step, picks done); None where there is no tour."""
    goals = list(zip(picks.columns.tolist(), picks.y_m.tolist(), strict=True))
    lines = [sorted({*ladder.y_m, *(y for at, y in goals if at == column)}) for column in range(ladder.columns)]
    ends: dict[Spot, float] = {}
    for end in ladder.ends:
        place = (end.column, ladder.y_m[end.cross_aisle])
        ends[place] = min(end.walk_m, ends.get(place, float("inf")))
    start = (ladder.start.column, ladder.y_m[ladder.start.cross_aisle])
    heap = [(ladder.start.walk_m, start, "", frozenset(range(len(goals))))]
    done = set[tuple[Spot, str, frozenset[int]]]()
    while heap:
        length, place, heading, left = heapq.heappop(heap)
        if place == HOME:
            return length
        left = frozenset(goal for goal in left if goals[goal] != place)
        if (place, heading, left) in done:
            continue
        done.add((place, heading, left))
        if not left and place in ends:
            heapq.heappush(heap, (length + ends[place], HOME, "", left))
        for step, there, metres in _steps(ladder, lines, place, heading):
            heapq.heappush(heap, (length + metres, there, step, left))
    return None


def _steps(ladder: Ladder, lines: list[list[float]], place: Spot, heading: str) -> Iterator[tuple[str, Spot, float]]:
    column, y = place
    for step, (across, along) in STEPS.items():
        if along and ladder.aisles[column] and ladder.ways.columns[column] != -along:
            at = lines[column].index(y) + along
            turning = y not in ladder.y_m and TURNED.get(heading) == step
            if 0 <= at < len(lines[column]) and not (turning and not ladder.ways.turn_in_aisles):
                yield step, (column, lines[column][at]), abs(lines[column][at] - y)
        if (
            across
            and y in ladder.y_m
            and ladder.ways.cross_aisles[ladder.y_m.index(y)] != -across
            and 0 <= column + across < ladder.columns
        ):
            yield step, (column + across, y), abs(ladder.x_m[column + across] - ladder.x_m[column])


def check_ways(ladder: Ladder, path: Sequence[Point]) -> None:
    """Every step keeps to the rules."""
    for a, b in itertools.pairwise(path):
        assert a.column == b.column or a.y_m == b.y_m
        if a.column != b.column:
            assert ladder.ways.cross_aisles[ladder.y_m.index(a.y_m)] in (0, 1 if b.column > a.column else -1)
        elif a.y_m != b.y_m:
            assert ladder.aisles[a.column]
            assert ladder.ways.columns[a.column] in (0, 1 if b.y_m > a.y_m else -1)
    if not ladder.ways.turn_in_aisles:
        for a, b, c in zip(path, path[1:], path[2:], strict=False):
            assert b.y_m in ladder.y_m or (b.y_m - a.y_m) * (c.y_m - b.y_m) > 0
