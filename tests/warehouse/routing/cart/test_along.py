"""Times along the shortest tour: what the split of its order gives, found for many lists at once."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from bintally.errors import InputError
from bintally.layouts import Cart, Ladder, PickList, Place
from bintally.layouts.generate import regular_ladder, uniform_list
from tests.warehouse.routing.cart.test_split import random_problem
from tests.warehouse.routing.exact.test_order import ordered
from warehouse.routing.cart.along import along_tours_s
from warehouse.routing.cart.exact import best_s
from warehouse.routing.cart.problem import cart_problem
from warehouse.routing.cart.split import split
from warehouse.routing.exact import pack


def split_s(ladder: Ladder, picks: PickList, cart: Cart, order: list[int]) -> float:
    """The slow way: the problem with its plan."""
    problem = cart_problem(ladder, picks, replace(cart, pick_s=0.0))
    rank = np.argsort(order)
    return split(problem, np.argsort(rank[problem.pick_of], kind="stable"))[0]


def quantities_of(lists: list[PickList]) -> np.ndarray:
    return np.concatenate([one.quantities for one in lists])


@pytest.mark.parametrize("seed", range(20))
def test_they_are_those_of_the_split_of_the_tours_order(seed: int) -> None:
    rng = np.random.default_rng(seed)
    problem = random_problem(rng, 3)
    ladder, cart = problem.ladder, problem.cart
    lists = [uniform_list(rng, ladder, int(rng.integers(1, 12)), most_items=int(rng.integers(1, 12))) for _ in range(8)]
    found = along_tours_s(ladder, cart, pack(lists), quantities_of(lists))
    expected = [split_s(ladder, picks, cart, order) for picks, (_, order) in zip(lists, ordered(ladder, lists), strict=True)]
    np.testing.assert_allclose(found, expected, rtol=1e-5)


def test_a_depot_beside_the_aisles_and_several_ends_are_kept() -> None:
    rng = np.random.default_rng(5)
    hall = regular_ladder(5, 3, depot=2)
    ladder = replace(hall, aisles=(True, True, False, True, True), ends=(Place(0, 2, 4.0), Place(2, 0)))
    lists = [uniform_list(rng, ladder, 9, most_items=3) for _ in range(20)]
    found = along_tours_s(ladder, Cart(), pack(lists), quantities_of(lists))
    expected = [split_s(ladder, picks, Cart(), order) for picks, (_, order) in zip(lists, ordered(ladder, lists), strict=True)]
    np.testing.assert_allclose(found, expected, rtol=1e-5)


def test_no_schedule_is_faster_than_the_best_one() -> None:
    rng = np.random.default_rng(6)
    ladder, cart = regular_ladder(4, 3, depot=1), Cart(pick_s=0.0)
    lists = [uniform_list(rng, ladder, 6) for _ in range(30)]
    best = np.array([best_s(cart_problem(ladder, picks, cart)) for picks in lists])
    ratio = along_tours_s(ladder, cart, pack(lists), quantities_of(lists)) / best
    assert ratio.min() >= 1 - 1e-6
    assert ratio.max() < 1.5


def test_an_empty_list_takes_no_time_and_no_lists_none() -> None:
    ladder = regular_ladder(3, 2)
    empty = PickList.of(ladder, [])
    full = uniform_list(np.random.default_rng(0), ladder, 4)
    found = along_tours_s(ladder, Cart(), pack([empty, full, empty]), full.quantities)
    assert found[[0, 2]].tolist() == [0.0, 0.0]
    assert found[1] > 0
    assert along_tours_s(ladder, Cart(), pack([]), np.empty(0, np.int64)).tolist() == []


def test_a_pick_outside_the_ladder_is_refused() -> None:
    far = uniform_list(np.random.default_rng(0), regular_ladder(9, 2), 30)
    with pytest.raises(InputError, match="lies outside this ladder"):
        along_tours_s(regular_ladder(3, 2), Cart(), pack([far]), far.quantities)
