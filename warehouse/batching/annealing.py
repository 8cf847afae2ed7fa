"""Simulated annealing: an order moves into another batch, or two orders change places; the second seed system's method.

Source: Kirkpatrick, Gelatt & Vecchi, Optimization by simulated annealing, Science 220 (1983); for order batching, Gademann & van de Velde,
IIE Transactions 37 (2005), for the two moves.
"""

from __future__ import annotations

import math

import numpy as np

from warehouse.batching.batches import Batches, judged
from warehouse.batching.budget import FEW, Budget
from warehouse.batching.ground import ground_of
from warehouse.batching.lengths import Meter, length_m, meter_of, state_of
from warehouse.batching.problem import BatchProblem, Ints
from warehouse.batching.simple import in_sequence
from warehouse.batching.state import CARTS, NONE, USED, State, batches_of, fits, put, take, total_m
from warehouse.routing.chance import Chance, below, chance, drawn
from warehouse.routing.compiled import inner

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
    if seconds is not None:
        annealing(problem.some(FEW), iterations=1)
    budget = Budget(seconds, iterations, patience)
    ground = ground_of(problem)
    meter = meter_of(ground)
    start = in_sequence(problem, np.random.default_rng(seed).permutation(len(problem)).tolist())
    state = state_of(ground, meter, start)
    best_of, best_m, numbers = state.orders["batch"].copy(), total_m(state), chance(seed)
    hot_m = best_m / len(start) * HOT
    done = better_at = 0
    while budget.spent(done, done - better_at) < 1.0:
        tries = TRIES if budget.iterations is None else min(TRIES, budget.iterations - done)
        new_m = _anneal(meter, state, numbers, best_of, best_m, tries, hot_m * (COLD / HOT) ** budget.cooled(done))
        done += tries
        if new_m < best_m:
            best_m, better_at = new_m, done
    return judged(problem, batches_of(best_of), "annealing", seconds=budget.elapsed_s(), iterations=done)


@inner
def _anneal(meter: Meter, state: State, numbers: Chance, best_of: Ints, best_m: float, tries: int, temperature_m: float) -> float:
    """Try moves; tells the length of the best batches, which are left in ``best_of``."""
    n, total = state.slots.size, total_m(state)
    for _ in range(tries):
        order, other = below(numbers, n), NONE
        batch = state.orders[order].batch
        if drawn(numbers) < 0.5:
            # any batch in use, or the next empty one
            into = state.slots[below(numbers, min(state.counts[USED] + 1, state.counts[CARTS], n))]
        else:
            other = below(numbers, n)
            into = state.orders[other].batch
        if into == batch or not fits(state, into, other, order) or (other >= 0 and not fits(state, batch, order, other)):
            continue
        new, new_into = length_m(meter, state, batch, order, other), length_m(meter, state, into, other, order)
        change = new + new_into - state.batches[batch].length_m - state.batches[into].length_m
        if change >= -temperature_m * math.log(1.0 - drawn(numbers)):
            continue
        take(state, order)
        if other >= 0:
            take(state, other)
            put(state, other, batch)
        put(state, order, into)
        state.batches[batch].length_m, state.batches[into].length_m = new, new_into
        total += change
        if total < best_m - 1e-6:
            # summed anew, so that rounding errors do not add up
            total = best_m = total_m(state)
            for one in range(n):
                best_of[one] = state.orders[one].batch
    return float(best_m)
