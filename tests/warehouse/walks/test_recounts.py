"""The recount tour: the costliest first, and in time."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from bintally.errors import InputError
from bintally.layouts import Ways
from tests.warehouse.walks.halls import LADDER, tasks
from warehouse.routing.tour import Tour, check_tour
from warehouse.walks.recounts import Limits, Task, recount_tour


def time_s(chosen: Sequence[Task], limits: Limits) -> float:
    """Of the shortest walk, by trying every sequence of the places."""
    depot = (LADDER.start.column, LADDER.y_m[LADDER.start.cross_aisle])
    spots = {(task.shelf.column, task.shelf.y_m) for task in chosen if task.shelf}
    walks = ([depot, *spots_in_order, depot] for spots_in_order in itertools.permutations(spots))
    length_m = min(sum(LADDER.distance_m(a, b) for a, b in itertools.pairwise(walk)) for walk in walks)
    return length_m / limits.walk_m_s + limits.look_s * len(chosen)


def in_time(given: Sequence[Task], limits: Limits) -> list[tuple[Task, ...]]:
    """Every set of tasks that somebody could look into."""
    placed = [task for task in given if task.shelf]
    sets = itertools.chain.from_iterable(itertools.combinations(placed, size) for size in range(len(placed) + 1))
    return [chosen for chosen in sets if time_s(chosen, limits) <= limits.time_s + 1e-6]


def scenes(number: int) -> list[tuple[list[Task], Limits]]:
    """Tasks, and a limit that some of them keep to."""
    rng = np.random.default_rng(1)
    return [(tasks(rng, int(rng.integers(1, 7))), Limits(float(rng.integers(20, 120)), 1.2, 7.0)) for _ in range(number)]


def test_no_set_in_time_has_the_costlier_one_where_they_first_differ():
    for given, limits in scenes(40):
        by_cost = sorted(given, key=lambda task: -task.cost)
        best = max(in_time(given, limits), key=lambda chosen: [task in chosen for task in by_cost])
        tour = recount_tour(given, LADDER, limits)
        assert sorted(task.number for task in tour.stops) == sorted(task.number for task in best)
        assert tour.walk.time_s == pytest.approx(time_s(tour.stops, limits))
        assert tour.walk.time_s <= limits.time_s + 1e-6


def test_nothing_else_would_have_fitted_in():
    for given, limits in scenes(40):
        tour = recount_tour(given, LADDER, limits)
        for out in tour.left_out:
            fits = out.task.shelf is not None and time_s([*tour.stops, out.task], limits) <= limits.time_s
            assert not fits
            assert (out.reason == "no place") == (out.task.shelf is None)
        assert sorted(task.number for task in (*tour.stops, *(out.task for out in tour.left_out))) == [task.number for task in given]
        costs = [out.task.cost for out in tour.left_out]
        assert costs == sorted(costs, reverse=True)


def test_the_costliest_first_reach_nearly_the_most_cost():
    shares = []
    for given, limits in scenes(60):
        most = max(sum(task.cost for task in chosen) for chosen in in_time(given, limits))
        cost = recount_tour(given, LADDER, limits).cost
        assert cost <= most + 1e-9
        shares.append(cost / most if most else 1.0)
    assert np.mean(shares) > 0.95


def test_the_stops_come_in_the_sequence_of_the_walk():
    given = tasks(np.random.default_rng(2), 20)
    tour = recount_tour(given, LADDER, Limits(600.0))
    walk = tour.walk
    assert isinstance(walk.found, Tour)
    check_tour(LADDER, walk.picks, walk.found)
    spots = dict.fromkeys((task.shelf.column, task.shelf.y_m) for task in tour.stops if task.shelf)
    assert list(spots) == [(int(walk.picks.columns[pick]), float(walk.picks.y_m[pick])) for pick in walk.found.stops]
    assert tour.cost == pytest.approx(sum(task.cost for task in tour.stops))


def test_bins_at_one_place_cost_two_looks_and_one_walk():
    (one,) = [task for task in tasks(np.random.default_rng(3), 1) if task.shelf]
    two = replace(one, number=2, bin="beside")
    alone, both = (recount_tour(given, LADDER, Limits(600.0)).walk.time_s for given in ([one], [one, two]))
    assert both - alone == pytest.approx(Limits().look_s)


def test_a_ladder_with_one_way_aisles_is_walked_by_its_rules():
    ladder = replace(LADDER, ways=Ways((1, -1, 1, -1), (0, 0, 0)))
    given = tasks(np.random.default_rng(4), 6)
    free, ruled = (recount_tour(given, one, Limits(900.0)) for one in (LADDER, ladder))
    assert len(ruled.stops) == len(free.stops)
    assert ruled.walk.length_m > free.walk.length_m


def test_without_time_or_tasks_nobody_walks():
    given = tasks(np.random.default_rng(5), 5)
    for tour in (recount_tour(given, LADDER, Limits(1.0)), recount_tour([], LADDER, Limits())):
        assert (tour.stops, tour.walk.length_m, tour.walk.time_s, tour.cost) == ((), 0.0, 0.0, 0.0)


@pytest.mark.parametrize(
    "bad", [{"time_s": 0.0}, {"time_s": float("nan")}, {"walk_m_s": 0.0}, {"walk_m_s": float("inf")}, {"look_s": -1.0}, {"time_s": 1e9}]
)
def test_limits_that_are_none_are_refused(bad: dict[str, float]) -> None:
    with pytest.raises(InputError, match="must be"):
        Limits(**{"time_s": 600.0, **bad})
