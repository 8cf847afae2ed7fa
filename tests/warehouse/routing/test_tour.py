import dataclasses
import itertools
import math
from typing import Any

import pytest

from bintally.layouts import Ladder, PickList, Place, Shelf, Ways
from warehouse.routing.tour import Point, Tour, check_tour, path_length_m, shortest_way

START, OUT = Place(0, 0, 1.5), Place(2, 0, 0.5)
LADDER = Ladder(
    (0.0, 3.0, 6.0), (0.0, 4.0, 10.0), start=START, ends=(START, OUT), aisles=(True, False, True), ways=Ways((0, 0, 0), (0, 0, 0))
)
PICKS = PickList.of(LADDER, [(Shelf("a", 0, 0, 3.0), 1), (Shelf("b", 2, 0, 1.0), 1)])
# up the first aisle, along the middle cross aisle, down the last aisle: 4 + 6 + 4 m, and the ways to the depots
PATH = (Point(0, 0.0), Point(0, 3.0, 0), Point(0, 4.0), Point(2, 4.0), Point(2, 1.0, 1), Point(2, 0.0))
TOUR = Tour("optimal", 16.0, proven_optimal=True, path=PATH, end=OUT, lower_bound_m=16.0)


def test_a_right_tour_passes() -> None:
    check_tour(LADDER, PICKS, TOUR)
    assert TOUR.stops == (0, 1)


def test_nobody_walks_for_an_empty_list() -> None:
    nothing = PickList.of(LADDER, [])
    check_tour(LADDER, nothing, Tour("optimal", 0.0, proven_optimal=True, path=(), end=START))
    with pytest.raises(ValueError, match="nothing is to be picked"):
        check_tour(LADDER, nothing, TOUR)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"length_m": 15.9}, "16.0 m long, not 15.9"),
        ({"length_m": math.nan}, "16.0 m long, not nan"),
        ({"path": ()}, "nobody walks"),
        ({"path": PATH[1:]}, "begins at"),
        ({"path": PATH[:-1]}, "ends at"),
        ({"end": START}, "ends at"),
        ({"end": Place(2, 0, 0.0)}, "ends at"),
        ({"path": (*PATH[:1], Point(0, 3.0), *PATH[2:])}, "picks \\(1,\\) of 2"),
        ({"path": (*PATH[:2], Point(0, 3.0, 0), *PATH[2:])}, "picks \\(0, 0, 1\\) of 2"),
        ({"path": (PATH[0], Point(0, 2.0, 0), *PATH[2:])}, "pick 0 does not lie at"),
        ({"path": (*PATH[:3], *PATH[4:])}, "no way leads"),
        ({"path": (*PATH[:2], Point(2, 3.0), *PATH[4:])}, "no way leads"),
        ({"path": (*PATH[:3], Point(1, 4.0), Point(1, 0.0), Point(2, 0.0), *PATH[4:])}, "no way leads"),
        ({"path": (*PATH[:3], Point(-1, 4.0), *PATH[4:])}, "outside the ladder"),
        ({"path": (*PATH[:3], Point(0, 11.0), *PATH[2:])}, "outside the ladder"),
    ],
)
def test_a_wrong_tour_is_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        check_tour(LADDER, PICKS, dataclasses.replace(TOUR, **changes))


def test_a_path_is_as_long_as_its_steps() -> None:
    assert path_length_m(LADDER, PATH) == pytest.approx(14.0)
    assert path_length_m(LADDER, PATH[:1]) == 0


def test_nobody_walks_where_there_is_no_aisle() -> None:
    with pytest.raises(ValueError, match="no way leads"):
        path_length_m(LADDER, (Point(1, 0.0), Point(1, 4.0)))


def test_shortest_ways_are_as_short_as_distances() -> None:
    depots = [Point(1, y) for y in LADDER.y_m]
    spots = [Point(column, y) for column in (0, 2) for y in (0.0, 1.0, 3.0, 4.0, 6.0, 9.5, 10.0)]
    for a, b in [*itertools.product(spots, spots), *itertools.product(depots, spots), *itertools.product(spots, depots)]:
        way = shortest_way(LADDER, a, b)
        assert way[-1] == b
        assert path_length_m(LADDER, (a, *way)) == pytest.approx(LADDER.distance_m((a.column, a.y_m), (b.column, b.y_m)))
