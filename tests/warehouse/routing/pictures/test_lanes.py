"""Lanes, corners, arrows and labels: the geometry of the pictures, without any picture."""

from __future__ import annotations

import itertools
import math
from collections import Counter
from statistics import mean

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bintally.layouts.generate import regular_ladder, uniform_list
from tests.warehouse.routing.pictures.samples import nearest_next, s_shape
from warehouse.routing.pictures.lanes import Run, arrow_spots, free_spot, lanes_of, polyline, runs_of, spread, visit_spots
from warehouse.routing.pictures.walks import Spot, walk_of
from warehouse.routing.tour import Tour

Corner = tuple[float, float]
Piece = tuple[Corner, Corner]


def walked(*places: tuple[float, float]) -> tuple[Run, ...]:
    return runs_of([Spot(x, y) for x, y in places])


def times_walked(tour: Tour) -> Counter[tuple[int, float]]:
    """How often each stretch between two places where the tour turns, picks or crosses is walked: its column and middle."""
    stops = sorted({point.y_m for point in tour.path})
    middles = [(a + b) / 2 for a, b in itertools.pairwise(stops)]
    steps: Counter[tuple[int, float]] = Counter()
    for a, b in itertools.pairwise(tour.path):
        if a.column == b.column:
            steps.update((a.column, y) for y in middles if min(a.y_m, b.y_m) < y < max(a.y_m, b.y_m))
    return steps


@pytest.fixture(params=range(6))
def tour(request: pytest.FixtureRequest) -> Tour:
    rng = np.random.default_rng(request.param)
    ladder = regular_ladder(int(rng.integers(1, 8)), int(rng.integers(2, 5)))
    picks = uniform_list(rng, ladder, int(rng.integers(1, 25)))
    return (s_shape if request.param % 2 else nearest_next)(ladder, picks)


def spots_of(tour: Tour) -> list[Spot]:
    return [Spot(3.0 * point.column, point.y_m, point.pick) for point in tour.path]


def test_a_run_lasts_from_turn_to_turn_and_keeps_its_picks():
    runs = runs_of([Spot(0, 0), Spot(0, 2, 7), Spot(0, 5), Spot(3, 5), Spot(3, 5, 1), Spot(3, 4, 2), Spot(3, 6)])
    assert runs == (
        Run(upright=True, track=0, start=0, stop=5, visits=((2, 7),)),
        Run(upright=False, track=5, start=0, stop=3, visits=((3, 1),)),
        Run(upright=True, track=3, start=5, stop=4, visits=((4, 2),)),
        Run(upright=True, track=3, start=4, stop=6),
    )


def test_a_pick_where_the_walk_begins_belongs_to_its_first_run():
    assert runs_of([Spot(0, 0, 4), Spot(0, 3)])[0].visits == ((0, 4),)


def test_who_goes_nowhere_has_no_runs():
    assert runs_of([Spot(1, 1), Spot(1, 1, 0)]) == ()


def test_a_stretch_that_is_walked_k_times_has_k_lanes(tour: Tour) -> None:
    runs = runs_of(spots_of(tour))
    (lanes,) = lanes_of([runs])
    for (column, y), times in times_walked(tour).items():
        here = [
            lane
            for run, lane in zip(runs, lanes, strict=True)
            if run.upright and run.track == 3.0 * column and run.span[0] < y < run.span[1]
        ]
        assert len(here) == len(set(here)) == times


def test_lanes_are_a_whole_lane_apart_and_centred_on_their_track():
    runs = walked((0, 0), (0, 9), (0, 0), (0, 9), (0, 0))
    (lanes,) = lanes_of([runs])
    assert sorted(lanes) == [-1.5, -0.5, 0.5, 1.5]


def test_who_is_alone_walks_on_the_centre_line():
    assert lanes_of([walked((0, 0), (0, 9), (3, 9), (3, 0))]) == ((0.0, 0.0, 0.0),)


def test_who_only_comes_back_keeps_to_the_right():
    up, down = lanes_of([walked((0, 0), (0, 9), (0, 0))])[0]
    assert up > 0 > down
    there, back = lanes_of([walked((0, 0), (9, 0), (0, 0))])[0]
    assert there < 0 < back


def test_a_turn_into_an_aisle_from_the_left_does_not_cross_itself():
    runs = walked((0, 0), (3, 0), (3, 5), (3, 0), (6, 0))
    line = polyline(runs, [0.2 * lane for lane in lanes_of([runs])[0]])
    assert crossings(line) == 0


def test_loops_into_one_aisle_nest_like_hairpins():
    loops = [walked((0, 0), (0, y), (0, 0)) for y in (3, 9, 6)]
    lines = [polyline(loop, [0.2 * lane for lane in lanes])[1:-1] for loop, lanes in zip(loops, lanes_of(loops), strict=True)]
    assert not any(crossings(a, b) for a, b in itertools.combinations(lines, 2))


def test_an_arch_over_a_shorter_one_does_not_cross_it():
    over, under = walked((0, 0), (0, 9), (9, 9), (9, 0)), walked((3, 0), (3, 9), (6, 9), (6, 0))
    lines = [polyline(runs, [0.2 * lane for lane in lanes]) for runs, lanes in zip((over, under), lanes_of([over, under]), strict=True)]
    assert crossings(*lines) == 0


def crossings(line: list[Corner], other: list[Corner] | None = None) -> int:
    """How often upright pieces of one line cross level pieces of another, or of its own."""
    one, two = list(itertools.pairwise(line)), list(itertools.pairwise(other or line))
    pairs = [*itertools.product(one, two), *(itertools.product(two, one) if other else ())]
    return sum(_cross(a, b) for a, b in pairs)


def _cross(upright: Piece, level: Piece) -> bool:
    ((x, y0), (x1, y1)), ((x2, y), (x3, y2)) = upright, level
    return x == x1 and y == y2 and min(x2, x3) < x < max(x2, x3) and min(y0, y1) < y < max(y0, y1)


def test_a_line_is_one_walk_with_square_corners(tour: Tour) -> None:
    runs = runs_of(spots_of(tour))
    line = polyline(runs, [0.3 * lane for lane in lanes_of([runs])[0]])
    first, last = tour.path[0], tour.path[-1]
    assert (line[0], line[-1]) == ((3.0 * first.column, first.y_m), (3.0 * last.column, last.y_m))
    assert all((a[0] == b[0]) != (a[1] == b[1]) for a, b in itertools.pairwise(line))


def test_every_lane_of_a_line_runs_beside_its_track(tour: Tour) -> None:
    runs = runs_of(spots_of(tour))
    shifts = [0.3 * lane for lane in lanes_of([runs])[0]]
    line = list(itertools.pairwise(polyline(runs, shifts)))
    for run, shift in zip(runs, shifts, strict=True):
        along = [(a, b) if run.upright else (a[::-1], b[::-1]) for a, b in line]
        assert any(a[0] == b[0] == run.track + shift and (b[1] > a[1]) == run.onward for a, b in along)


def test_every_pick_lies_on_its_line(tour: Tour) -> None:
    runs = runs_of(spots_of(tour))
    shifts = [0.3 * lane for lane in lanes_of([runs])[0]]
    line = list(itertools.pairwise(polyline(runs, shifts)))
    found = {pick: (x, y) for pick, x, y in visit_spots(runs, shifts)}
    assert sorted(found) == sorted(tour.stops)
    for x, y in found.values():
        assert min(_from_piece((x, y), a, b) for a, b in line) < 1e-9


def _from_piece(point: Corner, a: Corner, b: Corner) -> float:
    """How far a point is from an upright or level piece of a line."""
    return max(max(min(a[i], b[i]) - point[i], point[i] - max(a[i], b[i]), 0.0) for i in (0, 1))


def test_where_the_walk_turns_back_the_pick_lies_between_the_lanes():
    runs = runs_of([Spot(0, 0), Spot(0, 5, 0), Spot(0, 0)])
    assert visit_spots(runs, [1.0, -3.0]) == [(0, -1.0, 5)]


def test_an_arrow_head_stands_between_picks_and_further_ones_on_long_stretches():
    run = Run(upright=True, track=2.0, start=0.0, stop=100.0, visits=((90.0, 0), (50.0, 1)))
    assert arrow_spots(run, 1.0, 10.0, 1000.0) == [(3.0, 25.0)]
    assert sorted(arrow_spots(run, 1.0, 10.0, 40.0)) == [(3.0, 25.0), (3.0, 70.0)]
    assert arrow_spots(run, 1.0, 60.0, 1000.0) == []


def test_a_name_stands_where_nothing_is_in_the_way():
    line = [(0.0, 0.0), (0.0, 100.0)]
    assert free_spot(line, 20.0, [], 8.0) == (0.0, 20.0)
    x, y = free_spot(line, 20.0, [(0.0, 20.0)], 8.0)
    assert x == 0.0
    assert 28.0 <= y <= 30.0


def test_a_name_leaves_a_line_that_is_too_short_for_it():
    taken = [(0.0, 0.0), (0.0, 3.0)]
    spot = free_spot([(0.0, 0.0), (0.0, 3.0), (1.0, 3.0), (1.0, 0.0)], 20.0, taken, 8.0)
    assert min(math.dist(spot, other) for other in taken) >= 8.0


@settings(max_examples=40, deadline=None)
@given(st.lists(st.floats(0, 30), min_size=1, max_size=6))
def test_labels_move_apart_by_the_least_squares_of_moves(places: list[float]) -> None:
    wanted = sorted(places)
    packed = [place - 4.0 * index for index, place in enumerate(wanted)]
    # the min-max formula of isotonic regression
    best = [max(min(mean(packed[a : b + 1]) for b in range(i, len(packed))) for a in range(i + 1)) for i in range(len(packed))]
    assert spread(wanted, 4.0) == pytest.approx([place + 4.0 * index for index, place in enumerate(best)])


def test_labels_stay_within_their_limits():
    assert spread([0.0, 0.0, 50.0], 4.0, 2.0, 12.0) == [2.0, 6.0, 12.0]
    assert spread([1.0, 1.0], 4.0, 0.0, 3.0) == [0.0, 4.0]


def test_depots_at_the_edge_are_reached_outside_the_ladder():
    ladder = regular_ladder(2, 2)
    picks = uniform_list(np.random.default_rng(0), ladder, 3)
    (strand,) = walk_of(ladder, s_shape(ladder, picks)).strands
    assert strand.spots[0].y_m < 0 > strand.spots[-1].y_m
