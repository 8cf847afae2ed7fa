"""The worker and the cart: times, gaps to the exact optimum, and certified gaps."""

from __future__ import annotations

import time
from collections.abc import Iterator
from statistics import median

import numpy as np

from bintally.layouts import Cart
from bintally.layouts.generate import regular_ladder, uniform_list
from warehouse.pick.bench.tables import table
from warehouse.routing.cart.bound import lower_bound_s
from warehouse.routing.cart.exact import solve_exact
from warehouse.routing.cart.problem import CartProblem, cart_problem
from warehouse.routing.cart.search import solve_search

_ROWS = (2, 3)
_SHORT = range(8, 16)
_LONG = (20, 30, 50)


def measure(lists: int, seed: int) -> None:
    """Measure both methods on 10 aisles with the cart's default values."""
    rng = np.random.default_rng(seed)
    beside_exact = ("h", "picks", "lists", "exact ms", "search ms", "mean gap", "worst gap", "not optimal")
    table("Worker and cart, 10 aisles: the search beside the exact method (medians)", beside_exact, _short(lists, rng))
    beside_bound = ("h", "picks", "lists", "search ms", "bound ms", "mean certified gap", "worst")
    table("Worker and cart, 10 aisles: the search beside its lower bound (medians)", beside_bound, _long(max(1, lists // 10), rng))


def _problem(rng: np.random.Generator, h: int, picks: int) -> CartProblem:
    ladder = regular_ladder(10, h)
    return cart_problem(ladder, uniform_list(rng, ladder, picks), Cart())


def _short(lists: int, rng: np.random.Generator) -> Iterator[tuple[object, ...]]:
    each = max(1, lists // (len(_SHORT) * len(_ROWS)))
    for h in _ROWS:
        for picks in _SHORT:
            exact_s, search_s, gaps = [], [], []
            for number in range(each + 1):
                problem = _problem(rng, h, picks)
                begin = time.perf_counter()
                exact = solve_exact(problem)
                between = time.perf_counter()
                search = solve_search(problem)
                end = time.perf_counter()
                if number:  # the first one may compile
                    exact_s.append(between - begin)
                    search_s.append(end - between)
                    gaps.append(round(search.time_s / exact.time_s - 1, 12) + 0.0)  # sums in another order; no -0
            far = sum(gap > 1e-9 for gap in gaps)
            times = (f"{median(exact_s) * 1e3:.1f}", f"{median(search_s) * 1e3:.1f}")
            yield h, picks, each, *times, f"{np.mean(gaps):.3%}", f"{max(gaps):.2%}", far


def _long(lists: int, rng: np.random.Generator) -> Iterator[tuple[object, ...]]:
    for h in _ROWS:
        for picks in _LONG:
            search_s, bound_s, gaps = [], [], []
            for number in range(lists + 1):
                problem = _problem(rng, h, picks)
                begin = time.perf_counter()
                search = solve_search(problem)
                between = time.perf_counter()
                bound = lower_bound_s(problem, search.time_s)
                end = time.perf_counter()
                if number:
                    search_s.append(between - begin)
                    bound_s.append(end - between)
                    gaps.append(search.time_s / bound - 1)
            yield (
                h,
                picks,
                lists,
                f"{median(search_s) * 1e3:.1f}",
                f"{median(bound_s) * 1e3:.0f}",
                f"{np.mean(gaps):.2%}",
                f"{max(gaps):.2%}",
            )
