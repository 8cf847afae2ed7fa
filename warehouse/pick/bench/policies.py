"""How much longer the usual ways to walk are, and how much slower with a cart."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from bintally.layouts import Cart
from bintally.layouts.generate import regular_ladder, uniform_list
from warehouse.pick.bench.tables import table
from warehouse.routing.cart.problem import cart_problem
from warehouse.routing.cart.search import solve_search
from warehouse.routing.exact import optimal_lengths_m, pack
from warehouse.routing.pictures import Curve, Excess, draw_excess
from warehouse.routing.policies import POLICIES, policy_tour
from warehouse.routing.policies.with_cart import parked, pushed_s

_ROWS = (2, 3)
_PICKS = (10, 20, 30, 40, 50, 60)
_WITH_CART = (10, 30, 60)


def measure(lists: int, seed: int, out: Path | None) -> None:
    """The policies' mean excess over the shortest tour, as a table and, with a folder, as a plot ``policies.svg``."""
    rng = np.random.default_rng(seed)
    panels: list[Excess] = []
    rows = _rows(max(1, lists // 5), rng, panels)
    table(f"Mean excess over the shortest tour, 10 aisles, {max(1, lists // 5)} lists", ("h", "policy", *map(str, _PICKS)), rows)
    headings = ("h", "policy", *(f"{picks} {how}" for picks in _WITH_CART for how in ("parked", "along")))
    title = f"Mean excess over the searched schedule, with the cart parked or pushed along everywhere, {max(1, lists // 25)} lists"
    table(title, headings, _with_cart(max(1, lists // 25), rng))
    if out:
        draw_excess(out / "policies.svg", panels)


def _rows(lists: int, rng: np.random.Generator, panels: list[Excess]) -> Iterator[tuple[object, ...]]:
    for h in _ROWS:
        ladder = regular_ladder(10, h)
        drawn = [[uniform_list(rng, ladder, picks) for _ in range(lists)] for picks in _PICKS]
        shortest = [optimal_lengths_m(ladder, pack(some)) for some in drawn]
        curves = []
        for name in POLICIES:
            lengths = [np.array([policy_tour(ladder, picks, name).length_m for picks in some]) for some in drawn]
            excess = [float(100 * np.mean(length / best - 1)) for length, best in zip(lengths, shortest, strict=True)]
            curves.append(Curve(name, tuple(map(float, _PICKS)), tuple(excess)))
            yield h, name, *(f"{value:.1f} %" for value in excess)
        panels.append(Excess(f"{h} cross aisles", tuple(curves)))


def _with_cart(lists: int, rng: np.random.Generator) -> Iterator[tuple[object, ...]]:
    cart = Cart()
    for h in _ROWS:
        ladder = regular_ladder(10, h)
        drawn = [[uniform_list(rng, ladder, picks) for _ in range(lists)] for picks in _WITH_CART]
        problems = [[cart_problem(ladder, picks, cart) for picks in some] for some in drawn]
        best = [np.array([solve_search(problem).time_s for problem in some]) for some in problems]
        for name in POLICIES:
            cells = []
            for some, posed, best_s in zip(drawn, problems, best, strict=True):
                tours = [policy_tour(ladder, picks, name) for picks in some]
                parked_s = [parked(problem, tour).time_s for problem, tour in zip(posed, tours, strict=True)]
                along_s = [pushed_s(ladder, cart, tour, picks) for tour, picks in zip(tours, some, strict=True)]
                cells += [f"{np.mean(np.array(found) / best_s - 1):.1%}" for found in (parked_s, along_s)]
            yield h, name, *cells
