"""The exact worker-and-cart programme, beside a brute force that knows nothing but the definition."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from bintally.errors import InputError
from bintally.layouts import Cart, PickList, Place, Shelf
from bintally.layouts.generate import regular_ladder, uniform_list
from tests.warehouse.routing.cart.reference import Case, brute_force_s, pushed_through_s, shortest_tour_m, tiny_case
from warehouse.routing.cart.exact import MOST_HANDFULS, best_plan, solve_exact
from warehouse.routing.cart.problem import cart_problem

A_LITTLE = 1 + 1e-9


def solved_s(case: Case, upper_bound_s: float | None = None) -> float:
    return solve_exact(cart_problem(case.ladder, case.picks, case.cart), upper_bound_s).time_s


def tried_s(case: Case) -> float:
    return brute_force_s(case.ladder, case.picks, case.cart)


def random_case(rng: np.random.Generator, picks: int, cart: Cart, *, aisles: int = 5, most_items: int = 1) -> Case:
    ladder = regular_ladder(aisles, int(rng.integers(2, 5)), depot=int(rng.integers(aisles)))
    return Case(ladder, uniform_list(rng, ladder, picks, most_items=most_items), cart)


def check_random_cases(seed: int, count: int, handfuls: int) -> None:
    rng = np.random.default_rng(seed)
    for _ in range(count):
        case = tiny_case(rng, handfuls)
        assert solved_s(case) == pytest.approx(tried_s(case), rel=1e-9), case


def test_is_as_fast_as_the_fastest_of_all_that_can_be_done() -> None:
    check_random_cases(1, 500, handfuls=5)


@pytest.mark.long
def test_is_as_fast_as_the_fastest_of_all_that_can_be_done_with_more_to_do() -> None:
    check_random_cases(2, 1000, handfuls=6)


def test_so_it_is_with_longer_lists_for_small_hands() -> None:
    rng = np.random.default_rng(3)
    for hands in (1, 2, 3):
        case = random_case(rng, 6, Cart(hands=hands, park_s=1.0), aisles=3)
        assert solved_s(case) == pytest.approx(tried_s(case), rel=1e-9)


def test_aisles_without_picks_are_not_needed_to_stop_in() -> None:
    rng = np.random.default_rng(4)
    for push_m_s in (0.2, 0.5, 0.7, 1.4) * 5:
        case = random_case(rng, 3, Cart(push_m_s=push_m_s, hands=2, park_s=1.0), aisles=9)
        assert solved_s(case) == pytest.approx(tried_s(case), rel=1e-9)


def test_a_cart_that_begins_between_two_aisles_may_be_parked_there_or_in_the_next_aisle() -> None:
    rng = np.random.default_rng(5)
    for depot in (0, 3, 6) * 5:
        case = random_case(rng, 3, Cart(push_m_s=0.4, hands=2, park_s=1.0), aisles=7)
        aisles = tuple(column != depot for column in range(7))
        start, end = Place(depot, 0, 1.0), Place(depot, case.ladder.cross_aisles - 1)
        picks = uniform_list(rng, replace(case.ladder, aisles=aisles), 3)
        case = Case(replace(case.ladder, aisles=aisles, start=start, ends=(end, Place(3, 0))), picks, case.cart)
        assert solved_s(case) == pytest.approx(tried_s(case), rel=1e-9)


def test_its_own_reckoning_is_what_the_schedule_takes() -> None:
    rng = np.random.default_rng(6)
    for _ in range(30):
        case = random_case(rng, 9, Cart(hands=4), most_items=3)
        problem = cart_problem(case.ladder, case.picks, case.cart)
        if problem.handfuls > MOST_HANDFULS:
            continue
        schedule = solve_exact(problem)
        assert best_plan(problem)[1] == pytest.approx(schedule.time_s, rel=1e-9)
        assert schedule.lower_bound_s == schedule.time_s
        assert schedule.method == "exact"
        assert schedule.proven_optimal


def test_a_known_time_changes_nothing_be_it_right_or_wrong() -> None:
    rng = np.random.default_rng(7)
    for _ in range(20):
        case = random_case(rng, 8, Cart(hands=3))
        best_s = solved_s(case)
        for known_s in (0.0, 0.5 * best_s, best_s, 1.02 * best_s, 10 * best_s):
            assert solved_s(case, known_s) == pytest.approx(best_s, rel=1e-12)


def test_a_cart_that_costs_nothing_makes_the_shortest_tour() -> None:
    rng = np.random.default_rng(8)
    for _ in range(40):
        case = random_case(rng, 7, Cart(walk_m_s=1.2, push_m_s=1.2, hands=None, park_s=0.0), most_items=3)
        tour_s = shortest_tour_m(case.ladder, case.picks) / 1.2 + 5.0 * len(case.picks)
        assert solved_s(case) == pytest.approx(tour_s, rel=1e-9)


def test_is_never_faster_than_the_shortest_tour_at_walking_speed() -> None:
    rng = np.random.default_rng(9)
    for _ in range(200):
        case = tiny_case(rng)
        tour_s = shortest_tour_m(case.ladder, case.picks) / case.cart.walk_m_s + case.cart.pick_s * len(case.picks)
        assert tour_s <= solved_s(case) * A_LITTLE


def test_is_never_slower_than_pushing_the_cart_through_all_sub_aisles_with_picks() -> None:
    rng = np.random.default_rng(10)
    bounds_met = 0
    for park_s in (1.0, 30.0, 300.0) * 10:
        case = random_case(rng, 8, Cart(push_m_s=1.0, hands=2, park_s=park_s), aisles=4)
        pushed_s = pushed_through_s(case.ladder, case.picks, case.cart)
        assert solved_s(case) <= pushed_s * A_LITTLE
        bounds_met += solved_s(case) == pytest.approx(pushed_s)
    assert 0 < bounds_met < 30


def test_larger_hands_a_faster_cart_or_a_faster_worker_never_take_longer() -> None:
    rng = np.random.default_rng(11)
    for _ in range(60):
        case = tiny_case(rng)
        cart, best_s = case.cart, solved_s(case)
        better = [
            replace(cart, hands=None if cart.hands in (None, 6) else cart.hands + 1),
            replace(cart, push_m_s=min(cart.walk_m_s, 1.3 * cart.push_m_s)),
            replace(cart, walk_m_s=1.3 * cart.walk_m_s),
            replace(cart, park_s=cart.park_s / 2),
        ]
        for quicker in better:
            assert solved_s(replace(case, cart=quicker)) <= best_s * A_LITTLE, quicker


def test_handfuls_of_one_place_do_not_multiply_the_work() -> None:
    ladder = regular_ladder(3, 2)
    picks = PickList.of(ladder, [(Shelf("screws", 1, 0, 2.0), MOST_HANDFULS)])
    cart = Cart(walk_m_s=1.0, push_m_s=0.5, hands=1, park_s=3.0, in_aisles=False)
    assert solved_s(Case(ladder, picks, cart)) == pytest.approx(5.0 + 2 * 3.0 / 0.5 + 3.0 + MOST_HANDFULS * 4.0)


def test_too_many_handfuls_are_refused_and_the_search_is_named() -> None:
    ladder = regular_ladder(10, 2)
    problem = cart_problem(ladder, uniform_list(np.random.default_rng(12), ladder, MOST_HANDFULS + 1), Cart())
    with pytest.raises(InputError, match=rf"{MOST_HANDFULS + 1} handfuls .* at most {MOST_HANDFULS} .*; use the search"):
        solve_exact(problem)


def test_fewer_handfuls_are_allowed_where_the_cart_may_stand_in_very_many_places() -> None:
    ladder = regular_ladder(60, 15)
    problem = cart_problem(ladder, uniform_list(np.random.default_rng(13), ladder, MOST_HANDFULS), Cart())
    with pytest.raises(InputError, match=r"at most 1[56] in this layout"):
        solve_exact(problem)


def test_an_empty_list_takes_no_time() -> None:
    schedule = solve_exact(cart_problem(regular_ladder(3, 2), PickList.of(regular_ladder(3, 2), []), Cart()))
    assert (schedule.time_s, schedule.lower_bound_s, schedule.proven_optimal, schedule.steps) == (0.0, 0.0, True, ())


def test_what_lies_at_the_depot_takes_no_time_either() -> None:
    ladder = regular_ladder(3, 2)
    picks = PickList.of(ladder, [(Shelf("tape", 0, 0, 0.0), 2)])
    assert solved_s(Case(ladder, picks, Cart(park_s=0.0, pick_s=0.0, hands=1))) == 0.0
    assert math.isclose(solved_s(Case(ladder, picks, Cart(hands=1))), 5.0 + 3.0)
