"""Figures 3 and 4: ten orders of two items, and all ways to split them into two lists of five, each timed by the exact cart method."""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np

from bintally.layouts import Cart, Ladder, PickList
from warehouse.batching.batches import times_s
from warehouse.batching.judging.sets import Sets, pick_lists
from warehouse.batching.problem import BatchProblem, Floats
from warehouse.pick.bench.two_lists import two_list_problem
from warehouse.routing.cart.exact import solve_exact
from warehouse.routing.cart.problem import cart_problem
from warehouse.routing.cart.schedule import Schedule

ORDERS = 10
"""Of two items each; a cart takes half of all items, ten."""

Split = tuple[tuple[int, ...], tuple[int, ...]]
"""The orders of both lists."""


@dataclass(frozen=True)
class Splits:
    """All splits of one draw of orders.

    Attributes:
        problem: the orders.
        cart: the worker and the cart, with no time for picking, which is the same in all splits but for places that are wanted twice.
        splits: all n of them.
        times_s: float64[n, 2], of the best schedules of both lists; proven.
        drawn: number of the split that was drawn at random.
    """

    problem: BatchProblem
    cart: Cart
    splits: tuple[Split, ...]
    times_s: Floats
    drawn: int

    @property
    def totals_s(self) -> Floats:
        """float64[n], of both lists together."""
        return np.asarray(self.times_s.sum(axis=1))

    @property
    def best(self) -> int:
        """Number of the fastest split."""
        return int(np.argmin(self.totals_s))

    def lists(self, number: int) -> list[tuple[str, PickList, Schedule]]:
        """Title, picks and proven schedule of both lists of a split."""
        found = []
        for name, orders in zip(("List 1", "List 2"), self.splits[number], strict=True):
            lists, quantities = pick_lists(self.problem, Sets.of([orders]))
            names = ("",) * len(quantities)
            picks = PickList(lists.columns, lists.blocks, lists.y_m, quantities, names)
            title = f"{name}: orders {', '.join(str(order + 1) for order in orders)}"
            found.append((title, picks, solve_exact(cart_problem(self.problem.ladder, picks, self.cart))))
        return found


def all_splits(orders: int) -> tuple[Split, ...]:
    """Every way to split an even number of orders into two lists of as many; which list is the first does not matter."""
    halves = (frozenset((0, *rest)) for rest in itertools.combinations(range(1, orders), orders // 2 - 1))
    return tuple((tuple(sorted(half)), tuple(order for order in range(orders) if order not in half)) for half in halves)


def draw_splits(ladder: Ladder, places: PickList, cart: Cart, seed: int, orders: int = ORDERS) -> Splits:
    """Draw orders, time all splits, and draw one of these.

    Args:
        ladder: the warehouse.
        places: all of it.
        cart: the worker and the cart, without ``pick_s``.
        seed: of orders and split.
        orders: how many; an even number.

    Raises:
        InputError: the warehouse has no two places.
    """
    rng = np.random.default_rng((seed, orders))
    problem = two_list_problem(ladder, places, rng, orders)
    splits = all_splits(orders)
    times = times_s(problem, list(itertools.chain.from_iterable(splits)), cart).reshape(-1, 2)
    return Splits(problem, cart, splits, times, int(rng.integers(len(splits))))
