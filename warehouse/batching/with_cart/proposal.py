"""One step of a large neighbourhood search as a question-and-answer game, so that many steps can be judged together.

A step is a generator: it yields the sets whose costs it wants to know, is sent these, and returns what it proposes. `together` runs many
of them side by side and asks for all their sets at once.

Source: Ropke & Pisinger, Transportation Science 40 (2006), sections 3.1 (removal: Shaw, random, worst) and 3.2 (insertion: greedy, regret).
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import dataclass

import numpy as np

from warehouse.batching.judging.judge import Judge
from warehouse.batching.judging.sets import Sets
from warehouse.batching.problem import SLACK, BatchProblem, Floats

Proposal = dict[int, list[int]]
"""Changed batches by their numbers; the number behind the last one is a new batch. Empty if the step came to nothing."""
Step = Generator[Sets, Floats, Proposal]

LEAST, MOST = 2, 12
"""Orders that are taken out."""
SHARE = 0.25
"""Of all orders, at most."""
NOISE = 0.5
"""The most by which an order's cost at a place may seem larger or smaller than it is; in half of all steps nothing does."""
GREED = 6
"""The larger, the more often the first of a ranking is taken (Ropke & Pisinger's p)."""


def together(steps: Sequence[Step], judge: Judge) -> list[Proposal]:
    """Run steps side by side, and judge what they ask for in one go."""
    proposals: list[Proposal] = [{} for _ in steps]
    asked = {number: next(step) for number, step in enumerate(steps)}
    while asked:
        costs = judge.costs(Sets.joined(list(asked.values())))
        ends = np.cumsum([len(sets) for sets in asked.values()])
        answers = dict(zip(asked, np.split(costs, ends[:-1]), strict=True))
        asked = {}
        for number, answer in answers.items():
            try:
                asked[number] = steps[number].send(answer)
            except StopIteration as end:
                proposals[number] = end.value
    return proposals


@dataclass(frozen=True)
class Ground:
    """Where steps begin.

    Attributes:
        problem: the orders.
        batches: all of them.
        load: float64[batches, d].
        batch_of: of each order.
    """

    problem: BatchProblem
    batches: list[list[int]]
    load: Floats
    batch_of: list[int]

    @classmethod
    def of(cls, problem: BatchProblem, batches: list[list[int]]) -> Ground:
        batch_of = {order: number for number, batch in enumerate(batches) for order in batch}
        loads = np.array([problem.loads[batch].sum(axis=0) for batch in batches])
        return cls(problem, batches, loads, [batch_of[order] for order in range(len(problem))])


def step(ground: Ground, rng: np.random.Generator) -> Step:
    """Take some orders out of their batches, and put them back where they seem to cost least."""
    n = len(ground.problem)
    count = min(n, int(rng.integers(LEAST, min(MOST, max(2 * LEAST, int(SHARE * n))) + 1)))
    way = rng.integers(3)
    if way == 0:
        out = rng.permutation(n)[:count].tolist()
    else:
        out = yield from (_related if way == 1 else _worst)(ground, count, rng)
    return (yield from _repaired(ground, out, rng))


def _related(ground: Ground, count: int, rng: np.random.Generator) -> Generator[Sets, Floats, list[int]]:
    """An order, and those that would share the largest part of their costs with it, some of them left out by chance."""
    n = len(ground.problem)
    first = int(rng.integers(n))
    costs = yield Sets.of([[order] for order in range(n)] + [[first, order] if order != first else [first] for order in range(n)])
    shared = (costs[:n] + costs[first] - costs[n:]) / costs[:n]
    shared[first] = np.inf
    return [first, *_ranked([order for order in np.argsort(-shared, kind="stable").tolist() if order != first], count - 1, rng)]


def _worst(ground: Ground, count: int, rng: np.random.Generator) -> Generator[Sets, Floats, list[int]]:
    """Orders that their batches would save most without, some of them left out by chance."""
    batches, n = ground.batches, len(ground.problem)
    without = [[other for other in batches[ground.batch_of[order]] if other != order] for order in range(n)]
    costs = yield Sets.of([*without, *batches])
    saved = costs[n:][ground.batch_of] - costs[:n]
    return _ranked(np.argsort(-saved, kind="stable").tolist(), count, rng)


def _ranked(orders: list[int], count: int, rng: np.random.Generator) -> list[int]:
    """Some of a ranking, more likely its first ones."""
    left = list(orders)
    return [left.pop(int(len(left) * rng.random() ** GREED)) for _ in range(count)]


def _repaired(ground: Ground, out: list[int], rng: np.random.Generator) -> Step:
    """Put orders back, one after the other: the one that would lose most if it had to take its second choice, or the cheapest one."""
    problem, gone = ground.problem, set(out)
    limits, load = problem.limits * (1 + SLACK / 2), ground.load.copy()
    changed = {number: [order for order in ground.batches[number] if order not in gone] for number in {ground.batch_of[o] for o in out}}
    for order in out:
        load[ground.batch_of[order]] -= problem.loads[order]
    places = [changed.get(number, batch) for number, batch in enumerate(ground.batches)]
    if problem.carts is None or len(places) < problem.carts:
        places, load = [*places, []], np.concatenate([load, np.zeros((1, load.shape[1]))])
    loud = NOISE * rng.random() * (rng.random() < 0.5)
    regretful, noise = rng.random() < 0.5, 1.0 + loud * rng.uniform(-1.0, 1.0, (len(out), len(places)))
    more = np.full((len(out), len(places)), np.inf)
    stale = list(range(len(places)))
    waiting = list(range(len(out)))
    while waiting:
        fits = [(k, b) for b in stale for k in waiting if (load[b] + problem.loads[out[k]] <= limits).all()]
        costs = yield Sets.of([*(places[b] for b in stale), *([*places[b], out[k]] for k, b in fits)])
        base = dict(zip(stale, costs.tolist(), strict=False))
        more[:, stale] = np.inf
        for (k, b), cost in zip(fits, costs[len(stale) :].tolist(), strict=True):
            more[k, b] = (cost - base[b]) * noise[k, b]
        least = more[waiting].min(axis=1)
        if not np.isfinite(least).all():
            return {}
        chosen = int(np.argmax(_regret(more[waiting]))) if regretful else int(np.argmin(least))
        k = waiting.pop(chosen)
        b = int(np.argmin(more[k]))
        places[b] = changed[b] = [*places[b], out[k]]
        load[b] += problem.loads[out[k]]
        stale = [b]
    return changed


def _regret(more: Floats) -> Floats:
    """What each waiting order would lose by its second choice; one that has no other choice comes first."""
    if more.shape[1] < 2:
        return np.zeros(len(more))
    two = np.partition(more, 1, axis=1)
    return np.where(np.isfinite(two[:, 1]), two[:, 1] - two[:, 0], np.inf)
