"""The usual policies."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from bintally.errors import InputError, UsageError
from bintally.layouts import Ladder, PickList, Place, Shelf, Ways
from bintally.layouts.generate import regular_ladder
from tests.warehouse.routing.policies.reference import aisle_by_aisle_m, any_ladder, any_list, make_list, one_block_m, several_blocks_m
from warehouse.routing.policies import POLICIES, policy_tour
from warehouse.routing.tour import Tour, check_tour

BLOCKWISE = [name for name in POLICIES if name != "aisle-by-aisle"]


def walked(ladder: Ladder, picks: PickList, name: str) -> Tour:
    tour = policy_tour(ladder, picks, name)
    check_tour(ladder, picks, tour)
    assert tour.policy == name
    assert not tour.proven_optimal
    return tour


def mirrored(ladder: Ladder, picks: PickList, *, sideways: bool) -> tuple[Ladder, PickList]:
    """Seen from the other side, or from the back."""
    columns, rows = ladder.columns - 1, ladder.cross_aisles - 1

    def place(place: Place) -> Place:
        column, row = (columns - place.column, place.cross_aisle) if sideways else (place.column, rows - place.cross_aisle)
        return dataclasses.replace(place, column=column, cross_aisle=row)

    seen = dataclasses.replace(
        ladder,
        x_m=tuple(-x for x in reversed(ladder.x_m)) if sideways else ladder.x_m,
        y_m=ladder.y_m if sideways else tuple(ladder.y_m[-1] - y for y in reversed(ladder.y_m)),
        aisles=ladder.aisles[::-1] if sideways else ladder.aisles,
        start=place(ladder.start),
        ends=tuple(place(end) for end in ladder.ends),
    )
    shelves = [
        Shelf(name, columns - column, block, y_m) if sideways else Shelf(name, column, rows - 1 - block, ladder.y_m[-1] - y_m)
        for name, column, block, y_m in zip(picks.names, picks.columns.tolist(), picks.blocks.tolist(), picks.y_m.tolist(), strict=True)
    ]
    return seen, PickList.of(seen, [(shelf, 1) for shelf in shelves])


@pytest.mark.parametrize("name", BLOCKWISE)
def test_with_one_block_each_policy_is_as_long_as_the_textbooks_formula(name):
    rng = np.random.default_rng(1)
    for _ in range(150):
        ladder = regular_ladder(int(rng.integers(1, 9)), 2, pitch_m=float(rng.uniform(2, 5)))
        picks = any_list(rng, ladder, int(rng.integers(1, 16)))
        assert walked(ladder, picks, name).length_m == pytest.approx(one_block_m(ladder, picks, name))


@pytest.mark.parametrize("name", BLOCKWISE)
def test_with_several_blocks_each_policy_is_as_long_as_its_steps_added_up(name):
    rng = np.random.default_rng(2)
    for _ in range(150):
        ladder = any_ladder(rng, anywhere=False)
        picks = any_list(rng, ladder, int(rng.integers(1, 21)))
        assert walked(ladder, picks, name).length_m == pytest.approx(several_blocks_m(ladder, picks, name))


def test_aisle_by_aisle_chooses_the_best_of_all_cross_aisles():
    rng = np.random.default_rng(3)
    for _ in range(60):
        ladder = any_ladder(rng, anywhere=bool(rng.integers(2)))
        picks = any_list(rng, ladder, int(rng.integers(1, 6)))
        assert walked(ladder, picks, "aisle-by-aisle").length_m == pytest.approx(aisle_by_aisle_m(ladder, picks))


def test_two_blocks_by_hand():
    ladder = regular_ladder(3, 3, block_m=10.0, pitch_m=3.0)
    picks = make_list(ladder, (0, 4.0), (1, 13.0), (2, 6.0), (2, 18.0))
    s_shape = walked(ladder, picks, "s-shape")
    # up to the farthest block, through its two sub-aisles, through the last one of the front block, home
    assert s_shape.length_m == 10 + 3 + 10 + 3 + 10 + 10 + 6
    assert s_shape.stops == (0, 1, 3, 2)
    assert [(point.column, point.y_m) for point in s_shape.path] == [
        *((0, 0.0), (0, 4.0), (0, 10.0), (1, 10.0), (1, 13.0), (1, 20.0)),
        *((2, 20.0), (2, 18.0), (2, 6.0), (2, 0.0), (0, 0.0)),
    ]
    # up, two returns in the farthest block, down the aisle where the second one was, home
    assert walked(ladder, picks, "return").length_m == 10 + 3 + 6 + 3 + 16 + 10 + 6


def test_round_a_block_by_hand():
    ladder = regular_ladder(3, 2, block_m=20.0, pitch_m=3.0)
    picks = make_list(ladder, (0, 5.0), (1, 2.0), (1, 11.0), (1, 13.0), (2, 5.0))
    # the middle aisle is entered up to 2 m from the front, and by 9 m from the back
    assert walked(ladder, picks, "largest-gap").length_m == 20 + 2 * 2 + 2 * 9 + 20 + 12
    assert walked(ladder, picks, "largest-gap").stops == (0, 3, 2, 4, 1)
    assert walked(ladder, picks, "midpoint").length_m == 20 + 2 * 2 + 2 * 9 + 20 + 12
    # turn round in the first and the last aisle, and in the middle one from the front
    assert walked(ladder, picks, "combined").length_m == 10 + 26 + 10 + 12
    assert walked(ladder, picks, "aisle-by-aisle").length_m == 10 + 26 + 10 + 12


def test_a_depot_between_two_blocks_serves_one_side_after_the_other():
    ladder = regular_ladder(2, 3, block_m=10.0, pitch_m=3.0, row=1)
    picks = make_list(ladder, (0, 3.0), (0, 14.0), (1, 8.0), (1, 16.0))
    tour = walked(ladder, picks, "s-shape")
    assert tour.stops == (1, 3, 2, 0)
    assert tour.length_m == (10 + 3 + 10) + (10 + 3 + 10)


@pytest.mark.parametrize("name", POLICIES)
def test_every_tour_is_a_walk_that_picks_everything_wherever_depots_and_picks_lie(name):
    rng = np.random.default_rng(4)
    for _ in range(150):
        ladder = any_ladder(rng, anywhere=True)
        picks = any_list(rng, ladder, int(rng.integers(1, 16)), at_ends=0.3)
        walked(ladder, picks, name)


@pytest.mark.parametrize("sideways", [True, False])
@pytest.mark.parametrize("name", POLICIES)
def test_a_warehouse_seen_from_another_side_has_the_same_length(name, sideways):
    rng = np.random.default_rng(5)
    for _ in range(100):
        ladder = any_ladder(rng, anywhere=True)
        if not sideways:  # which side is served first shows when the depot is in the middle
            ends = tuple(dataclasses.replace(end, cross_aisle=0) for end in ladder.ends)
            ladder = dataclasses.replace(ladder, start=dataclasses.replace(ladder.start, cross_aisle=0), ends=ends)
        picks = any_list(rng, ladder, int(rng.integers(1, 16)))
        other = mirrored(ladder, picks, sideways=sideways)
        assert walked(*other, name).length_m == pytest.approx(walked(ladder, picks, name).length_m)


def test_combined_is_never_longer_than_s_shape_or_return_in_one_block_and_equal_to_aisle_by_aisle():
    rng = np.random.default_rng(6)
    for _ in range(100):
        ladder = regular_ladder(int(rng.integers(1, 9)), 2)
        picks = any_list(rng, ladder, int(rng.integers(1, 16)))
        length = {name: walked(ladder, picks, name).length_m for name in POLICIES}
        assert length["combined"] <= min(length["s-shape"], length["return"]) + 1e-9
        assert length["combined"] == pytest.approx(length["aisle-by-aisle"])


@pytest.mark.parametrize("name", POLICIES)
def test_the_nearest_of_several_ends_is_chosen(name):
    ladder = dataclasses.replace(regular_ladder(4, 2), ends=(Place(0, 0, 50.0), Place(3, 0, 1.0), Place(2, 0, 9.0)))
    assert walked(ladder, make_list(ladder, (0, 5.0), (3, 4.0)), name).end == Place(3, 0, 1.0)


@pytest.mark.parametrize("name", POLICIES)
def test_an_empty_list_needs_no_walk(name):
    ladder = regular_ladder(3, 3)
    tour = walked(ladder, PickList.of(ladder, []), name)
    assert (tour.length_m, tour.path) == (0.0, ())


@pytest.mark.parametrize("name", POLICIES)
def test_a_pick_at_the_depot_is_picked_on_the_spot(name):
    ladder = regular_ladder(3, 3)
    assert walked(ladder, make_list(ladder, (0, 0.0)), name).length_m == 0.0


def test_an_unknown_policy_is_refused_with_the_nearest_known_one():
    ladder = regular_ladder(3, 2)
    with pytest.raises(UsageError, match="did you mean 'largest-gap'"):
        policy_tour(ladder, make_list(ladder, (1, 5.0)), "largestgap")
    with pytest.raises(UsageError, match="known are s-shape, return"):
        policy_tour(ladder, make_list(ladder, (1, 5.0)), "x")


@pytest.mark.parametrize("ways", [Ways((1, 0, 0), (0, 0)), Ways((0, 0, 0), (0, -1)), Ways((0, 0, 0), (0, 0), turn_in_aisles=False)])
def test_one_way_aisles_and_turning_bans_are_refused(ways):
    ladder = dataclasses.replace(regular_ladder(3, 2), ways=ways)
    with pytest.raises(InputError, match="no one-way aisles and no turning bans"):
        policy_tour(ladder, make_list(ladder, (1, 5.0)), "s-shape")
