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
from warehouse.batching.ground import ground_of
from warehouse.batching.lengths import Meter, length_m, meter_of
from warehouse.batching.problem import BatchProblem, Floats, Ints
from warehouse.batching.related import Shapes, shapes_of, shared_m
from warehouse.batching.simple import tightly
from warehouse.batching.state import NONE, USED, State, batches_of, fits, put, waiting_state
from warehouse.routing.compiled import inner

TRIED = 300
"""Orders that are thought of for a batch: those that share the longest walk with its seed. All, where there are not more."""


def seed(problem: BatchProblem) -> Batches:
    """Batches by the seed algorithm.

    Raises:
        InputError: no way was found into so few carts.
    """
    began = time.monotonic()
    ground = ground_of(problem)
    meter, state, shapes = meter_of(ground), waiting_state(ground), shapes_of(ground)
    alone_m = lengths_m(problem, [[order] for order in range(len(problem))])
    for first in np.argsort(-alone_m, kind="stable").tolist():
        if state.orders["batch"][first] < 0:
            waiting = np.flatnonzero(state.orders["batch"] < 0)
            if len(waiting) > TRIED:
                shared = np.empty(len(waiting))
                _share(shapes, first, waiting, shared)
                waiting = np.sort(waiting[np.argsort(-shared, kind="stable")[:TRIED]])
            _fill(meter, state, first, waiting)
    batches = tightly(problem, batches_of(state.orders["batch"]), range(len(problem)))
    return judged(problem, batches, "seed", seconds=time.monotonic() - began)


@inner
def _fill(meter: Meter, state: State, first: int, waiting: Ints) -> None:
    """Open a batch with a seed order, and let waiting ones in, the best first, as long as any fits."""
    batch, best = state.slots[state.counts[USED]], first
    while best >= 0:
        put(state, best, batch)
        best, least = NONE, np.inf
        for index in range(waiting.size):
            order = waiting[index]
            if state.orders[order].batch < 0 and fits(state, batch, NONE, order):
                length = length_m(meter, state, batch, NONE, order)
                if length < least:
                    best, least = order, length


@inner
def _share(shapes: Shapes, first: int, others: Ints, shared: Floats) -> None:
    """Write down the walk that an order shares with each of others."""
    for index in range(others.size):
        shared[index] = shared_m(shapes, first, others[index])
