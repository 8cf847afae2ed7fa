"""Destroy: take some orders out of their batches.

Source: Ropke & Pisinger, An adaptive large neighborhood search heuristic for the pickup and delivery problem with time windows,
Transportation Science 40 (2006), section 3.1 (related, random and worst removal); whole batches: Žulj, Kramer & Schneider, A hybrid of
adaptive large neighborhood search and tabu search for the order-batching problem, European Journal of Operational Research 264 (2018).
"""

from __future__ import annotations

import numpy as np

from warehouse.batching.log import Log, move_out
from warehouse.batching.problem import Ints
from warehouse.batching.state import NONE, Ground, Judge, State, length_m
from warehouse.routing.chance import Chance, below, drawn
from warehouse.routing.compiled import compiled

WAYS = 4
MOST_ORDERS = 10  # that are taken out at once
MOST_BATCHES = 3  # as a whole
SKIPPED = 0.3  # of the related orders, that stay
SAMPLE = 4  # orders that are looked at for each of the worst


@compiled
def destroy(way: int, ground: Ground, judge: Judge, state: State, log: Log, near: Ints, chance: Chance) -> None:
    """Take orders out, in one of WAYS ways, and measure what is left."""
    n = len(ground.loads)
    most: int = max(1, min(MOST_ORDERS, n // 2))
    number = 1 + below(chance, most)
    if way == 0:
        for _ in range(number):
            _out(ground, state, log, below(chance, n))
    elif way == 1:
        _related(ground, state, log, near, chance, number)
    elif way == 2:
        _whole_batches(ground, state, log, near, chance)
    else:
        _worst(ground, judge, state, log, chance, number)
    for batch in log.touched[: log.counts[1]]:
        state.length[batch] = length_m(ground, judge, state, batch, NONE, NONE)


@compiled
def _out(ground: Ground, state: State, log: Log, order: int) -> None:
    if state.batch_of[order] >= 0:
        move_out(ground, state, log, order)


@compiled
def _related(ground: Ground, state: State, log: Log, near: Ints, chance: Chance, number: int) -> None:
    """A random order and most of those that are most alike."""
    first = below(chance, len(near))
    _out(ground, state, log, first)
    for order in near[first]:
        if log.counts[0] >= number:
            return
        if drawn(chance) >= SKIPPED:
            _out(ground, state, log, order)


@compiled
def _whole_batches(ground: Ground, state: State, log: Log, near: Ints, chance: Chance) -> None:
    """The batch of a random order, and those of related orders."""
    first = below(chance, len(near))
    number = 1 + below(chance, MOST_BATCHES)
    _out_with_batch(ground, state, log, first)
    for order in near[first]:
        if log.counts[1] >= number:
            return
        if drawn(chance) >= SKIPPED and state.batch_of[order] >= 0:
            _out_with_batch(ground, state, log, order)


@compiled
def _out_with_batch(ground: Ground, state: State, log: Log, order: int) -> None:
    batch = state.batch_of[order]
    while state.head[batch] >= 0:
        move_out(ground, state, log, state.head[batch])


@compiled
def _worst(ground: Ground, judge: Judge, state: State, log: Log, chance: Chance, number: int) -> None:
    """Those that lengthen their batches most, of a random sample."""
    sample = np.empty(SAMPLE * number, np.int64)
    saves = np.empty(len(sample))
    for index in range(len(sample)):
        order = below(chance, len(ground.loads))
        batch = state.batch_of[order]
        sample[index], saves[index] = order, length_m(ground, judge, state, batch, order, NONE) - state.length[batch]
    for index in np.argsort(saves, kind="mergesort")[:number]:
        _out(ground, state, log, sample[index])
