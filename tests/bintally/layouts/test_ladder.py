import dataclasses
import heapq
import itertools
import math
from typing import Any

import numpy as np
import pytest

from bintally.errors import InputError
from bintally.layouts import Ladder, Place, Ways

Spot = tuple[int, float]


def ladder(**changes: Any) -> Ladder:
    """Three columns 2 and 5 m apart, blocks of 4 and 6 m."""
    start = Place(0, 0)
    free = Ways((0, 0, 0), (0, 0, 0))
    plain = Ladder((0.0, 2.0, 7.0), (0.0, 4.0, 10.0), start=start, ends=(start,), aisles=(True, True, True), ways=free)
    return dataclasses.replace(plain, **changes)


def shortest_m(one: Ladder, a: Spot, b: Spot) -> float:
    """Dijkstra's algorithm over intersections and the two spots."""
    spots = {a, b, *itertools.product(range(one.columns), one.y_m)}

    def joined(p: Spot, q: Spot) -> bool:
        return (p[0] == q[0] and one.aisles[p[0]]) or (p[1] == q[1] and p[1] in one.y_m)

    best, heap = {a: 0.0}, [(0.0, a)]
    while heap:
        length, p = heapq.heappop(heap)
        for q in spots:
            metres = length + abs(p[1] - q[1]) + abs(one.x_m[p[0]] - one.x_m[q[0]])
            if joined(p, q) and metres < best.get(q, math.inf):
                best[q] = metres
                heapq.heappush(heap, (metres, q))
    return best[b]


@pytest.mark.parametrize("aisles", [(True, True, True), (True, False, True), (False, True, False), (False, False, True)])
def test_distances_are_those_of_the_ladders_graph(aisles: tuple[bool, ...]) -> None:
    one = ladder(aisles=aisles)
    spots = [*itertools.product(range(3), one.y_m)]
    spots += [(column, y) for column in range(3) for y in (1.0, 3.5, 6.0, 9.0) if aisles[column]]
    for a, b in itertools.product(spots, spots):
        assert one.distance_m(a, b) == pytest.approx(shortest_m(one, a, b)), (a, b)


def test_distances_in_random_ladders_are_those_of_the_graph() -> None:
    rng = np.random.default_rng(1)
    for _ in range(20):
        one = ladder(
            x_m=tuple(np.cumsum(rng.integers(1, 9, 3)).astype(float).tolist()),
            y_m=(0.0, *np.cumsum(rng.integers(1, 9, 2)).astype(float).tolist()),
        )
        a, b = ((int(rng.integers(3)), float(rng.uniform(0, one.y_m[-1]))) for _ in range(2))
        assert one.distance_m(a, b) == pytest.approx(shortest_m(one, a, b))


def test_a_ladder_counts_its_parts() -> None:
    one = ladder()
    assert (one.columns, one.cross_aisles, one.blocks) == (3, 3, 2)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"y_m": (0.0,), "ways": Ways((0, 0, 0), (0,))}, "at least 2 cross aisles"),
        ({"y_m": (0.0, 4.0, 4.0)}, "coordinates of the cross aisles"),
        ({"y_m": (0.0, math.nan, 10.0)}, "coordinates of the cross aisles"),
        ({"y_m": (1.0, 4.0, 10.0)}, "first cross aisle lies at 1 m"),
        ({"x_m": (0.0, -2.0, 7.0)}, "coordinates of the columns"),
        ({"x_m": (0.0, 2.0, math.inf)}, "coordinates of the columns"),
        ({"x_m": (math.nan,), "aisles": (True,), "ways": Ways((0,), (0, 0, 0))}, "coordinates of the columns"),
        ({"x_m": (), "aisles": (), "ways": Ways((), (0, 0, 0))}, "coordinates of the columns"),
        ({"aisles": (True, True)}, "one entry a column"),
        ({"ways": Ways((0, 0), (0, 0, 0))}, "one entry a column"),
        ({"ways": Ways((0, 0, 0), (0, 0))}, "one entry a column"),
        ({"ways": Ways((0, 0, 2), (0, 0, 0))}, "ways are 0, 1 or -1"),
        ({"aisles": (False, False, False)}, "at least one aisle"),
        ({"ends": ()}, "where tours end"),
        ({"start": Place(3, 0)}, "is nowhere"),
        ({"start": Place(-1, 0)}, "is nowhere"),
        ({"ends": (Place(0, 0), Place(0, 3))}, "is nowhere"),
        ({"start": Place(0, 0, -1.0)}, "is nowhere"),
        ({"start": Place(0, 0, math.nan)}, "is nowhere"),
    ],
)
def test_numbers_that_make_no_ladder_are_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        ladder(**changes)


@pytest.mark.parametrize(
    ("ways", "free"),
    [
        (Ways((0, 0), (0, 0)), True),
        (Ways((0, 1), (0, 0)), False),
        (Ways((0, 0), (-1, 0)), False),
        (Ways((0, 0), (0, 0), turn_in_aisles=False), False),
    ],
)
def test_any_rule_makes_ways_unfree(ways: Ways, free: bool) -> None:
    assert ways.free is free
