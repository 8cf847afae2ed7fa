"""Policies with a cart."""

from __future__ import annotations

import dataclasses
import itertools

import numpy as np
import pytest

from bintally.errors import UsageError
from bintally.layouts import Cart, PickList
from bintally.layouts.generate import regular_ladder, uniform_list
from tests.warehouse.routing.policies.reference import make_list
from warehouse.routing.cart.problem import cart_problem
from warehouse.routing.cart.schedule import Loop, Push, Stay
from warehouse.routing.policies import POLICIES, policy_tour
from warehouse.routing.policies.with_cart import parked, pushed_s

LADDER = regular_ladder(5, 3)


def picked(step: Push | Stay) -> list[int]:
    walks: tuple[Push | Loop, ...] = step.loops if isinstance(step, Stay) else (step,)
    return [point.pick for walk in walks for point in walk.path if point.pick is not None]


def test_a_pushed_cart_is_slow_all_the_way():
    picks = make_list(LADDER, (1, 5.0), (3, 7.0))
    tour = policy_tour(LADDER, picks, "s-shape")
    assert pushed_s(LADDER, Cart(push_m_s=0.5, pick_s=4.0), tour, picks) == tour.length_m / 0.5 + 8.0


@pytest.mark.parametrize("name", POLICIES)
def test_a_parked_cart_keeps_the_policys_order_from_stand_to_stand(name):
    rng = np.random.default_rng(7)
    for _ in range(10):
        picks = uniform_list(rng, LADDER, 12)
        tour = policy_tour(LADDER, picks, name)
        schedule = parked(cart_problem(LADDER, picks, Cart(hands=4)), tour)
        assert schedule.method == name
        rank = {pick: index for index, pick in enumerate(tour.stops)}
        steps = [sorted(rank[pick] for pick in picked(step)) for step in schedule.steps]
        assert list(itertools.chain(*steps)) == list(range(12))
        for stay in (step for step in schedule.steps if isinstance(step, Stay)):
            assert [rank[pick] for pick in picked(stay)] == sorted(rank[pick] for pick in picked(stay))


@pytest.mark.parametrize("name", POLICIES)
def test_with_strong_hands_and_no_handicap_a_parked_cart_costs_nothing(name):
    rng = np.random.default_rng(8)
    cart = Cart(walk_m_s=1.0, push_m_s=1.0, hands=None, park_s=0.0)
    for _ in range(10):
        picks = uniform_list(rng, LADDER, 10)
        tour = policy_tour(LADDER, picks, name)
        assert parked(cart_problem(LADDER, picks, cart), tour).time_s <= pushed_s(LADDER, cart, tour, picks) + 1e-9


def test_larger_hands_and_a_faster_cart_never_take_longer():
    rng = np.random.default_rng(9)
    for _ in range(20):
        picks = uniform_list(rng, LADDER, 10)
        tour = policy_tour(LADDER, picks, "s-shape")
        seconds = [
            parked(cart_problem(LADDER, picks, dataclasses.replace(Cart(), **change)), tour).time_s
            for change in ({"hands": 3}, {"hands": 5}, {"hands": 5, "push_m_s": 1.0})
        ]
        assert seconds == sorted(seconds, reverse=True)


def test_a_place_with_more_items_than_the_hands_hold_is_visited_again():
    picks = dataclasses.replace(make_list(LADDER, (2, 5.0)), quantities=np.array([5]))
    cart = Cart(walk_m_s=1.0, push_m_s=0.5, hands=2, park_s=0.0, pick_s=1.0, in_aisles=False)
    schedule = parked(cart_problem(LADDER, picks, cart), policy_tour(LADDER, picks, "return"))
    # to and fro with the cart, three loops of 10 m from the aisle's front, one pick
    assert schedule.time_s == 2 * 6 / 0.5 + 3 * 10 + 1


def test_an_empty_list_takes_no_time():
    empty = PickList.of(LADDER, [])
    assert parked(cart_problem(LADDER, empty, Cart()), policy_tour(LADDER, empty, "s-shape")).time_s == 0.0


def test_the_tour_of_another_list_is_refused():
    picks = make_list(LADDER, (1, 5.0), (3, 7.0))
    with pytest.raises(UsageError, match="another list"):
        parked(cart_problem(LADDER, picks, Cart()), policy_tour(LADDER, make_list(LADDER, (1, 5.0)), "s-shape"))
