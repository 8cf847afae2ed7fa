"""The second seed system's experiment: forty orders of two items into two lists, annealed on estimates and on calculated times.

Annealing on calculated times is given ten times as long. All results are told in calculated times, and without picking, which is the same
for all. The seed system reported 11 % less travel time an item than random lists take.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from bintally.errors import InputError
from bintally.layouts import Cart, Ladder, PickList, Shelf
from bintally.layouts.files import read_places
from warehouse.batching.batches import times_s
from warehouse.batching.budget import Budget
from warehouse.batching.judging.objective import Estimator, Objective
from warehouse.batching.judging.sets import Sets, pick_lists
from warehouse.batching.problem import BatchProblem, batch_problem
from warehouse.batching.simple import in_sequence
from warehouse.batching.with_cart.methods import with_cart
from warehouse.pick.bench.tables import table

ORDERS, ITEMS, LISTS = 40, 2, 2
REPETITIONS = 20
RANDOM = 10
"""Random splits, of which the mean is taken."""
LONGER = 10
"""Times as long as annealing on estimates, annealing on calculated times takes."""
SECONDS = 10.0
"""Of annealing on estimates."""


@dataclass(frozen=True)
class Trial:
    """One repetition; times of both lists, without picking.

    Attributes:
        random_s: the mean of random splits.
        estimated_s: of annealing on estimates,
        calculated_s: and on calculated times.
        tries: of both.
    """

    random_s: float
    estimated_s: float
    calculated_s: float
    tries: tuple[int, int]


@dataclass(frozen=True)
class History:
    """How annealing on estimates went on.

    Attributes:
        tries: so many were made, at each point.
        estimated_s: what the lists of that moment seemed to take,
        calculated_s: and what they take indeed; both with picking.
    """

    tries: tuple[int, ...]
    estimated_s: tuple[float, ...]
    calculated_s: tuple[float, ...]


def two_list_problem(ladder: Ladder, places: PickList, rng: np.random.Generator, orders: int = ORDERS) -> BatchProblem:
    """Orders of two items at two of a warehouse's places, drawn from everywhere alike; two carts take half of them each.

    Raises:
        InputError: the warehouse has no two places.
    """
    if len(places) < ITEMS:
        raise InputError(f"orders of {ITEMS} items at different places cannot be drawn: the layout has {len(places)}; take a larger one")
    drawn = [rng.choice(len(places), ITEMS, replace=False).tolist() for _ in range(orders)]
    wanted = sorted({place for order in drawn for place in order})
    where = zip(places.columns[wanted].tolist(), places.blocks[wanted].tolist(), places.y_m[wanted].tolist(), strict=True)
    shelves = [Shelf(f"a{place}", *one) for place, one in zip(wanted, where, strict=True)]
    lines = [(f"o{number}", {f"a{place}": 1 for place in order}) for number, order in enumerate(drawn)]
    return batch_problem(ladder, shelves, lines, {shelf.article: (1.0,) for shelf in shelves}, (orders * ITEMS / LISTS,), LISTS)


Budgets = tuple[Callable[[], Budget], Callable[[], Budget]]
"""Makers of the budgets for annealing on estimates, and on calculated times."""


def trial(problem: BatchProblem, cart: Cart, estimator: Estimator, budgets: Budgets, seed: int) -> Trial:
    """Random splits, annealing on estimates, and on calculated times.

    Args:
        problem: the orders.
        cart: the worker and the cart.
        estimator: made for them.
        budgets: of both.
        seed: of the random numbers.
    """
    shuffles = [np.random.default_rng((seed, number)).permutation(len(problem)).tolist() for number in range(RANDOM)]
    random_s = [_travel_s(problem, in_sequence(problem, shuffled), cart) for shuffled in shuffles]
    on_estimates = Objective(cart, "estimate", estimator)
    estimated = with_cart(problem, "annealing", on_estimates, budgets[0], seed)
    calculated = with_cart(problem, "annealing", Objective(cart), budgets[1], seed)
    return Trial(
        float(np.mean(random_s)),
        _travel_s(problem, estimated.batches, cart),
        _travel_s(problem, calculated.batches, cart),
        (estimated.iterations, calculated.iterations),
    )


def _travel_s(problem: BatchProblem, batches: Sequence[Sequence[int]], cart: Cart) -> float:
    picked = len(pick_lists(problem, Sets.of(batches))[1])
    return float(times_s(problem, batches, cart).sum()) - cart.pick_s * picked


def history(problem: BatchProblem, cart: Cart, estimator: Estimator, tries: int, seed: int, points: int = 100) -> History:
    """Anneal on estimates, and calculate afterwards what the lists took at some points on the way."""
    seen: list[tuple[int, list[list[int]], float]] = []

    def follow(done: int, batches: list[list[int]], cost_s: float) -> None:
        if done * points >= len(seen) * tries:
            seen.append((done, batches, cost_s))

    with_cart(problem, "annealing", Objective(cart, "estimate", estimator), partial(Budget, iterations=tries), seed, follow)
    calculated = tuple(float(times_s(problem, batches, cart).sum()) for _, batches, _ in seen)
    return History(tuple(done for done, _, _ in seen), tuple(cost_s for _, _, cost_s in seen), calculated)


def measure(bundle: Path, layout: Path, seed: int, repetitions: int = REPETITIONS, seconds: float = SECONDS) -> None:
    """Print all repetitions and their mean.

    Args:
        bundle: an estimator of the cart's time.
        layout: a file of its warehouse; the cart is the default one.
        seed: of the orders.
        repetitions: each with orders of its own.
        seconds: of annealing on estimates.

    Raises:
        InputError: the bundle cannot be used, or was trained for another warehouse or cart.
    """
    from warehouse.estimator import open_estimator  # brings ONNX Runtime

    headings = ("repetition", "random s", "estimates s", "calculated s", "difference", "saving", "tries", "calculated")
    title = (
        f"{ORDERS} orders of {ITEMS} items into {LISTS} lists: annealing for {seconds:g} s on estimates, {LONGER * seconds:g} s on times"
    )
    table(title, headings, _rows(open_estimator(bundle), *read_places(layout), seed, repetitions, seconds))


def _rows(
    estimator: Estimator, ladder: Ladder, places: PickList, seed: int, repetitions: int, seconds: float
) -> Iterator[tuple[object, ...]]:
    trials, budgets = [], (partial(Budget, seconds), partial(Budget, LONGER * seconds))
    for number in range(repetitions):
        problem = two_list_problem(ladder, places, np.random.default_rng((seed, number)))
        trials.append(trial(problem, Cart(), estimator, budgets, seed + number))
        yield _row(number, trials[-1:])
    yield _row("mean", trials)


def _row(name: object, trials: list[Trial]) -> tuple[object, ...]:
    random_s, estimated_s, calculated_s = (
        np.array(times) for times in zip(*((one.random_s, one.estimated_s, one.calculated_s) for one in trials), strict=True)
    )
    tries = [f"{np.mean(some):.0f}" for some in zip(*(one.tries for one in trials), strict=True)]
    difference, saving = np.mean(estimated_s / calculated_s - 1), np.mean(1 - estimated_s / random_s)
    return (
        name,
        *(f"{times.mean():.1f}" for times in (random_s, estimated_s, calculated_s)),
        f"{difference:+.2%}",
        f"{saving:.1%}",
        *tries,
    )
