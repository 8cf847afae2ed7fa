"""Many orders: cut into parts of near batches, each part annealed on its own, and cut anew in every round.

A part is small enough for its lengths to be remembered, and the parts keep all cores busy. The temperature falls over all rounds together.

Source: Taillard & Voß, POPMUSIC: partial optimization metaheuristic under special intensification conditions (2002); Santini, Schneider,
Vidal & Vigo, Decomposition strategies for vehicle routing heuristics, INFORMS Journal on Computing 35 (2023), which finds parts of near
routes best.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from queue import SimpleQueue

import numpy as np

from warehouse.batching.budget import Budget
from warehouse.batching.exchange import exchange
from warehouse.batching.ground import ground_of
from warehouse.batching.lengths import meter_of, state_of
from warehouse.batching.problem import BatchProblem
from warehouse.batching.related import nearest, shapes_of
from warehouse.batching.state import Rows, batches_of, known_lengths, total_m
from warehouse.routing.chance import chance

PART = 1000
"""Orders of a part, at least."""
NEAR = 20
"""Orders that are alike to each, whose batches it may turn to."""
TRIES = 400_000
"""In a part, in one round."""
AT_ONCE = 20_000
"""Tries at one temperature."""
HOT, COLD = 0.01, 0.001
"""Temperatures at the beginning and at the end, as a share of the mean length of a batch."""
EVEN_M = 1e-6
"""Lengths that differ by less are the same."""

Lists = list[list[int]]


def searched_in_parts(problem: BatchProblem, start: Sequence[Sequence[int]], budget: Budget, seed: int) -> tuple[Lists, int]:
    """The best batches that stood at the end of a round, and the tries of each part."""
    best: Lists = [list(batch) for batch in start]
    batches, saved_m, most_m = best, 0.0, 0.0
    rng, begin = np.random.default_rng(seed), budget.cooled(0)
    cores = os.cpu_count() or 1
    tables: SimpleQueue[Rows] = SimpleQueue()
    for _ in range(cores):
        tables.put(known_lengths())
    done = rounds = better_at = 0
    with ThreadPoolExecutor(cores, "batching-parts") as threads:
        while budget.spent(done, done - better_at) < 1.0:
            tries = TRIES if budget.iterations is None else min(TRIES, budget.iterations - done)
            phases = partial(_phases, budget, begin, done, tries)
            parts = list(_parts(problem, batches, rng))
            streams = [(rounds << 32) + number for number in range(len(parts))]
            results = list(threads.map(partial(_annealed, problem, tables, phases, seed), streams, parts))
            batches = [batch for part, _ in results for batch in part]
            saved_m += sum(saved for _, saved in results)
            done, rounds = done + tries, rounds + 1
            if saved_m > most_m + EVEN_M:
                best, most_m, better_at = batches, saved_m, done
    return best, done


def _phases(budget: Budget, begin: float, done: int, tries: int) -> Iterator[tuple[int, float]]:
    """How many tries at which temperature, until these are done or the time is over.

    Args:
        budget: the limits.
        begin: how far it had cooled when the search began.
        done: tries before these.
        tries: in this round.
    """
    for first in range(0, tries, AT_ONCE):
        if budget.left_s() == 0.0:
            return
        cooled = (budget.cooled(done + first) - begin) / (1.0 - begin) if begin < 1.0 else 1.0
        yield min(AT_ONCE, tries - first), HOT * (COLD / HOT) ** cooled


def _parts(problem: BatchProblem, batches: Lists, rng: np.random.Generator) -> Iterator[Lists]:
    """A random batch and its nearest ones, those that enter the same sub-aisles, until they are PART orders; then the next."""
    blocks = problem.ladder.blocks
    enters = np.zeros((len(batches), problem.ladder.columns * blocks), np.float32)
    for number, batch in enumerate(batches):
        places = problem.places_of(batch)
        enters[number, problem.columns[places] * blocks + problem.blocks[places]] = 1.0
    enters /= np.linalg.norm(enters, axis=1, keepdims=True)
    sizes = np.array([len(batch) for batch in batches])
    left = np.arange(len(batches))
    while len(left):
        first = int(rng.integers(len(left)))
        order = np.argsort(-(enters[left] @ enters[left[first]]), kind="stable")
        count = int(np.searchsorted(np.cumsum(sizes[left[order]]), PART)) + 1
        yield [batches[number] for number in left[order[:count]]]
        left = np.delete(left, order[:count])


def _annealed(
    problem: BatchProblem, tables: SimpleQueue[Rows], phases: Callable[[], Iterator[tuple[int, float]]], seed: int, stream: int, part: Lists
) -> tuple[Lists, float]:
    """The part's batches after a round, and what they save."""
    orders = [order for batch in part for order in batch]
    number = {order: index for index, order in enumerate(orders)}
    ground = ground_of(problem, orders, None if problem.carts is None else len(part))
    meter, near, numbers = meter_of(ground), nearest(shapes_of(ground), NEAR, alike=True), chance(seed, stream)
    if not near.size:
        return part, 0.0
    known = tables.get()
    state = state_of(ground, meter, [[number[order] for order in batch] for batch in part], known)
    before_m = total_m(state)
    for tries, share in phases():
        exchange(meter, state, near, numbers, tries, share * before_m / len(part))
    tables.put(known)
    return [[orders[order] for order in batch] for batch in batches_of(state.orders["batch"])], before_m - total_m(state)
