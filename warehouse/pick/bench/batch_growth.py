"""How batching's time and quality grow with the number of orders."""

from __future__ import annotations

import resource
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from bintally.layouts import OrderBook
from bintally.layouts.generate import random_book, regular_ladder
from warehouse.batching import alns, random, savings
from warehouse.pick.bench.batching import problem_of
from warehouse.pick.bench.tables import table
from warehouse.routing.pictures import Curve, Growth, draw_growth

ORDERS = (100, 300, 1_000, 3_000, 10_000, 20_000)
AN_ORDER_S = 0.003
"""Of the search: 60 s for 20,000 orders, the savings that it starts from included."""
_NAMES = ("random", "savings", "alns")


def measure(seed: int, out: Path | None) -> None:
    """Orders of `random_book` in a hall of 10 aisles and 2 blocks, as a table and, with a folder, as two plots."""
    alns(problem_of(_book(seed, ORDERS[1] + 1)), iterations=1)  # compiles what many orders need
    alns(problem_of(_book(seed, ORDERS[0])), iterations=1)
    lengths: dict[str, dict[float, float]] = {name: {} for name in _NAMES}
    times: dict[str, dict[float, float]] = {name: {} for name in _NAMES[1:]}
    headings = ("orders", "savings, s", "alns, s", *(f"{name}, m" for name in _NAMES), "below savings", "lower bound", "memory, MB")
    table("Batching many orders: metres an order", headings, _rows(seed, lengths, times))
    if not out:
        return
    for file, title, label, curves in (
        ("batch-time.svg", "How the time of batching grows", "seconds", times),
        ("batch-length.svg", "How the walk shrinks with the number of orders to choose from", "metres an order", lengths),
    ):
        panel = Growth("orders", tuple(Curve(name, tuple(values), tuple(values.values())) for name, values in curves.items()))
        draw_growth(out / file, [panel], title, label)


def _rows(seed: int, lengths: dict[str, dict[float, float]], times: dict[str, dict[float, float]]) -> Iterator[tuple[object, ...]]:
    for orders in ORDERS:
        problem = problem_of(_book(seed, orders))
        found = random(problem, seed), savings(problem), alns(problem, seconds=AN_ORDER_S * orders, seed=seed)
        for name, one in zip(_NAMES, found, strict=True):
            lengths[name][orders] = one.total_length_m / orders
            if name in times:
                times[name][orders] = one.seconds
        of_random, of_savings, best = (f"{lengths[name][orders]:.2f}" for name in _NAMES)
        below = f"{1 - found[2].total_length_m / found[1].total_length_m:.2%}"
        bound = f"{(found[2].lower_bound_m or 0.0) / orders:.2f}"
        megabytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
        yield orders, f"{found[1].seconds:.2f}", f"{found[2].seconds:.1f}", of_random, of_savings, best, below, bound, megabytes


def _book(seed: int, orders: int) -> OrderBook:
    return random_book(np.random.default_rng(seed), regular_ladder(10, 3, block_m=21.0, depot=4), orders)
