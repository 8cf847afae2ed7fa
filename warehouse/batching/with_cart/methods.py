"""The batching methods with a cart: each starts, searches, and has its batches timed by the best schedules."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Sequence
from functools import partial

import numpy as np

from warehouse.batching.batches import Batches, judged
from warehouse.batching.bound import lower_bound_m
from warehouse.batching.budget import Budget
from warehouse.batching.judging.judge import Judge, cart_times, lengths
from warehouse.batching.judging.objective import Objective
from warehouse.batching.judging.sets import Sets
from warehouse.batching.problem import BatchProblem
from warehouse.batching.simple import in_sequence, tightly
from warehouse.batching.with_cart.annealing import Follow, anneal
from warehouse.batching.with_cart.savings import saved
from warehouse.batching.with_cart.search import Met, searched
from warehouse.batching.with_cart.seed import filled

ANNEALED = 0.6
"""The share of a search that is annealing, where estimates guide it."""
TRIES = 40
"""Of annealing, that take as much time as a step of the search."""

ON_SCHEDULES, ON_ESTIMATES = 4, 256
"""Tries of annealing that are judged at once: enough for all cores, or for estimates to be cheap."""

Lists = list[list[int]]
Found = tuple[Lists, int]
"""Batches, and the iterations that a search has made."""


def with_cart(
    problem: BatchProblem,
    method: str,
    objective: Objective,
    budget: Callable[[], Budget],
    seed: int = 0,
    follow: Follow | None = None,
) -> Batches:
    """Put orders into batches that take the cart little time.

    Args:
        problem: the orders.
        method: one of `warehouse.batching.solve.METHODS`.
        objective: with a cart.
        budget: makes that of a search, when it begins.
        seed: of the random numbers.
        follow: is told how annealing goes.

    Raises:
        UsageError: a search without a limit.
        InputError: no way was found into so few carts, or the cart or the estimator does not fit the warehouse.
    """
    began = time.monotonic()
    judge = cart_times(problem, objective)
    # estimates are cheap enough to guide; schedules are not
    guide = lengths(problem) if objective.estimator is None else judge
    everyone = range(len(problem))
    methods: dict[str, Callable[[], Found]] = {
        "random": lambda: (_shuffled(problem, seed), 0),
        "first-come": lambda: (in_sequence(problem, everyone), 0),
        "seed": lambda: (tightly(problem, filled(problem, guide, judge), everyone), 0),
        "savings": lambda: (tightly(problem, saved(problem, guide, judge), everyone), 0),
        "annealing": lambda: _annealed(problem, objective, judge, budget(), seed, follow),
        "alns": lambda: _searched(problem, guide, judge, budget(), seed),
    }
    batches, iterations = methods[method]()
    bound_m = lower_bound_m(problem) if method == "alns" else None
    took_s = time.monotonic() - began
    return judged(problem, batches, method, seconds=took_s, iterations=iterations, bound_m=bound_m, cart=objective.cart)


def _shuffled(problem: BatchProblem, seed: int) -> Lists:
    return in_sequence(problem, np.random.default_rng(seed).permutation(len(problem)).tolist())


def _annealed(problem: BatchProblem, objective: Objective, judge: Judge, budget: Budget, seed: int, follow: Follow | None) -> Found:
    """Of the last records, the one that costs least indeed."""
    most = ON_SCHEDULES if objective.estimator is None else ON_ESTIMATES
    found = anneal(problem, judge, _shuffled(problem, seed), budget, seed, most=most, follow=follow)
    return min(found.records[::-1], key=partial(_settled, judge)), found.tries


def _settled(judge: Judge, batches: Sequence[Sequence[int]]) -> float:
    return float(judge.settled(Sets.of(batches)).sum())


def _searched(problem: BatchProblem, guide: Judge, judge: Judge, budget: Budget, seed: int) -> Found:
    """From the savings that the guide sees, since judging them would take longer than many a search; where judging is cheap, annealed."""
    start, met, steps = tightly(problem, saved(problem, guide, guide), range(len(problem))), Met(), 0
    if guide is judge:

        def follow(_: int, batches: Lists, __: float) -> None:
            met.add(batches)

        found = anneal(problem, judge, start, _share(budget), seed, most=ON_ESTIMATES, follow=follow)
        start, steps = found.records[-1], found.tries // TRIES
    return searched(problem, guide, judge, start, budget, seed, met, steps)


def _share(budget: Budget) -> Budget:
    """Annealing's share of a search; so many of its tries are as much work as a step of the search."""
    return dataclasses.replace(
        budget,
        seconds=budget.seconds and ANNEALED * budget.seconds,
        iterations=budget.iterations and max(1, int(ANNEALED * TRIES * budget.iterations)),
        patience=budget.patience and TRIES * budget.patience,
    )
