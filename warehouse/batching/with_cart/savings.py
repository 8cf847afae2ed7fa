"""Savings for any judge: Clarke & Wright (ii); see `warehouse.batching.savings` for its source."""

from __future__ import annotations

import numpy as np

from warehouse.batching.judging.judge import Judge
from warehouse.batching.judging.sets import Sets
from warehouse.batching.problem import SLACK, BatchProblem, Floats, Ints

SCREENED = 10
"""Partners of a batch that are judged, where a guide has chosen them."""
EVEN = 1e-9
"""Savings that differ by less are the same."""
NEVER = -np.inf


def saved(problem: BatchProblem, guide: Judge, judge: Judge) -> list[list[int]]:
    """Join the two batches that save most, and compute their savings anew, until no join saves.

    Args:
        problem: the orders.
        guide: chooses which joins are worth judging; none is left out if it is the judge itself. When no judged join saves any more,
            partners are chosen anew, until those do not save either.
        judge: what sets cost.
    """
    batches = _Joined(problem, guide, judge)
    while True:
        for batch in batches.live():
            batches.meet(batch)
        if not batches.join_the_best():
            return batches.as_lists()
        while batches.join_the_best():
            pass


class _Joined:
    """Batches that bear the number of their first order, and what joins of two of them save, as far as judged."""

    def __init__(self, problem: BatchProblem, guide: Judge, judge: Judge) -> None:
        n = len(problem)
        self._guide, self._judge = guide, judge
        self._orders: list[list[int]] = [[order] for order in range(n)]
        self._load, self._limits = problem.loads.copy(), problem.limits * (1 + SLACK / 2)
        self._saving = np.full((n, n), NEVER)

    def live(self) -> list[int]:
        return [batch for batch, orders in enumerate(self._orders) if orders]

    def as_lists(self) -> list[list[int]]:
        return [self._orders[batch] for batch in self.live()]

    def meet(self, one: int) -> None:
        """Judge the most promising joins of a batch."""
        others = np.array([other for other in self.live() if other != one], np.int64)
        others = others[(self._load[one] + self._load[others] <= self._limits).all(axis=1)]
        if self._guide is not self._judge:
            others = others[np.argsort(-self._savings(self._guide, one, others), kind="stable")[:SCREENED]]
        self._saving[one, others] = self._saving[others, one] = self._savings(self._judge, one, others)

    def join_the_best(self) -> bool:
        """Join the pair that saves most, of equals the one with the lowest numbers; tells whether any saves."""
        most = float(self._saving.max())
        if most <= EVEN:
            return False
        low, high = (int(batch) for batch in np.argwhere(self._saving > most - EVEN)[0])
        self._orders[low], self._orders[high] = self._orders[low] + self._orders[high], []
        self._load[low] += self._load[high]
        for batch in (low, high):
            self._saving[batch], self._saving[:, batch] = NEVER, NEVER
        self.meet(low)
        return True

    def _savings(self, judge: Judge, one: int, others: Ints) -> Floats:
        joined = [self._orders[one] + self._orders[other] for other in others.tolist()]
        costs = judge.costs(Sets.of([*joined, *(self._orders[other] for other in others.tolist()), self._orders[one]]))
        count = len(joined)
        return np.asarray(costs[count : 2 * count] + costs[-1] - costs[:count])
