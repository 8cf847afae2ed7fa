"""The best schedule that is found in reasonable time: exact for short lists, searched for long ones."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from bintally.layouts import Cart, Ladder, PickList
from warehouse.routing.cart.exact import best_s, most_handfuls, solve_exact
from warehouse.routing.cart.problem import CartProblem, Floats, Ints, cart_problem
from warehouse.routing.cart.schedule import Schedule
from warehouse.routing.cart.search import searched, solve_search
from warehouse.routing.exact import PackedLists

EXACT_HANDFULS = 15
"""Up to here the exact method takes a fifth of a second, less than the bound of a searched schedule."""


def exact_pays(problem: CartProblem, most: int = EXACT_HANDFULS) -> bool:
    """Whether a list is short enough to be proven."""
    return problem.handfuls <= min(most, most_handfuls(problem))


def best_schedule(problem: CartProblem, *, iterations: int | None = None, seed: int = 0) -> Schedule:
    """The fastest schedule, proven or searched; ``iterations`` and ``seed`` are the search's."""
    return solve_exact(problem) if exact_pays(problem) else solve_search(problem, iterations=iterations, seed=seed)


def best_times_s(ladder: Ladder, cart: Cart, lists: PackedLists, quantities: Ints, *, exact: int = EXACT_HANDFULS) -> Floats:
    """The times of the best schedules of many lists, picking included, on all cores.

    Args:
        ladder: without one-way rules.
        cart: the worker and the cart.
        lists: n lists of places of this ladder.
        quantities: int64, items of each of their places.
        exact: handfuls up to which a schedule is proven; the search is nearly as good and, from 13 on, faster.

    Returns:
        float64[n], seconds; 0 for an empty list.

    Raises:
        InputError: as for `cart_problem`.
    """

    def time_s(number: int) -> float:
        places = slice(int(lists.first[number]), int(lists.first[number + 1]))
        names = ("",) * (places.stop - places.start)
        picks = PickList(lists.columns[places], lists.blocks[places], lists.y_m[places], quantities[places], names)
        problem = cart_problem(ladder, picks, cart)
        if not problem.handfuls:
            return 0.0
        return best_s(problem) if exact_pays(problem, exact) else searched(problem)[0]

    with ThreadPoolExecutor(os.cpu_count() or 1, "best-schedules") as threads:
        return np.array(list(threads.map(time_s, range(len(lists)))), np.float64)
