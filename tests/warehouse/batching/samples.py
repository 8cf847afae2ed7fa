"""Random batching problems, and slow plain references."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

import numpy as np

from bintally.layouts import Ladder, PickList, Place, Shelf
from bintally.layouts.generate import regular_ladder
from warehouse.batching.problem import BatchProblem, batch_problem
from warehouse.routing.exact import optimal_length_m

Batch = tuple[int, ...]


def random_problem(
    seed: int, orders: int, *, limits: Sequence[float] = (9.0,), carts: int | None = None, far_end: bool = False, aisles: int = 5
) -> BatchProblem:
    """Orders of 1 to 4 articles, of 40 that lie at random places of two blocks."""
    rng = np.random.default_rng(seed)
    ladder = regular_ladder(aisles, 3, block_m=12.0, depot=1)
    if far_end:
        ladder = replace(ladder, start=Place(1, 0, 2.0), ends=(Place(aisles - 1, 2, 1.0), Place(0, 1)))
    shelves = [_shelf(rng, ladder, f"a{number}") for number in range(40)]
    loads = {shelf.article: tuple(float(rng.integers(1, 4)) for _ in limits) for shelf in shelves}
    lines = [{f"a{article}": 1 for article in rng.choice(40, int(rng.integers(1, 4)), replace=False)} for _ in range(orders)]
    return batch_problem(ladder, shelves, [(f"o{number}", one) for number, one in enumerate(lines)], loads, limits, carts)


def _shelf(rng: np.random.Generator, ladder: Ladder, article: str) -> Shelf:
    block = int(rng.integers(ladder.blocks))
    return Shelf(article, int(rng.integers(ladder.columns)), block, ladder.y_m[block] + float(rng.uniform(0.5, 11.5)))


def length_m(problem: BatchProblem, batch: Sequence[int]) -> float:
    """By the exact router, one list at a time."""
    places = sorted({int(place) for order in batch for place in problem.places[problem.first[order] : problem.first[order + 1]]})
    picks = PickList(
        problem.columns[places], problem.blocks[places], problem.y_m[places], np.ones(len(places), np.int64), tuple(map(str, places))
    )
    return optimal_length_m(problem.ladder, picks)


def measured(problem: BatchProblem) -> Callable[[Sequence[int]], float]:
    """`length_m`, remembered."""
    known: dict[Batch, float] = {}

    def of(batch: Sequence[int]) -> float:
        key = tuple(sorted(batch))
        if key not in known:
            known[key] = length_m(problem, key)
        return known[key]

    return of


def partitions(items: Sequence[int]) -> Iterator[list[list[int]]]:
    """All ways to put items into batches."""
    if not items:
        yield []
        return
    for smaller in partitions(items[1:]):
        yield [[items[0]], *smaller]
        for number in range(len(smaller)):
            yield [*smaller[:number], [items[0], *smaller[number]], *smaller[number + 1 :]]


def best_m(problem: BatchProblem) -> float:
    """The best of all partitions."""
    of = measured(problem)
    allowed = [
        one
        for one in partitions(range(len(problem)))
        if all(problem.fits(batch) for batch in one) and (problem.carts is None or len(one) <= problem.carts)
    ]
    return min(sum(of(batch) for batch in one) for one in allowed)


def slow_savings(problem: BatchProblem) -> set[Batch]:
    """Clarke & Wright (ii): join the pair that saves most, compute all savings again, until none saves. Of equals, the lowest numbers."""
    of = measured(problem)
    batches: list[Batch] = [(order,) for order in range(len(problem))]
    while True:
        pairs = [(a, b) for a, b in itertools.combinations(batches, 2) if problem.fits(a + b)]
        saved = {(a, b): of(a) + of(b) - of(a + b) for a, b in pairs}
        most = max(saved.values(), default=0.0)
        if most <= 1e-9:
            return set(batches)
        # a batch bears the number of its first order
        a, b = next(pair for pair in sorted(pairs) if saved[pair] > most - 1e-9)
        batches = [one for one in batches if one not in (a, b)] + [tuple(sorted(a + b))]


def slow_seed(problem: BatchProblem) -> set[Batch]:
    """Seed: the longest order alone; then always the one that lengthens the batch least. Of equals, the lowest number."""
    of = measured(problem)
    waiting, batches = list(range(len(problem))), set()
    while waiting:
        batch = [max(waiting, key=lambda order: (of([order]), -order))]
        waiting.remove(batch[0])
        while fitting := [order for order in waiting if problem.fits([*batch, order])]:
            chosen = min(fitting, key=lambda order: (of([*batch, order]), order))
            batch.append(chosen)
            waiting.remove(chosen)
        batches.add(tuple(sorted(batch)))
    return batches
