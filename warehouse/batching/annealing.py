"""Simulated annealing: an order moves into another batch, or two orders change places; the second seed system's method.

Source: Kirkpatrick, Gelatt & Vecchi, Optimization by simulated annealing, Science 220 (1983); for order batching, Gademann & van de Velde,
IIE Transactions 37 (2005), for the two moves.
"""

from __future__ import annotations

import math

import numpy as np

from warehouse.batching.batches import Batches, judged
from warehouse.batching.budget import Budget
from warehouse.batching.problem import BatchProblem, Ints
from warehouse.batching.simple import in_sequence
from warehouse.batching.state import NONE, Ground, Judge, State, fits, ground_of, judge_of, length_m, put, state_of, take
from warehouse.routing.chance import Chance, below, chance, drawn
from warehouse.routing.compiled import compiled

HOT, COLD = 0.1, 0.0005
"""Temperatures at the beginning and at the end, as a share of the mean length of a batch."""
TRIES = 1000
"""At one temperature."""


def annealing(
    problem: BatchProblem, *, seconds: float | None = None, iterations: int | None = None, patience: int | None = None, seed: int = 0
) -> Batches:
    """The best batches that annealing meets, from a random start.

    Args:
        problem: the orders.
        seconds: stop after this time.
        iterations: stop after so many tries; the same seed and iterations give the same result.
        patience: stop after so many tries without a better solution; the temperature then falls only by the other limits.
        seed: of the random numbers.

    Raises:
        UsageError: no limit is given, or one is not above 0.
        InputError: no way was found into so few carts.
    """
    budget = Budget(seconds, iterations, patience)
    ground = ground_of(problem)
    judge = judge_of(ground)
    start = in_sequence(problem, np.random.default_rng(seed).permutation(len(problem)).tolist())
    state = state_of(ground, judge, start)
    best_of, best_m, numbers = state.batch_of.copy(), float(state.length.sum()), chance(seed)
    hot_m = best_m / len(start) * HOT
    done = better_at = 0
    while budget.spent(done, done - better_at) < 1.0:
        tries = TRIES if budget.iterations is None else min(TRIES, budget.iterations - done)
        new_m = _anneal(ground, judge, state, numbers, best_of, best_m, tries, hot_m * (COLD / HOT) ** budget.cooled(done))
        done += tries
        if new_m < best_m:
            best_m, better_at = new_m, done
    batches = [np.flatnonzero(best_of == batch).tolist() for batch in np.unique(best_of)]
    return judged(problem, batches, "annealing", seconds=budget.elapsed_s(), iterations=done)


@compiled
def _anneal(
    ground: Ground, judge: Judge, state: State, numbers: Chance, best_of: Ints, best_m: float, tries: int, temperature_m: float
) -> float:
    """Try moves; tells the length of the best batches, which are left in ``best_of``."""
    n = len(ground.loads)
    total = state.length.sum()
    for _ in range(tries):
        order, other = below(numbers, n), NONE
        batch = state.batch_of[order]
        if drawn(numbers) < 0.5:
            # any batch in use, or the next empty one
            into = state.slots[below(numbers, min(state.used[0] + 1, ground.carts, n))]
        else:
            other = below(numbers, n)
            into = state.batch_of[other]
        if into == batch or not fits(ground, state, into, other, order) or (other >= 0 and not fits(ground, state, batch, order, other)):
            continue
        new, new_into = length_m(ground, judge, state, batch, order, other), length_m(ground, judge, state, into, other, order)
        change = new + new_into - state.length[batch] - state.length[into]
        if change >= -temperature_m * math.log(1.0 - drawn(numbers)):
            continue
        take(ground, state, order)
        if other >= 0:
            take(ground, state, other)
            put(ground, state, other, batch)
        put(ground, state, order, into)
        state.length[batch], state.length[into] = new, new_into
        total += change
        if total < best_m - 1e-6:
            # summed anew, so that rounding errors do not add up
            total = best_m = state.length.sum()
            best_of[:] = state.batch_of
    return best_m
