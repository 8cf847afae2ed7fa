"""Simulated annealing, many tries judged at once.

One try after the other, each would wait for its two sets to be judged. Here a block of tries is drawn from the present batches, all their
sets are judged together, and the first try that is accepted is made; the tries behind it were drawn from batches that are no more, so they
are drawn anew. That is the same walk as one try after the other: try t uses the t-th row of random numbers and the t-th temperature, and
sees the batches that the tries before it have left, however many were judged together. Only judging is done in vain, and even that not
where a try behind the accepted one touches other batches: its sets are remembered.

Source: as for `warehouse.batching.annealing`, whose moves and acceptance these are.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from warehouse.batching.budget import Budget
from warehouse.batching.judging.judge import Judge
from warehouse.batching.judging.sets import Sets
from warehouse.batching.problem import SLACK, BatchProblem, Floats, Ints

HOT, COLD = 0.25, 0.015
"""Temperatures at the beginning and at the end, as a share of what an order costs in the mean."""
LEAST = 16
"""Tries that are judged at once, unless fewer are allowed."""
RECORDS = 10
"""Of the best batches, the last ones that were better than all before."""
EVEN = 1e-9
"""Costs that differ by less are the same."""

Follow = Callable[[int, list[list[int]], float], None]
"""Is told the tries so far, the present batches, and what they cost."""


@dataclass(frozen=True)
class Annealed:
    """What annealing has met.

    Attributes:
        records: batches that were better than all before, the best last; at most RECORDS.
        tries: so many were made.
    """

    records: list[list[list[int]]]
    tries: int


def anneal(
    problem: BatchProblem,
    judge: Judge,
    start: list[list[int]],
    budget: Budget,
    seed: int = 0,
    *,
    most: int,
    follow: Follow | None = None,
) -> Annealed:
    """Anneal batches.

    Args:
        problem: the orders.
        judge: what sets of them cost.
        start: the first batches.
        budget: of tries.
        seed: of the random numbers.
        most: tries that are judged at once; the walk does not depend on it.
        follow: called now and then.
    """
    rows = _Rows(seed)
    batches = _Batches(problem, judge, start)
    best, records = batches.total(), [batches.as_lists()]
    hot = best / len(problem) * HOT
    done = better_at = 0
    block = min(LEAST, most)
    while budget.spent(done, done - better_at) < 1.0:
        ahead = block if budget.iterations is None else min(block, budget.iterations - done)
        numbers = rows.next(ahead)
        moves = _Moves.drawn(problem, batches, numbers)
        change, costs = moves.judged(batches, judge)
        cooled = np.array([budget.cooled(done + index) for index in moves.row.tolist()])
        # worse by d with probability exp(-d / temperature)
        accepted = np.flatnonzero(change < -hot * (COLD / HOT) ** cooled * np.log(1.0 - numbers[moves.row, 3]))
        tried = int(moves.row[accepted[0]]) + 1 if len(accepted) else ahead
        if len(accepted):
            batches.move(moves, int(accepted[0]), costs)
            if batches.total() < best - EVEN:
                best, better_at = batches.total(), done + tried
                records = [*records[1 - RECORDS :], batches.as_lists()]
        done += tried
        rows.used(tried)
        # it depends on tries that were made, and on none that was thrown away
        block = min(most, max(LEAST, 2 * tried))
        if follow:
            follow(done, batches.as_lists(), batches.total())
    return Annealed(records, done)


class _Rows:
    """Rows of random numbers, one for each try; those that were looked at and not used come again."""

    def __init__(self, seed: int) -> None:
        self._rng = np.random.default_rng(seed)
        self._rows = np.empty((0, 4))

    def next(self, count: int) -> Floats:
        while len(self._rows) < count:
            self._rows = np.concatenate([self._rows, self._rng.random((1024, 4))])
        return self._rows[:count]

    def used(self, count: int) -> None:
        self._rows = self._rows[count:]


class _Batches:
    """The present batches, in as many slots as there are orders or carts.

    Attributes:
        orders: of each slot.
        batch_of: int64[n], the slot of each order.
        load: float64[slots, d].
        cost: float64[slots].
    """

    def __init__(self, problem: BatchProblem, judge: Judge, start: list[list[int]]) -> None:
        slots = min(len(problem), problem.carts or len(problem))
        self._problem = problem
        self.orders: list[list[int]] = [list(batch) for batch in start] + [[] for _ in range(slots - len(start))]
        self.batch_of = np.empty(len(problem), np.int64)
        for slot, batch in enumerate(self.orders):
            self.batch_of[batch] = slot
        self.load = np.array([problem.loads[batch].sum(axis=0) for batch in self.orders])
        self.cost = judge.costs(Sets.of(self.orders))

    def total(self) -> float:
        return float(self.cost.sum())

    def as_lists(self) -> list[list[int]]:
        return [list(batch) for batch in self.orders if batch]

    def open(self) -> Ints:
        """The slots that an order may move into: all in use, and an empty one."""
        used = np.array([bool(batch) for batch in self.orders])
        return np.concatenate([np.flatnonzero(used), np.flatnonzero(~used)[:1]])

    def move(self, moves: _Moves, number: int, costs: Floats) -> None:
        for slot, batch, cost in zip((moves.from_[number], moves.into[number]), moves.sets[number], costs[number], strict=True):
            self.orders[slot], self.cost[slot] = batch, cost
            self.batch_of[batch] = slot
            self.load[slot] = self._problem.loads[batch].sum(axis=0)


@dataclass(frozen=True)
class _Moves:
    """Possible moves: an order goes into another batch, or changes places with another order.

    Attributes:
        row: int64[k], the row of numbers that each was drawn by.
        from_, into: int64[k], slots.
        sets: of each move, what the two batches would be.
    """

    row: Ints
    from_: Ints
    into: Ints
    sets: list[tuple[list[int], list[int]]]

    @classmethod
    def drawn(cls, problem: BatchProblem, batches: _Batches, numbers: Floats) -> _Moves:
        """The moves that rows of four numbers stand for, those that cannot be made left out."""
        n, limits, none = len(problem), problem.limits * (1 + SLACK / 2), np.zeros((1, problem.loads.shape[1]))
        open_ = batches.open()
        order, swapped = (numbers[:, 0] * n).astype(np.int64), numbers[:, 1] < 0.5
        other = np.where(swapped, (numbers[:, 2] * n).astype(np.int64), n)  # n is no order, and weighs nothing
        from_ = batches.batch_of[order]
        into = np.where(swapped, np.append(batches.batch_of, 0)[other], open_[(numbers[:, 2] * len(open_)).astype(np.int64)])
        loads = np.concatenate([problem.loads, none])
        gained = loads[order] - loads[other]
        fits = (batches.load[into] + gained <= limits).all(axis=1) & (batches.load[from_] - gained <= limits).all(axis=1)
        row = np.flatnonzero((into != from_) & fits)
        ways = zip(order[row].tolist(), other[row].tolist(), from_[row].tolist(), into[row].tolist(), strict=True)
        sets = [(_exchanged(batches.orders[a], one, two, n), _exchanged(batches.orders[b], two, one, n)) for one, two, a, b in ways]
        return cls(row, from_[row], into[row], sets)

    def judged(self, batches: _Batches, judge: Judge) -> tuple[Floats, Floats]:
        """How much more all batches would cost, float64[k], and what the two batches would, float64[k, 2]."""
        costs = judge.costs(Sets.of([one for pair in self.sets for one in pair])).reshape(-1, 2)
        return costs.sum(axis=1) - batches.cost[self.from_] - batches.cost[self.into], costs


def _exchanged(batch: list[int], out: int, in_: int, none: int) -> list[int]:
    """A batch without one order, and with another."""
    left = [order for order in batch if order != out]
    return left if in_ == none else [*left, in_]
