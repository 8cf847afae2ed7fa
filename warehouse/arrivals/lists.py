"""Pick lists that have not left yet, and how they are made from orders."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from warehouse.arrivals.demand import Demand
from warehouse.batching import alns, savings
from warehouse.batching.batches import lengths_m
from warehouse.batching.problem import BatchProblem, Floats
from warehouse.routing.exact import PackedLists, optimal_lengths_m


@dataclass(frozen=True)
class OpenList:
    """A pick list that waits for a picker, and perhaps for more orders.

    Attributes:
        orders: numbers, increasing.
        length_m: of the shortest tour.
        time_s: for walking it and picking at each place.
        share: its length, by the length of tours for each order alone; the smaller, the more walking is saved by picking together.
        fill: the share of the cart that is taken, of the limit that is used up most.
        came_s: when its first order came.
        begin_by_s: when it must leave, so that none of its orders is late.
    """

    orders: tuple[int, ...]
    length_m: float
    time_s: float
    share: float
    fill: float
    came_s: float
    begin_by_s: float


class Sizes:
    """Measures lists of a demand's orders with the exact router."""

    def __init__(self, demand: Demand) -> None:
        self.demand = demand
        self._alone_m = lengths_m(demand.problem, [[order] for order in range(len(demand))])

    def lengths_m(self, batches: Sequence[Sequence[int]]) -> Floats:
        """The lengths of the shortest tours of at least one batch, float64[batches].

        They are few, so that they are measured sooner than threads for them are started.
        """
        problem = self.demand.problem
        lists = [problem.places_of(batch) for batch in batches]
        places, first = np.concatenate(lists), np.concatenate([[0], np.cumsum([len(one) for one in lists])])
        packed = PackedLists(first, problem.columns[places], problem.blocks[places], problem.y_m[places])
        return optimal_lengths_m(problem.ladder, packed, threads=1)

    def lists_of(self, batches: Sequence[Sequence[int]]) -> list[OpenList]:
        """The lists of at least one batch."""
        return [self.list_of(batch, length) for batch, length in zip(batches, self.lengths_m(batches).tolist(), strict=True)]

    def list_of(self, batch: Sequence[int], length_m: float) -> OpenList:
        """The list of a batch whose length is known."""
        demand, orders = self.demand, sorted(batch)
        time_s = length_m / demand.cart.walk_m_s + demand.cart.pick_s * len(demand.problem.places_of(orders))
        alone_m = float(self._alone_m[orders].sum())
        return OpenList(
            tuple(orders),
            length_m,
            time_s,
            length_m / alone_m if alone_m else 1.0,
            float((demand.problem.loads[orders].sum(axis=0) / demand.problem.limits).max()),
            float(demand.came_s[orders[0]]),
            float(demand.due_s[orders].min()) - time_s,
        )


def batched(problem: BatchProblem, orders: Sequence[int], iterations: int, seed: int) -> list[list[int]]:
    """Batches of some of a problem's orders, as short as they are found.

    Args:
        problem: all orders.
        orders: those that are batched.
        iterations: of the adaptive large neighbourhood search; 0 for the savings alone.
        seed: of the search.
    """
    part = _part_of(problem, orders)
    found = alns(part, iterations=iterations, seed=seed) if iterations else savings(part)
    return [[orders[order] for order in batch] for batch in found.batches]


def _part_of(problem: BatchProblem, orders: Sequence[int]) -> BatchProblem:
    """The problem of some of its orders, numbered in this sequence."""
    index = np.concatenate([np.arange(problem.first[order], problem.first[order + 1]) for order in orders])
    return dataclasses.replace(
        problem,
        first=np.concatenate([[0], np.cumsum(np.diff(problem.first)[list(orders)])]),
        places=problem.places[index],
        quantities=problem.quantities[index],
        loads=problem.loads[list(orders)],
        names=tuple(problem.names[order] for order in orders),
    )
