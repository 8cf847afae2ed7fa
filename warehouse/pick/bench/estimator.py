"""The estimator beside what it stands in for: the exact cart method, the certified search, and the plain router on the same lists."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np

from bintally.errors import UsageError
from bintally.layouts import Cart
from bintally.layouts.files import read_places
from warehouse.estimator import Estimator, open_estimator
from warehouse.labels.batch import Batch
from warehouse.labels.cart import SECONDS, CartTimes
from warehouse.labels.draw import KINDS, Drawing
from warehouse.pick.bench.tables import median_s, table
from warehouse.routing.cart.bound import lower_bound_s
from warehouse.routing.cart.exact import solve_exact
from warehouse.routing.cart.problem import CartProblem, cart_problem
from warehouse.routing.cart.search import solve_search
from warehouse.routing.exact import PackedLists, optimal_lengths_m
from warehouse.routing.exact.sweep import Ints

_AT_ONCE = (1, 10, 100, 1_000, 10_000)
_SIZES = ((1, 5), (6, 10), (11, 20), (21, 35), (36, 50))
_EXACT_HANDFULS = 12
_BESIDE = 10
"""Lists of each size that the slow methods are given."""
_BOUNDED = 3
"""Of these, so many are certified: a bound takes seconds."""
_REPEATS = 5


def measure(bundle: Path, layout: Path, lists: int, seed: int) -> None:
    """Measure a bundle's speed and, if it estimates the cart's time, its errors on lists that are drawn now.

    Args:
        bundle: of the task travel-time.
        layout: a file of the warehouse that it was trained for; lists are drawn from its places.
        lists: to judge the errors by.
        seed: of the lists; the trained ones' should be another.

    Raises:
        InputError: the bundle cannot be used, or was trained for another warehouse.
        UsageError: it does not estimate the time of a worker and a cart.
    """
    ladder, places = read_places(layout)
    estimator = open_estimator(bundle)
    cart = estimator.manifest.cart
    if estimator.manifest.label != SECONDS or cart is None:
        raise UsageError(f"{bundle}: estimates {estimator.manifest.label}; only {SECONDS} can be measured beside the cart's methods")
    estimator.check(ladder, cart)
    drawing = Drawing(places, KINDS, min(estimator.manifest.most_picks, len(places)), seed)

    def drawn(start: int, end: int) -> Batch:
        return Batch(ladder, places, start, drawing.lists(start, end))

    speeds = ("lists at once", "µs a list", "one thread, µs", "plain router alone, µs")
    table("Estimating, plain router and features included: best of several repeats", speeds, _speeds(bundle, estimator, drawn))
    methods = ("places", "estimate µs", "plain µs", "exact ms", "search ms", "with bound ms", "search ÷ estimate")
    title = f"A list by each method: estimate and plain in a batch, exact up to {_EXACT_HANDFULS} handfuls, medians of {_BESIDE}"
    table(title, methods, _methods(estimator, drawn(0, max(_AT_ONCE)), cart))
    errors = ("lists", "number", "mean error", "99 % below", "worst 1 %", "bias", "within 2 spreads")
    table("|estimated ÷ calculated − 1| on freshly drawn lists", errors, _errors(estimator, drawn(0, lists), cart))


def _speeds(bundle: Path, estimator: Estimator, drawn: Callable[[int, int], Batch]) -> Iterator[tuple[object, ...]]:
    alone = open_estimator(bundle, threads=1)
    for number in _AT_ONCE:
        # lists one by one differ much, so that many are timed
        batches = [drawn(start, start + number) for start in range(0, min(200 * number, max(_AT_ONCE)), number)]
        all_packed = [(batch.packed(), batch.drawn.quantities) for batch in batches]
        ways = (
            [partial(estimator.values, *packed) for packed in all_packed],
            [partial(alone.values, *packed) for packed in all_packed],
            [partial(optimal_lengths_m, batches[0].ladder, packed, 1) for packed, _ in all_packed],
        )
        yield number, *(f"{_best_s(calls) / number * 1e6:.1f}" for calls in ways)


def _best_s(calls: Sequence[Callable[[], object]]) -> float:
    """The best of several medians: what other programs take away is no property of the code."""
    return min(median_s(calls) for _ in range(_REPEATS))


def _methods(estimator: Estimator, batch: Batch, cart: Cart) -> Iterator[tuple[object, ...]]:
    lengths = np.diff(batch.drawn.first)
    for low, high in _SIZES:
        numbers = np.flatnonzero((lengths >= low) & (lengths <= high))
        if not len(numbers):
            continue
        packed, quantities = _chosen(batch, numbers)
        estimate_s = _best_s([partial(estimator.values, packed, quantities)]) / len(numbers)
        plain_s = _best_s([partial(optimal_lengths_m, batch.ladder, packed, 1)]) / len(numbers)
        problems = _problems(batch, numbers[:_BESIDE], cart)
        search_s = median_s([partial(solve_search, problem) for problem in problems])
        certified_s = median_s([partial(_certified, problem) for problem in problems[:_BOUNDED]])
        short = [problem for problem in problems if problem.handfuls <= _EXACT_HANDFULS]
        exact = f"{median_s([partial(solve_exact, problem) for problem in short]) * 1e3:.1f}" if short else "–"
        times = (f"{search_s * 1e3:.1f}", f"{certified_s * 1e3:.0f}", f"{search_s / estimate_s:,.0f}")
        yield f"{low}–{high}", f"{estimate_s * 1e6:.1f}", f"{plain_s * 1e6:.1f}", exact, *times


def _chosen(batch: Batch, numbers: Ints) -> tuple[PackedLists, Ints]:
    """Some lists of a batch, and their quantities."""
    packed, drawn = batch.packed(), batch.drawn
    at = np.concatenate([np.arange(drawn.first[number], drawn.first[number + 1]) for number in numbers])
    first = np.concatenate([[0], np.cumsum(np.diff(drawn.first)[numbers])])
    return PackedLists(first, packed.columns[at], packed.blocks[at], packed.y_m[at]), drawn.quantities[at]


def _problems(batch: Batch, numbers: Ints, cart: Cart) -> list[CartProblem]:
    picks = dict(batch.lists())
    return [cart_problem(batch.ladder, picks[batch.start + number], cart) for number in numbers.tolist()]


def _certified(problem: CartProblem) -> None:
    lower_bound_s(problem, solve_search(problem).time_s)


def _errors(estimator: Estimator, batch: Batch, cart: Cart) -> Iterator[tuple[object, ...]]:
    calculated = CartTimes(replace(cart, pick_s=0.0))(batch)[SECONDS]
    found = estimator.values(batch.packed(), batch.drawn.quantities)
    signed = found.value / calculated - 1
    for name, rows in _groups(batch):
        if rows.any():
            errors = np.sort(np.abs(signed[rows]))
            worst = errors[-max(1, len(errors) // 100) :].mean()
            within = np.mean(np.abs(signed[rows]) < 2 * found.spread[rows])
            shares = (errors.mean(), np.quantile(errors, 0.99), worst, signed[rows].mean())
            yield name, len(errors), *(f"{share:.3%}" for share in shares), f"{within:.1%}"


def _groups(batch: Batch) -> Iterator[tuple[str, np.ndarray]]:
    lengths = np.diff(batch.drawn.first)
    yield "all", np.full(len(batch), True)
    for kind, name in enumerate(KINDS):
        yield name, batch.drawn.kinds == kind
    for low, high in _SIZES:
        yield f"{low}–{high} places", (lengths >= low) & (lengths <= high)
