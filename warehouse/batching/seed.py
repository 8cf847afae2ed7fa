"""The seed algorithm: one batch after the other, from a seed order, with the orders that fit best to it.

Seed rule: the order with the longest tour of its own. Congruence rule: the order whose addition lengthens the batch's tour least, the
batch as it has become so far (cumulative mode).

Source: de Koster, van der Poort & Wolters, Efficient orderbatching methods in warehouses, International Journal of Production Research 37
(1999), which compares the rules.
"""

from __future__ import annotations

import time

import numpy as np

from warehouse.batching.batches import Batches, judged, lengths_m
from warehouse.batching.problem import BatchProblem, Floats, Ints
from warehouse.batching.related import Shapes, shapes_of, shared_m
from warehouse.batching.simple import tightly
from warehouse.batching.state import NONE, Ground, Judge, State, batches_of, fits, ground_of, judge_of, length_m, put, state_of
from warehouse.routing.compiled import compiled

TRIED = 300
"""Orders that are thought of for a batch: those that share the longest walk with its seed. All, where there are not more."""


def seed(problem: BatchProblem) -> Batches:
    """Batches by the seed algorithm.

    Raises:
        InputError: no way was found into so few carts.
    """
    began = time.monotonic()
    ground = ground_of(problem)
    judge = judge_of(ground)
    state, shapes = state_of(ground, judge, []), shapes_of(ground)
    alone_m = lengths_m(problem, [[order] for order in range(len(problem))])
    for first in np.argsort(-alone_m, kind="stable").tolist():
        if state.batch_of[first] < 0:
            waiting = np.flatnonzero(state.batch_of < 0)
            if len(waiting) > TRIED:
                shared = _shared_m(shapes, first, waiting)
                waiting = np.sort(waiting[np.argsort(-shared, kind="stable")[:TRIED]])
            _fill(ground, judge, state, first, waiting)
    batches = tightly(problem, batches_of(state), range(len(problem)))
    return judged(problem, batches, "seed", seconds=time.monotonic() - began)


@compiled
def _fill(ground: Ground, judge: Judge, state: State, first: int, waiting: Ints) -> None:
    """Open a batch with a seed order, and let waiting ones in, the best first, as long as any fits."""
    batch, best = state.slots[state.used[0]], first
    while best >= 0:
        put(ground, state, best, batch)
        best, least = NONE, np.inf
        for order in waiting:
            if state.batch_of[order] < 0 and fits(ground, state, batch, NONE, order):
                length = length_m(ground, judge, state, batch, NONE, order)
                if length < least:
                    best, least = order, length


@compiled
def _shared_m(shapes: Shapes, first: int, others: Ints) -> Floats:
    """The walk that an order shares with each of others."""
    shared = np.empty(len(others))
    for index in range(len(others)):
        shared[index] = shared_m(shapes, first, others[index])
    return shared
