"""Large neighbourhood search for any judge, with the best choice among all batches met.

Again and again a few steps are made side by side from the present batches (proposal.py), and their changed batches are judged together.
Steps are accepted as in simulated annealing, one after the other; one that changes a batch that a step before it has changed already is
dropped. Now and then the best choice among all batches of accepted solutions is computed (set partitioning, `warehouse.batching.pool`).

Where the judge only estimates, its errors are what a long search finds: batches that seem cheaper than they are. So the batches of each
choice are settled, and it is made anew with what they cost indeed, until it holds settled batches only; the search goes on from there, and
cannot be misled by the same batches again.

Source: Ropke & Pisinger, Transportation Science 40 (2006), section 3.5; Rochat & Taillard, Journal of Heuristics 1 (1995).
"""

from __future__ import annotations

import math
import time

import numpy as np

from warehouse.batching.budget import Budget
from warehouse.batching.judging.judge import Judge
from warehouse.batching.judging.sets import Sets
from warehouse.batching.pool import Pool
from warehouse.batching.problem import BatchProblem
from warehouse.batching.with_cart.proposal import Ground, Proposal, step, together

BESIDE = 4
"""Steps that are made side by side."""
HOT, COLD = 0.3, 0.01
"""Temperatures at the beginning and at the end, as a share of what an order costs in the mean."""
CHOICES = 8
"""Among all batches met, in the course of a search; the last one at its end."""
CHOOSING = 0.06
"""The most time for a choice, as a share of the seconds."""
SETTLING = 20
"""Choices that are made anew at most, each time after their batches were settled."""
REMEMBERED = 50_000
"""Batches of accepted solutions, at least."""
EVEN = 1e-6
"""Costs that differ by less are the same."""


class Met:
    """The batches of accepted solutions, the latest ones if there are too many."""

    def __init__(self) -> None:
        self._batches: dict[tuple[int, ...], None] = {}

    def add(self, batches: list[list[int]]) -> None:
        self._batches.update(dict.fromkeys(tuple(sorted(batch)) for batch in batches))
        if len(self._batches) > 2 * REMEMBERED:
            self._batches = dict.fromkeys(list(self._batches)[-REMEMBERED:])

    def sets(self) -> Sets:
        return Sets.of(list(self._batches))


def searched(
    problem: BatchProblem,
    guide: Judge,
    judge: Judge,
    start: list[list[int]],
    budget: Budget,
    seed: int = 0,
    met: Met | None = None,
    done: int = 0,
) -> tuple[list[list[int]], int]:
    """The best batches that are found, and the steps made.

    Args:
        problem: the orders.
        guide: what orders cost in places that a step thinks of.
        judge: what batches cost.
        start: the first batches.
        budget: of steps.
        seed: of the random numbers.
        met: batches that were met before, to choose among.
        done: steps of the budget that were used up for these.
    """
    walk = _Walk(problem, judge, start, Met() if met is None else met)
    hot = walk.cost / len(problem) * HOT
    better_at, choices = done, 0
    while True:
        last = budget.spent(done, done - better_at) >= (1.0 if budget.seconds is None else 1.0 - CHOOSING)
        if last or budget.cooled(done) * CHOICES >= choices + 1:
            choices += 1
            if walk.choose(None if budget.seconds is None else budget.seconds * CHOOSING):
                better_at = done
        if last:
            return walk.sure, done
        count = BESIDE if budget.iterations is None else min(BESIDE, budget.iterations - done)
        numbers = [np.random.default_rng((seed, done + index)) for index in range(count)]
        ground = Ground.of(problem, walk.batches)
        proposals = together([step(ground, one) for one in numbers], guide)
        done += count
        if walk.accept(proposals, hot * (COLD / HOT) ** budget.cooled(done), numbers):
            better_at = done


class _Walk:
    """Where the search is, the best batches so far, and the batches of all solutions that it has accepted.

    Attributes:
        batches, cost: the present ones.
        best: by what they seem to cost.
        sure: the best ones by what they cost indeed.
    """

    def __init__(self, problem: BatchProblem, judge: Judge, start: list[list[int]], met: Met) -> None:
        self._problem, self._judge, self._met = problem, judge, met
        self._go_to(start)
        self.best, self._best_cost = self.batches, self.cost
        self.sure, self._sure_cost = self.batches, math.inf
        self._settle(self.batches)

    def _go_to(self, batches: list[list[int]]) -> None:
        self.batches = [batch for batch in batches if batch]
        self._costs = self._judge.costs(Sets.of(self.batches)).tolist()
        self.cost = math.fsum(self._costs)
        self._met.add(self.batches)

    def _settle(self, batches: list[list[int]]) -> None:
        cost = math.fsum(self._judge.settled(Sets.of(batches)).tolist())
        if cost < self._sure_cost - EVEN:
            self.sure, self._sure_cost = batches, cost

    def accept(self, proposals: list[Proposal], temperature: float, numbers: list[np.random.Generator]) -> bool:
        """Make the steps that are good enough; tells whether the batches are the best so far."""
        costs = iter(self._judge.costs(Sets.of([batch for proposal in proposals for batch in proposal.values()])).tolist())
        batches, changed = [*self.batches, []], set[int]()
        for proposal, rng in zip(proposals, numbers, strict=True):
            new = math.fsum(next(costs) for _ in proposal)
            old = math.fsum(self._costs[number] for number in proposal if number < len(self._costs))
            # worse by d with probability exp(-d / temperature)
            allowed = -temperature * math.log(1.0 - rng.random())
            if proposal and changed.isdisjoint(proposal) and new - old < allowed - EVEN:
                changed.update(proposal)
                for number, batch in proposal.items():
                    batches[number] = batch
        if changed:
            self._go_to(batches)
        better = self.cost < self._best_cost - EVEN
        if better:
            self.best, self._best_cost = self.batches, self.cost
        return better

    def choose(self, seconds: float | None) -> bool:
        """Go to the best choice among all batches met, settled; tells whether it is better than what was sure before."""
        before, end = self._sure_cost, math.inf if seconds is None else time.monotonic() + seconds
        self._settle(self.best)
        sets = self._met.sets()
        keys, sizes = self._judge.keys(sets), np.diff(sets.first)
        for _ in range(SETTLING):
            left_s = None if seconds is None else end - time.monotonic()
            if left_s is not None and left_s <= 0:
                break
            pool = Pool(self._judge.order_keys)
            pool.add(keys, self._judge.costs(sets), sizes, sets.orders)
            costs = self._judge.costs(Sets.of(self.sure))
            chosen = pool.best(self.sure, costs, self._problem.carts or len(self._problem), left_s)
            if chosen is None:
                break
            self._settle(chosen)
        self._go_to(self.sure)
        self.best, self._best_cost = self.batches, self.cost
        return self._sure_cost < before - EVEN
