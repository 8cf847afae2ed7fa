"""The shortest tour of one list."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pytest

from bintally.errors import InputError
from bintally.layouts import PickList, Place, Ways
from bintally.layouts.generate import regular_ladder, uniform_list
from tests.warehouse.routing.exact.reference import KINDS, held_karp_m, list_at, mirrored, random_ladder, random_list
from warehouse.routing.exact.solve import optimal_length_m, optimal_tour
from warehouse.routing.tour import check_tour


def _compare(seed: int, cross_aisles: int, kind: str, lists: int, most_picks: int) -> None:
    rng = np.random.default_rng([seed, cross_aisles, KINDS.index(kind)])
    for _ in range(lists):
        ladder = random_ladder(rng, cross_aisles, kind)
        picks = random_list(rng, ladder, int(rng.integers(1, most_picks + 1)))
        tour = optimal_tour(ladder, picks)
        assert tour.length_m == pytest.approx(held_karp_m(ladder, picks))
        assert optimal_length_m(ladder, picks) == tour.length_m == tour.lower_bound_m
        check_tour(ladder, picks, tour)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("cross_aisles", [2, 3, 4, 5])
def test_it_is_as_short_as_held_and_karp_find_it(cross_aisles: int, kind: str) -> None:
    _compare(1, cross_aisles, kind, lists=130, most_picks=12)


@pytest.mark.long
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("cross_aisles", [2, 3, 4, 5, 6])
def test_it_is_as_short_as_held_and_karp_find_it_on_many_more_lists(cross_aisles: int, kind: str) -> None:
    _compare(2, cross_aisles, kind, lists=500, most_picks=13)


@pytest.mark.long
def test_seven_cross_aisles_are_solved() -> None:
    _compare(3, 7, "another end", lists=10, most_picks=12)
    _compare(3, 7, "closed", lists=10, most_picks=12)


def test_nobody_walks_for_an_empty_list() -> None:
    ladder = regular_ladder(4, 3)
    tour = optimal_tour(ladder, list_at(ladder, []))
    assert (tour.length_m, tour.path, tour.lower_bound_m) == (0.0, (), 0.0)
    assert optimal_length_m(ladder, list_at(ladder, [])) == 0.0
    check_tour(ladder, list_at(ladder, []), tour)


@pytest.mark.parametrize("end", [None, Place(3, 2)])
def test_picks_at_intersections_are_reached_whichever_block_they_are_given_in(end: Place | None) -> None:
    ladder = regular_ladder(4, 3, depot=1, end=end)
    for places in ([(1, 0, 0.0)], [(2, 0, 16.0), (3, 1, 16.0)], [(0, 1, 32.0), (3, 0, 0.0)], [(1, 0, 16.0), (1, 1, 32.0)]):
        picks = list_at(ladder, places)
        tour = optimal_tour(ladder, picks)
        assert tour.length_m == pytest.approx(held_karp_m(ladder, picks))
        check_tour(ladder, picks, tour)


def test_a_pick_at_the_depot_takes_only_the_way_to_it() -> None:
    ladder = regular_ladder(3, 2)
    ladder = replace(ladder, start=Place(0, 0, 2.5), ends=(Place(0, 0, 2.5),))
    tour = optimal_tour(ladder, list_at(ladder, [(0, 0, 0.0)]))
    assert (tour.length_m, tour.stops, len(tour.path)) == (5.0, (0,), 1)


def test_the_nearest_of_several_drop_offs_is_chosen_with_the_way_behind_it() -> None:
    ladder = replace(regular_ladder(4, 2), ends=(Place(3, 0, 10.0), Place(3, 1, 1.0), Place(0, 0)))
    tour = optimal_tour(ladder, list_at(ladder, [(3, 0, 30.0)]))
    assert (tour.end, tour.length_m) == (Place(3, 1, 1.0), 9.0 + 32.0 + 1.0)


@pytest.mark.parametrize("kind", KINDS)
def test_another_pick_never_shortens_it(kind: str) -> None:
    rng = np.random.default_rng(4)
    for _ in range(15):
        ladder = random_ladder(rng, int(rng.integers(2, 5)), kind)
        every = random_list(rng, ladder, 20)
        kept = np.sort(rng.permutation(len(every)))
        lengths = [optimal_length_m(ladder, _some(every, kept[:count])) for count in range(len(every) + 1)]
        assert all(a <= b + 1e-9 for a, b in itertools.pairwise(lengths))


def _some(picks: PickList, which: np.ndarray) -> PickList:
    which = np.sort(which)
    names = tuple(picks.names[index] for index in which)
    return PickList(picks.columns[which], picks.blocks[which], picks.y_m[which], picks.quantities[which], names)


@pytest.mark.parametrize("kind", KINDS)
def test_a_mirror_and_a_shift_leave_it_as_long(kind: str) -> None:
    rng = np.random.default_rng(5)
    for _ in range(40):
        ladder = random_ladder(rng, int(rng.integers(2, 6)), kind)
        picks = random_list(rng, ladder, 15)
        length = optimal_length_m(ladder, picks)
        assert optimal_length_m(*mirrored(ladder, picks)) == pytest.approx(length)
        assert optimal_length_m(replace(ladder, x_m=tuple(x + 8.0 for x in ladder.x_m)), picks) == pytest.approx(length)


def test_it_may_be_walked_backwards() -> None:
    rng = np.random.default_rng(6)
    for _ in range(40):
        ladder = random_ladder(rng, int(rng.integers(2, 6)), "another end")
        picks = random_list(rng, ladder, 15)
        back = replace(ladder, start=ladder.ends[0], ends=(ladder.start,))
        assert optimal_length_m(back, picks) == pytest.approx(optimal_length_m(ladder, picks))


def test_one_picks_position_changes_it_with_slopes_of_nothing_or_twice() -> None:
    rng = np.random.default_rng(7)
    slopes = set()
    for _ in range(12):
        ladder = regular_ladder(6, 3, depot=2)
        others = uniform_list(rng, ladder, 9)
        fixed = list(zip(others.columns.tolist(), others.blocks.tolist(), others.y_m.tolist(), strict=True))
        column = int(rng.integers(6))
        # all bends lie at whole quarters of a metre: the other picks at halves, and middles between two of these
        lengths = [optimal_length_m(ladder, list_at(ladder, [*fixed, (column, 0, quarter / 4)])) for quarter in range(65)]
        slopes |= {round(slope, 6) for slope in np.diff(lengths) * 4}
    assert slopes == {-2.0, 0.0, 2.0}


def test_one_way_aisles_and_turning_bans_are_refused_with_the_solver_that_takes_them() -> None:
    ladder = regular_ladder(3, 2)
    for ways in (Ways((0, 1, 0), (0, 0)), Ways((0,) * 3, (1, -1)), Ways((0,) * 3, (0, 0), turn_in_aisles=False)):
        one_way = replace(ladder, ways=ways)
        with pytest.raises(InputError, match=r"one-way aisles and turning bans.*degrees are even.*warehouse/routing/directed"):
            optimal_tour(one_way, list_at(ladder, [(0, 0, 1.0)]))


def test_too_many_cross_aisles_are_refused() -> None:
    ladder = regular_ladder(2, 8)
    with pytest.raises(InputError, match="8 cross aisles"):
        optimal_length_m(ladder, list_at(ladder, [(0, 0, 1.0)]))


@pytest.mark.parametrize(("column", "block", "y_m"), [(5, 0, 1.0), (0, 3, 1.0), (0, 0, 30.0), (0, 0, np.nan), (-1, 0, 1.0)])
def test_picks_of_another_ladder_are_refused(column: int, block: int, y_m: float) -> None:
    picks = PickList(np.array([column]), np.array([block]), np.array([y_m]), np.array([1]), ("a",))
    with pytest.raises(InputError, match=f"column {column}, block {block} at {y_m:g} m lies outside this ladder"):
        optimal_length_m(regular_ladder(3, 3), picks)


@pytest.mark.parametrize(("columns", "y_m"), [([0, 1, 0, 1], [1.0, 1.0, 2.0, 2.0]), ([1, 1], [2.0, 1.0])])
def test_a_list_that_is_not_sorted_is_refused(columns: list[int], y_m: list[float]) -> None:
    count = len(columns)
    picks = PickList(np.array(columns), np.zeros(count, np.int64), np.array(y_m), np.ones(count, np.int64), ("a",) * count)
    with pytest.raises(InputError, match=r"not sorted by column and y.*PickList\.of"):
        optimal_tour(regular_ladder(3, 2), picks)


def test_picks_where_no_aisle_is_are_refused() -> None:
    ladder = replace(regular_ladder(3, 2), aisles=(True, False, True))
    with pytest.raises(InputError, match="no aisle"):
        optimal_tour(ladder, list_at(regular_ladder(3, 2), [(1, 0, 1.0)]))
