"""Slow, plain references, and ladders and lists to compare them on."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np

from bintally.layouts import Ladder, PickList, Place, Shelf, Ways
from warehouse.routing.compiled import compiled

KINDS = ("closed", "another end", "several ends", "depots between aisles")


def random_ladder(rng: np.random.Generator, cross_aisles: int, kind: str) -> Ladder:
    """Two to six columns, blocks and pitches that differ, depots anywhere."""
    columns = int(rng.integers(2, 7))
    between = kind == "depots between aisles"
    aisles = [not between or column % 3 != 1 for column in range(columns)]

    def place() -> Place:
        column = int(rng.choice(np.flatnonzero(~np.array(aisles)))) if between and rng.random() < 0.8 else int(rng.integers(columns))
        return Place(column, int(rng.integers(cross_aisles)), float(rng.integers(4)))

    start = place()
    count = {"closed": 0, "another end": 1, "several ends": 3}.get(kind, int(rng.integers(3)))
    return Ladder(
        x_m=tuple(np.cumsum(rng.integers(1, 8, columns) / 2).tolist()),
        y_m=(0.0, *np.cumsum(rng.integers(2, 25, cross_aisles - 1) / 2).tolist()),
        start=start,
        ends=tuple(place() for _ in range(count)) or (start,),
        aisles=tuple(aisles),
        ways=Ways((0,) * columns, (0,) * cross_aisles),
    )


def random_list(rng: np.random.Generator, ladder: Ladder, picks: int) -> PickList:
    """Places at every half metre, intersections among them; fewer than asked for if some are the same."""
    shelves = []
    for _ in range(picks):
        column, block = int(rng.choice(np.flatnonzero(ladder.aisles))), int(rng.integers(ladder.blocks))
        low, high = ladder.y_m[block], ladder.y_m[block + 1]
        shelves.append((Shelf(f"{column}/{block}", column, block, low + 0.5 * int(rng.integers(int(2 * (high - low)) + 1))), 1))
    return PickList.of(ladder, shelves)


def held_karp_m(ladder: Ladder, picks: PickList) -> float:
    """The shortest tour by the dynamic programme over sets of picks, with distances measured in the whole ladder."""
    if not len(picks):
        return 0.0
    places = zip(picks.columns.tolist(), picks.y_m.tolist(), strict=True)
    depots = [(place.column, ladder.y_m[place.cross_aisle]) for place in (ladder.start, *ladder.ends)]
    distances = walks_m(ladder, [*places, *depots])
    n = len(picks)
    to_end = (distances[:n, n + 1 :] + [end.walk_m for end in ladder.ends]).min(axis=1)
    return ladder.start.walk_m + _held_karp(distances[:n, :n].copy(), distances[n, :n].copy(), to_end)


def walks_m(ladder: Ladder, points: list[tuple[int, float]]) -> np.ndarray:
    """Shortest walks between points, float64[n, n]: Floyd and Warshall on the graph of all intersections and points."""
    corners = itertools.product(range(ladder.columns), ladder.y_m)
    nodes = list(dict.fromkeys([*points, *corners]))
    number = {node: index for index, node in enumerate(nodes)}
    length = np.full((len(nodes), len(nodes)), np.inf)
    np.fill_diagonal(length, 0.0)
    lines = [[node for node in nodes if node[1] == y_m] for y_m in ladder.y_m]
    lines += [[node for node in nodes if node[0] == column] for column, aisle in enumerate(ladder.aisles) if aisle]
    for line in lines:
        for a, b in itertools.pairwise(sorted(line)):
            one, two = number[a], number[b]
            length[one, two] = length[two, one] = abs(ladder.x_m[a[0]] - ladder.x_m[b[0]]) + abs(a[1] - b[1])
    for via in range(len(nodes)):
        length = np.minimum(length, length[:, [via]] + length[[via], :])
    which = [number[point] for point in points]
    return length[np.ix_(which, which)]


@compiled
def _held_karp(between: np.ndarray, from_start: np.ndarray, to_end: np.ndarray) -> float:
    n = len(from_start)
    best = np.full((2**n, n), np.inf)
    for last in range(n):
        best[2**last, last] = from_start[last]
    for done in range(1, 2**n):
        for last in range(n):
            if best[done, last] < np.inf:
                for following in range(n):
                    if not done & (2**following):
                        after = done | (2**following)
                        best[after, following] = min(best[after, following], best[done, last] + between[last, following])
    return float((best[2**n - 1] + to_end).min())


def mirrored(ladder: Ladder, picks: PickList) -> tuple[Ladder, PickList]:
    """Left and right, front and back exchanged."""
    width, depth = ladder.x_m[-1], ladder.y_m[-1]

    def place(old: Place) -> Place:
        return replace(old, column=ladder.columns - 1 - old.column, cross_aisle=ladder.blocks - old.cross_aisle)

    other = replace(
        ladder,
        x_m=tuple(width - x for x in reversed(ladder.x_m)),
        y_m=tuple(depth - y for y in reversed(ladder.y_m)),
        start=place(ladder.start),
        ends=tuple(place(end) for end in ladder.ends),
        aisles=ladder.aisles[::-1],
    )
    shelves = [
        (Shelf(name, ladder.columns - 1 - int(column), ladder.blocks - 1 - int(block), depth - float(y_m)), 1)
        for name, column, block, y_m in zip(picks.names, picks.columns, picks.blocks, picks.y_m, strict=True)
    ]
    return other, PickList.of(other, shelves)


def list_at(ladder: Ladder, places: list[tuple[int, int, float]]) -> PickList:
    """A list of picks at columns, blocks and y."""
    return PickList.of(ladder, [(Shelf(str(index), *place), 1) for index, place in enumerate(places)])
