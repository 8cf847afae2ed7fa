"""What is drawn of tours and schedules: strands, stands, and the order of visits."""

from __future__ import annotations

import itertools

import numpy as np

from bintally.layouts import Cart, Ladder, PickList, Place, Shelf
from bintally.layouts.generate import regular_ladder, uniform_list
from tests.warehouse.routing.pictures.samples import nearest_next, parked_in_front, tour_in_order
from warehouse.routing.cart.problem import cart_problem
from warehouse.routing.cart.schedule import Visit, schedule_of
from warehouse.routing.pictures.walks import Spot, depot_spot, walk_of


def picks_at(ladder: Ladder, *places: tuple[int, float, int]) -> PickList:
    """Picks in the first block."""
    return PickList.of(ladder, [(Shelf(f"{column}/{y}", column, 0, y), quantity) for column, y, quantity in places])


def test_the_order_of_visits_is_the_tours():
    ladder = regular_ladder(5, 3)
    tour = nearest_next(ladder, uniform_list(np.random.default_rng(0), ladder, 12))
    assert walk_of(ladder, tour).order == {pick: number for number, pick in enumerate(tour.stops, 1)}


def test_strands_of_a_schedule_follow_each_other_without_a_jump():
    ladder = regular_ladder(6, 2, depot=2, end=Place(5, 0))
    picks = uniform_list(np.random.default_rng(1), ladder, 14, most_items=4)
    strands = walk_of(ladder, parked_in_front(ladder, picks, Cart(hands=3))).strands
    assert all(before.spots[-1] == after.spots[0] for before, after in itertools.pairwise(strands))
    assert strands[0].spots[0] == depot_spot(ladder, ladder.start)
    assert strands[-1].spots[-1] == depot_spot(ladder, ladder.ends[0])
    for strand in strands:
        assert all(a.x_m == b.x_m or a.y_m == b.y_m for a, b in itertools.pairwise(strand.spots))


def test_loops_carry_the_name_of_their_stand_also_when_the_cart_returns_to_it():
    ladder = regular_ladder(2, 2)
    problem = cart_problem(ladder, picks_at(ladder, (0, 4.0, 1), (0, 9.0, 1), (1, 7.0, 1)), Cart(hands=1))
    corner = {(int(c), int(r)): index for index, (c, r) in enumerate(zip(problem.columns, problem.cross_aisles, strict=True))}
    plan = [Visit(corner[0, 0], ((0,),)), Visit(corner[1, 0], ((2,),)), Visit(corner[0, 0], ((1,),))]
    walk = walk_of(ladder, schedule_of(problem, plan, "by hand"))
    assert [strand.loop for strand in walk.strands if not strand.pushed] == ["A1", "B1", "A2"]
    assert walk.stands == {"A": Spot(0.0, 0.0), "B": Spot(3.0, 0.0)}
    assert walk.order == {0: 1, 2: 2, 1: 3}


def test_a_place_that_is_visited_by_two_loops_is_numbered_by_the_first():
    ladder = regular_ladder(1, 2)
    problem = cart_problem(ladder, picks_at(ladder, (0, 4.0, 5), (0, 9.0, 1)), Cart(hands=3))
    walk = walk_of(ladder, schedule_of(problem, [Visit(0, ((0,), (2,), (1,)))], "by hand"))
    assert walk.order == {0: 1, 1: 2}


def test_picks_are_laid_into_the_cart_on_its_way_through_an_aisle():
    ladder = regular_ladder(1, 2)
    problem = cart_problem(ladder, picks_at(ladder, (0, 4.0, 1)), Cart())
    (strand,) = walk_of(ladder, schedule_of(problem, [Visit(0), Visit(1), Visit(0)], "by hand")).strands
    assert strand.pushed
    assert Spot(0.0, 4.0, 0) in strand.spots


def test_the_stands_names_go_on_after_z():
    ladder = regular_ladder(30, 2)
    picks = picks_at(ladder, *((column, 4.0, 1) for column in range(30)))
    assert list(walk_of(ladder, parked_in_front(ladder, picks, Cart())).stands)[24:29] == ["Y", "Z", "AA", "AB", "AC"]


def test_nothing_to_pick_has_no_strands():
    ladder = regular_ladder(3, 2)
    none = PickList.of(ladder, [])
    assert walk_of(ladder, tour_in_order(ladder, none, [], "none")).strands == ()
    assert walk_of(ladder, schedule_of(cart_problem(ladder, none, Cart()), [], "none")).strands == ()


def test_the_cart_ends_at_the_nearest_drop_off_of_its_intersection():
    base = regular_ladder(2, 2)
    ladder = Ladder(base.x_m, base.y_m, Place(0, 0), (Place(1, 0, 9.0), Place(0, 0, 5.0)), base.aisles, base.ways)
    picks = picks_at(ladder, (0, 4.0, 1))
    problem = cart_problem(ladder, picks, Cart())
    last = walk_of(ladder, schedule_of(problem, [Visit(0, ((0,),))], "by hand")).strands[-1]
    assert last.spots == (Spot(0.0, 0.0), Spot(0.0, -1.0))


def test_a_depot_in_the_middle_of_the_ladder_is_drawn_at_its_intersection():
    ladder = regular_ladder(3, 3)
    assert depot_spot(ladder, Place(1, 1)) is None
    assert depot_spot(ladder, Place(0, 1)) == Spot(-1.0, 16.0)
    assert depot_spot(ladder, Place(2, 1)) == Spot(7.0, 16.0)
    assert depot_spot(ladder, Place(1, 2)) == Spot(3.0, 33.0)
