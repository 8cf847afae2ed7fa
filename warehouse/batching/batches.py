"""What every batching method returns, and how it is judged: by the exact router, and the cart's best schedules."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from bintally.layouts import Cart
from warehouse.batching.judging.sets import Sets, pick_lists
from warehouse.batching.problem import BatchProblem, Floats
from warehouse.routing.exact import optimal_lengths_m


@dataclass(frozen=True)
class Batches:
    """Orders put into batches.

    Attributes:
        batches: indices of orders, increasing in each batch; the batches in the order of their first orders.
        lengths_m: of each batch, its shortest tour.
        times_s: of each batch, its best schedule with the cart, picking included; None without a cart. Never estimated.
        lower_bound_m: what no batches can undercut in length, None if it was not asked for.
        method: what made them.
        iterations: of the method; 0 where it has none.
        seconds: that it took.
    """

    batches: tuple[tuple[int, ...], ...]
    lengths_m: tuple[float, ...]
    times_s: tuple[float, ...] | None
    lower_bound_m: float | None
    method: str
    iterations: int
    seconds: float

    @property
    def total_length_m(self) -> float:
        """Of all batches' shortest tours."""
        return sum(self.lengths_m)

    @property
    def total_time_s(self) -> float | None:
        """Of all batches' schedules; None without a cart."""
        return None if self.times_s is None else sum(self.times_s)


def lengths_m(problem: BatchProblem, batches: Sequence[Sequence[int]]) -> Floats:
    """The lengths of the batches' shortest tours, float64[batches]."""
    if not batches:
        return np.empty(0)
    return optimal_lengths_m(problem.ladder, pick_lists(problem, Sets.of(batches))[0])


def times_s(problem: BatchProblem, batches: Sequence[Sequence[int]], cart: Cart) -> Floats:
    """The times of the batches' best schedules, picking included, float64[batches].

    Raises:
        InputError: the cart cannot be used in this ladder.
    """
    from warehouse.routing.cart.best import best_times_s  # loaded for carts only

    return best_times_s(problem.ladder, cart, *pick_lists(problem, Sets.of(batches)))


def judged(
    problem: BatchProblem,
    batches: Sequence[Sequence[int]],
    method: str,
    *,
    seconds: float,
    iterations: int = 0,
    bound_m: float | None = None,
    cart: Cart | None = None,
) -> Batches:
    """Sort batches, measure and check them.

    Raises:
        InputError: the cart cannot be used in this ladder.
        ValueError: a method made batches that are none.
    """
    tidy = tuple(sorted(tuple(sorted(int(order) for order in batch)) for batch in batches))
    check_batches(problem, tidy)
    times = None if cart is None else tuple(times_s(problem, tidy, cart).tolist())
    return Batches(tidy, tuple(lengths_m(problem, tidy).tolist()), times, bound_m, method, iterations, seconds)


def check_batches(problem: BatchProblem, batches: Sequence[Sequence[int]]) -> None:
    """Compare batches with the problem.

    Raises:
        ValueError: an order is missing or stands twice, a limit is not kept, or there are too many batches.
    """
    if sorted(order for batch in batches for order in batch) != list(range(len(problem))):
        raise ValueError("each order must be in one batch")
    for batch in batches:
        if not problem.fits(batch):
            raise ValueError(f"the orders {list(batch)} are too much for one cart")
    if problem.carts is not None and len(batches) > problem.carts:
        raise ValueError(f"{len(batches)} batches are more than {problem.carts} carts")
