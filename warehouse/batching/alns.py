"""Adaptive large neighbourhood search: the best batches that are found before a budget is spent.

It starts from the savings' batches. Up to WHOLE orders are searched as a whole by several walkers, each with random numbers of its own; at
the end the best choice among all batches that any of them has met is computed.
More orders are cut into parts of near batches, each annealed on its own, and cut anew in the next round (parts.py): there a step is too dear.

Source: Ropke & Pisinger, Transportation Science 40 (2006); for order batching, Žulj, Kramer & Schneider, European Journal of Operational
Research 264 (2018).
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from warehouse.batching.batches import Batches, judged
from warehouse.batching.bound import lower_bound_m
from warehouse.batching.budget import FEW, Budget
from warehouse.batching.ground import Ground, ground_of
from warehouse.batching.lengths import meter_of, state_of
from warehouse.batching.parts import searched_in_parts
from warehouse.batching.pool import EVEN_M, Pool
from warehouse.batching.problem import BatchProblem, Floats, Ints
from warehouse.batching.related import nearest, shapes_of
from warehouse.batching.savings import saved
from warehouse.batching.simple import tightly
from warehouse.batching.state import total_m
from warehouse.batching.walk import learnt, met, walk
from warehouse.routing.chance import chance

WHOLE = 300
"""Orders up to which the search is not cut into parts."""
WALKERS = 2
STEPS = 1000
"""Of each walker in a round, at one temperature."""
CHOOSING = 0.06
"""The share of the seconds that is left for the choice among all batches met."""
REMEMBERED = 300_000
"""Batches that a walker notes."""
HOT, COLD = 0.05, 0.01
"""Temperatures at the beginning and at the end, as a share of the mean length of a batch."""


def alns(
    problem: BatchProblem, *, seconds: float | None = None, iterations: int | None = None, patience: int | None = None, seed: int = 0
) -> Batches:
    """The best batches that are found.

    Args:
        problem: the orders.
        seconds: stop after this time.
        iterations: stop after so many steps of each walker, for many orders so many tries of each part. The same
            seed and iterations give the same result, however many cores there are.
        patience: stop after so many steps without a better solution.
        seed: of the random numbers.

    Raises:
        UsageError: no limit is given, or one is not above 0.
        InputError: no way was found into so few carts.
    """
    search = _searched if len(problem) <= WHOLE else searched_in_parts
    if seconds is not None:
        few = problem.some(FEW)
        search(few, tightly(few, saved(few), range(len(few))), Budget(iterations=10), seed)
    budget = Budget(seconds, iterations, patience)
    start = tightly(problem, saved(problem), range(len(problem)))
    batches, done = search(problem, start, budget, seed)
    return judged(problem, batches, "alns", seconds=budget.elapsed_s(), iterations=done, bound_m=lower_bound_m(problem))


def _searched(problem: BatchProblem, start: Sequence[Sequence[int]], budget: Budget, seed: int) -> tuple[list[list[int]], int]:
    """The best batches, and the iterations."""
    ground = ground_of(problem)
    near = nearest(shapes_of(ground), len(problem), alike=True)
    walkers = [_Walker(ground, near, start, seed, number) for number in range(WALKERS)]
    best_m, done, better_at = walkers[0].best_m, 0, 0
    with ThreadPoolExecutor(WALKERS, "alns") as threads:
        while budget.spent(done, done - better_at) < (1.0 if budget.seconds is None else 1.0 - CHOOSING):
            temperature_m = best_m / len(start) * HOT * (COLD / HOT) ** budget.cooled(done)
            steps = STEPS if budget.iterations is None else min(STEPS, budget.iterations - done)
            list(threads.map(_Walker.walk, walkers, [steps] * WALKERS, [temperature_m] * WALKERS))
            done += steps
            ahead_m = min(walker.best_m for walker in walkers)
            if ahead_m < best_m - EVEN_M:
                best_m, better_at = ahead_m, done
    pool = Pool(ground.keys)
    for walker in walkers:
        walker.tell(pool)
    best, lengths_m = min(walkers, key=lambda walker: walker.best_m).best()
    chosen = None if budget.stop.is_set() else pool.best(best, lengths_m, ground.carts, budget.left_s())
    return chosen or best, done


class _Walker:
    """One thread's search: where it is, and what it remembers."""

    def __init__(self, ground: Ground, near: Ints, start: Sequence[Sequence[int]], seed: int, number: int) -> None:
        self._ground, self._near = ground, near
        self._meter = meter_of(ground)
        self._chance, self._learnt = chance(seed, number), learnt()
        self._met = met(REMEMBERED, 10 * REMEMBERED)
        self._state = state_of(ground, self._meter, start)
        self._best_of = self._state.orders["batch"].copy()
        self.best_m = total_m(self._state)

    def walk(self, steps: int, temperature_m: float) -> None:
        """Take some steps."""
        self.best_m = walk(
            self._meter,
            self._state,
            self._near,
            self._chance,
            self._learnt,
            self._met,
            self._best_of,
            self.best_m,
            steps,
            temperature_m,
        )

    def best(self) -> tuple[list[list[int]], Floats]:
        """The best batches so far, and their lengths."""
        batches = [np.flatnonzero(self._best_of == number).tolist() for number in np.unique(self._best_of)]
        return batches, state_of(self._ground, self._meter, batches).batches["length_m"][: len(batches)]

    def tell(self, pool: Pool) -> None:
        """Hand over the batches met."""
        met, count = self._met, int(self._met.number[0])
        pool.add(met.keys[:count], met.lengths_m[:count], np.diff(met.first[: count + 1]), met.orders[: met.first[count]])
