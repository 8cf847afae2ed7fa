"""Many orders: cut into parts of near batches, each part searched on its own, and cut anew in every round.

Source: Taillard & Voß, POPMUSIC: partial optimization metaheuristic under special intensification conditions (2002); Santini, Schneider,
Vidal & Vigo, Decomposition strategies for vehicle routing heuristics, INFORMS Journal on Computing 35 (2023), which finds parts of near
routes best.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from warehouse.batching.budget import Budget
from warehouse.batching.ground import ground_of
from warehouse.batching.improve import EVEN_M, descend
from warehouse.batching.lengths import meter_of, state_of
from warehouse.batching.problem import BatchProblem
from warehouse.batching.related import nearest, shapes_of
from warehouse.batching.state import Rows, batches_of, known_lengths, total_m
from warehouse.batching.walk import LOCAL, learnt, met, walk
from warehouse.routing.chance import chance

PART = 250
"""Orders of a part, at least."""
NEAR = 60
"""Related orders of each, among whose batches it may be put."""
STEPS = 500
"""In a part, in one round."""
HOT, COLD = 0.005, 0.0005
"""As in alns.py, but cooler: there are few steps for each order."""

Lists = list[list[int]]


def searched_in_parts(problem: BatchProblem, start: Sequence[Sequence[int]], budget: Budget, seed: int) -> tuple[Lists, int]:
    """The best batches that are found, and the iterations of each part."""
    batches: Lists = [list(batch) for batch in start]
    rng = np.random.default_rng(seed)
    tables = [known_lengths() for _ in range(os.cpu_count() or 1)]
    done = rounds = better_at = 0
    while budget.spent(done, done - better_at) < 1.0:
        steps = STEPS if budget.iterations is None else min(STEPS, budget.iterations - done)
        parts = list(_parts(problem, batches, rng))
        results: list[tuple[Lists, bool]] = [(part, False) for part in parts]

        def worker(
            first: int,
            parts: list[Lists] = parts,
            results: list[tuple[Lists, bool]] = results,
            steps: int = steps,
            rounds: int = rounds,
            done: int = done,
        ) -> None:
            for number in range(first, len(parts), len(tables)):
                if budget.left_s() == 0.0:
                    return
                results[number] = _searched(
                    problem, tables[first], parts[number], seed, (rounds << 32) + number, steps, budget.cooled(done)
                )

        with ThreadPoolExecutor(len(tables), "batching-parts") as threads:
            list(threads.map(worker, range(len(tables))))
        batches = [batch for part, _ in results for batch in part]
        done, rounds = done + steps, rounds + 1
        if any(better for _, better in results):
            better_at = done
    return batches, done


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


def _searched(problem: BatchProblem, known: Rows, part: Lists, seed: int, stream: int, steps: int, cooled: float) -> tuple[Lists, bool]:
    """The part's best batches, and whether they are better."""
    orders = [order for batch in part for order in batch]
    ground = ground_of(problem, orders, None if problem.carts is None else len(part))
    number = {order: index for index, order in enumerate(orders)}
    meter = meter_of(ground)
    state = state_of(ground, meter, [[number[order] for order in batch] for batch in part], known)
    near = nearest(shapes_of(ground), NEAR, alike=True)
    before_m = total_m(state)
    descend(meter, state, near, LOCAL)
    best_of, best_m = state.orders["batch"].copy(), total_m(state)
    temperature_m = before_m / len(part) * HOT * (COLD / HOT) ** cooled
    after_m = walk(meter, state, near, chance(seed, stream), learnt(), met(0, 0), best_of, best_m, steps, temperature_m)
    return [[orders[order] for order in batch] for batch in batches_of(best_of)], after_m < before_m - EVEN_M
