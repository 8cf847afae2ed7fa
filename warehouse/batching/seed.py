"""The seed algorithm: one batch after the other, from a seed order, with the orders that fit best to it.

Seed rule: the order with the longest tour of its own. Congruence rule: the order whose addition lengthens the batch's tour least, the
batch as it has become so far (cumulative mode).

Source: de Koster, van der Poort & Wolters, Efficient orderbatching methods in warehouses, International Journal of Production Research 37
(1999), which compares the rules.
"""

from __future__ import annotations

import time

import numpy as np

from warehouse.batching.batches import Batches, judged
from warehouse.batching.problem import BatchProblem, Ints
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
    state = state_of(ground, judge, [])
    _fill(ground, judge, state, shapes_of(ground), TRIED)
    batches = tightly(problem, batches_of(state), range(len(problem)))
    return judged(problem, batches, "seed", seconds=time.monotonic() - began)


@compiled
def _fill(ground: Ground, judge: Judge, state: State, shapes: Shapes, most: int) -> None:
    n = len(ground.loads)
    alone = np.empty(n)
    for order in range(n):
        alone[order] = length_m(ground, judge, state, state.slots[state.used[0]], NONE, order)
    # the first of equals, as in a stable sort
    for first in np.argsort(-alone, kind="mergesort"):
        if state.batch_of[first] >= 0:
            continue
        batch = state.slots[state.used[0]]
        put(ground, state, first, batch)
        state.length[batch] = alone[first]
        waiting = _candidates(state, shapes, first, most)
        while True:
            best, least = NONE, np.inf
            for order in waiting:
                if state.batch_of[order] < 0 and fits(ground, state, batch, NONE, order):
                    length = length_m(ground, judge, state, batch, NONE, order)
                    if length < least:
                        best, least = order, length
            if best < 0:
                break
            put(ground, state, best, batch)
            state.length[batch] = least


@compiled
def _candidates(state: State, shapes: Shapes, first: int, most: int) -> Ints:
    waiting = np.flatnonzero(state.batch_of < 0)
    if len(waiting) <= most:
        return waiting
    shared = np.empty(len(waiting))
    for index in range(len(waiting)):
        shared[index] = -shared_m(shapes, first, int(waiting[index]))
    return np.sort(waiting[np.argsort(shared, kind="mergesort")[:most]])
