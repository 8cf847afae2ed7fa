"""One way into all batching methods: by length, or by the time that a cart takes."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from bintally.errors import UsageError
from bintally.layouts.model import nearest
from warehouse.batching.alns import alns
from warehouse.batching.annealing import annealing
from warehouse.batching.batches import Batches
from warehouse.batching.budget import Budget
from warehouse.batching.judging.objective import Estimates, Estimator, Objective
from warehouse.batching.problem import BatchProblem
from warehouse.batching.savings import savings
from warehouse.batching.seed import seed as filled
from warehouse.batching.simple import first_come, random
from warehouse.batching.with_cart.methods import with_cart

__all__ = ["METHODS", "Estimates", "Estimator", "Objective", "solve"]

METHODS: tuple[str, ...] = ("random", "first-come", "seed", "savings", "annealing", "alns")


def solve(
    problem: BatchProblem,
    method: str,
    objective: Objective,
    *,
    seconds: float | None = None,
    iterations: int | None = None,
    patience: int | None = None,
    seed: int = 0,
) -> Batches:
    """Put orders into batches.

    Args:
        problem: the orders.
        method: one of METHODS.
        objective: what is minimised, and who judges.
        seconds: a search stops after this time,
        iterations: or after so many steps; the same seed and iterations give the same result,
        patience: or after so many steps without a better solution. The methods that do not search need none of the three.
        seed: of the random numbers.

    Raises:
        UsageError: an unknown method, or a search without a limit.
        InputError: no way was found into so few carts, or the cart or the estimator does not fit the warehouse.
    """
    if method not in METHODS:
        raise UsageError(f"there is no batching method {method!r}; {nearest(method, METHODS)}")
    if objective.cart is not None:
        return with_cart(problem, method, objective, partial(Budget, seconds, iterations, patience), seed)
    methods: dict[str, Callable[[], Batches]] = {
        "random": lambda: random(problem, seed),
        "first-come": lambda: first_come(problem),
        "seed": lambda: filled(problem),
        "savings": lambda: savings(problem),
        "annealing": lambda: annealing(problem, seconds=seconds, iterations=iterations, patience=patience, seed=seed),
        "alns": lambda: alns(problem, seconds=seconds, iterations=iterations, patience=patience, seed=seed),
    }
    return methods[method]()
