"""What every batching method returns, and how it is judged: by the exact router."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from warehouse.batching.problem import BatchProblem, Floats
from warehouse.routing.exact import PackedLists, optimal_lengths_m


@dataclass(frozen=True)
class Batches:
    """Orders put into batches.

    Attributes:
        batches: indices of orders, increasing in each batch; the batches in the order of their first orders.
        total_length_m: the sum of their shortest tours.
        lower_bound_m: what no batches can undercut, None if it was not asked for.
        method: what made them.
        iterations: of the method; 0 where it has none.
        seconds: that it took.
    """

    batches: tuple[tuple[int, ...], ...]
    total_length_m: float
    lower_bound_m: float | None
    method: str
    iterations: int
    seconds: float


def lengths_m(problem: BatchProblem, batches: Sequence[Sequence[int]]) -> Floats:
    """The lengths of the batches' shortest tours, float64[batches]."""
    if not batches:
        return np.empty(0)
    lists = [problem.places_of(batch) for batch in batches]
    places = np.concatenate(lists)
    first = np.concatenate([[0], np.cumsum([len(one) for one in lists])])
    return optimal_lengths_m(problem.ladder, PackedLists(first, problem.columns[places], problem.blocks[places], problem.y_m[places]))


def judged(
    problem: BatchProblem,
    batches: Sequence[Sequence[int]],
    method: str,
    *,
    seconds: float,
    iterations: int = 0,
    bound_m: float | None = None,
) -> Batches:
    """Sort batches, measure and check them.

    Raises:
        ValueError: a method made batches that are none.
    """
    tidy = tuple(sorted(tuple(sorted(int(order) for order in batch)) for batch in batches))
    check_batches(problem, tidy)
    return Batches(tidy, float(lengths_m(problem, tidy).sum()), bound_m, method, iterations, seconds)


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
