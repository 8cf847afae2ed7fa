"""The estimator beside what it stands in for: the exact cart method, the certified search, and the plain router on the same lists."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np

from bintally.errors import UsageError
from bintally.layouts import Cart, Ladder, PickList
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
from warehouse.routing.exact.sweep import Floats, Ints

AT_ONCE = (1, 10, 100, 1_000, 10_000)
_SIZES = ((1, 5), (6, 10), (11, 20), (21, 35), (36, 50))
_EXACT_HANDFULS = 12
_BESIDE = 10
"""Lists of each size that the slow methods are given."""
_BOUNDED = 3
"""Of these, so many are certified: a bound takes seconds."""
_REPEATS = 5
FRESH = 1 << 40
"""Number of the first list that errors are measured on: with whatever seed, nobody has labelled so many that training may have seen it."""


@dataclass(frozen=True)
class AtOnce:
    """How fast lists are estimated together, plain router and features included.

    Attributes:
        lists: of a batch.
        estimate_s, one_thread_s: seconds a list, on all cores and on one.
        plain_s: of the plain router alone, on one core.
    """

    lists: int
    estimate_s: float
    one_thread_s: float
    plain_s: float


@dataclass(frozen=True)
class Beside:
    """Seconds that each method takes for a list; estimates and plain routes in a batch.

    Attributes:
        places: from so many to so many, of the lists.
        estimate_s, plain_s: as their names say.
        exact_s: None if the lists are too long for it.
        search_s: without a bound,
        certified_s: and with one.
    """

    places: tuple[int, int]
    estimate_s: float
    plain_s: float
    exact_s: float | None
    search_s: float
    certified_s: float


@dataclass(frozen=True)
class Scores:
    """Relative errors of estimates.

    Attributes:
        lists: how many.
        error: the mean of |estimated ÷ calculated − 1|.
        q99: above which the worst 1 % of lists lie, and
        worst: the mean over these.
        bias: the mean of the errors with their signs.
    """

    lists: int
    error: float
    q99: float
    worst: float
    bias: float

    @classmethod
    def of(cls, signed: Floats) -> Scores:
        """The scores of float64[n], estimated ÷ calculated − 1, of at least one list."""
        errors = np.sort(np.abs(signed))
        worst = errors[-max(1, len(errors) // 100) :]
        return cls(len(errors), *(float(value) for value in (errors.mean(), np.quantile(errors, 0.99), worst.mean(), signed.mean())))


Draw = Callable[[int, int], Batch]
"""Draws the lists from one number up to another."""


def measure(bundle: Path, layout: Path, lists: int, seed: int) -> None:
    """Measure a bundle's speed and, if it estimates the cart's time, its errors on lists that are drawn now.

    Args:
        bundle: of the task travel-time.
        layout: a file of the warehouse that it was trained for; lists are drawn from its places.
        lists: to judge the errors by.
        seed: of the lists.

    Raises:
        InputError: the bundle cannot be used, or was trained for another warehouse.
        UsageError: it does not estimate the time of a worker and a cart.
    """
    ladder, places = read_places(layout)
    estimator = open_estimator(bundle)
    cart = cart_of(bundle, estimator)
    estimator.check(ladder, cart)
    drawn = draw_from(estimator, ladder, places, seed)
    headings: tuple[str, ...] = ("lists at once", "µs a list", "one thread, µs", "plain router alone, µs")
    table(
        "Estimating, plain router and features included: best of several repeats",
        headings,
        map(_speed_row, speeds(bundle, estimator, drawn)),
    )
    headings = ("places", "estimate µs", "plain µs", "exact ms", "search ms", "with bound ms", "search ÷ estimate")
    title = f"A list by each method: estimate and plain in a batch, exact up to {_EXACT_HANDFULS} handfuls, medians of {_BESIDE}"
    table(title, headings, map(_method_row, methods(estimator, drawn(0, max(AT_ONCE)), cart)))
    headings = ("lists", "number", "mean error", "99 % below", "worst 1 %", "bias", "within 2 spreads")
    table("|estimated ÷ calculated − 1| on freshly drawn lists", headings, _errors(estimator, drawn(FRESH, FRESH + lists), cart))


def cart_of(bundle: Path, estimator: Estimator) -> Cart:
    """The worker and the cart whose time it estimates.

    Raises:
        UsageError: it estimates something else.
    """
    cart = estimator.manifest.cart
    if estimator.manifest.label != SECONDS or cart is None:
        raise UsageError(f"{bundle}: estimates {estimator.manifest.label}; only {SECONDS} can be measured beside the cart's methods")
    return cart


def draw_from(estimator: Estimator, ladder: Ladder, places: PickList, seed: int) -> Draw:
    """Draws lists as the estimator was trained on."""
    drawing = Drawing(places, KINDS, min(estimator.manifest.most_picks, len(places)), seed)
    return lambda start, end: Batch(ladder, places, start, drawing.lists(start, end))


def signed_errors(estimator: Estimator, batch: Batch, cart: Cart) -> tuple[Floats, Floats]:
    """Estimated ÷ calculated − 1 of each list, and the spread that was expected, float64[n] each."""
    calculated = CartTimes(replace(cart, pick_s=0.0))(batch)[SECONDS]
    found = estimator.values(batch.packed(), batch.drawn.quantities)
    return found.value / calculated - 1, found.spread


def speeds(bundle: Path, estimator: Estimator, drawn: Draw) -> Iterator[AtOnce]:
    """Time batches of all sizes."""
    alone = open_estimator(bundle, threads=1)
    for number in AT_ONCE:
        # lists one by one differ much, so that many are timed
        batches = [drawn(start, start + number) for start in range(0, min(200 * number, max(AT_ONCE)), number)]
        all_packed = [(batch.packed(), batch.drawn.quantities) for batch in batches]
        ways = (
            [partial(estimator.values, *packed) for packed in all_packed],
            [partial(alone.values, *packed) for packed in all_packed],
            [partial(optimal_lengths_m, batches[0].ladder, packed, 1) for packed, _ in all_packed],
        )
        yield AtOnce(number, *(_best_s(calls) / number for calls in ways))


def _speed_row(found: AtOnce) -> tuple[object, ...]:
    return found.lists, *(f"{seconds * 1e6:.1f}" for seconds in (found.estimate_s, found.one_thread_s, found.plain_s))


def _best_s(calls: Sequence[Callable[[], object]]) -> float:
    """The best of several medians: what other programs take away is no property of the code."""
    return min(median_s(calls) for _ in range(_REPEATS))


def methods(estimator: Estimator, batch: Batch, cart: Cart) -> Iterator[Beside]:
    """Time all methods on the same lists, by their size; some of the lists for the slow ones."""
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
        exact_s = median_s([partial(solve_exact, problem) for problem in short]) if short else None
        yield Beside((low, high), estimate_s, plain_s, exact_s, search_s, certified_s)


def _method_row(found: Beside) -> tuple[object, ...]:
    exact = "–" if found.exact_s is None else f"{found.exact_s * 1e3:.1f}"
    fast = (f"{found.estimate_s * 1e6:.1f}", f"{found.plain_s * 1e6:.1f}")
    slow = (f"{found.search_s * 1e3:.1f}", f"{found.certified_s * 1e3:.0f}", f"{found.search_s / found.estimate_s:,.0f}")
    return "–".join(map(str, found.places)), *fast, exact, *slow


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
    signed, spread = signed_errors(estimator, batch, cart)
    for name, rows in _groups(batch):
        if rows.any():
            found, within = Scores.of(signed[rows]), np.mean(np.abs(signed[rows]) < 2 * spread[rows])
            shares = (found.error, found.q99, found.worst, found.bias)
            yield name, found.lists, *(f"{share:.3%}" for share in shares), f"{within:.1%}"


def _groups(batch: Batch) -> Iterator[tuple[str, np.ndarray]]:
    lengths = np.diff(batch.drawn.first)
    yield "all", np.full(len(batch), True)
    for kind, name in enumerate(KINDS):
        yield name, batch.drawn.kinds == kind
    for low, high in _SIZES:
        yield f"{low}–{high} places", (lengths >= low) & (lengths <= high)
