"""Destroy: take some orders out of their batches.

Source: Ropke & Pisinger, An adaptive large neighborhood search heuristic for the pickup and delivery problem with time windows,
Transportation Science 40 (2006), section 3.1 (related, random and worst removal); whole batches: Žulj, Kramer & Schneider, A hybrid of
adaptive large neighborhood search and tabu search for the order-batching problem, European Journal of Operational Research 264 (2018).
"""

from __future__ import annotations

from warehouse.batching.lengths import Meter, length_m
from warehouse.batching.log import move_out
from warehouse.batching.problem import Ints
from warehouse.batching.state import MOVED, NONE, TOUCHED, State
from warehouse.routing.chance import Chance, below, drawn
from warehouse.routing.compiled import inner

WAYS = 4
MOST_ORDERS = 10  # that are taken out at once
MOST_BATCHES = 3  # as a whole
SKIPPED = 0.3  # of the related orders, that stay
SAMPLE = 4  # orders that are looked at for each of the worst


@inner
def destroy(way: int, meter: Meter, state: State, near: Ints, chance: Chance) -> None:
    """Take orders out, in one of WAYS ways, and measure what is left."""
    n = state.slots.size
    number = 1 + below(chance, max(1, min(MOST_ORDERS, n // 2)))
    if way == 0:
        for _ in range(number):
            _out(state, below(chance, n))
    elif way == 1:
        _related(state, near, chance, number)
    elif way == 2:
        _whole_batches(state, near, chance)
    else:
        for _ in range(number):
            _out(state, _worst(meter, state, chance))
    for index in range(state.counts[TOUCHED]):
        batch = state.touched[index]
        state.batches[batch].length_m = length_m(meter, state, batch, NONE, NONE)


@inner
def _out(state: State, order: int) -> None:
    if order >= 0 and state.orders[order].batch >= 0:
        move_out(state, order)


@inner
def _related(state: State, near: Ints, chance: Chance, number: int) -> None:
    """A random order and most of those that are most alike."""
    first = below(chance, state.slots.size)
    _out(state, first)
    for k in range(near.shape[1]):
        if state.counts[MOVED] >= number:
            return
        if drawn(chance) >= SKIPPED:
            _out(state, near[first, k])


@inner
def _whole_batches(state: State, near: Ints, chance: Chance) -> None:
    """The batch of a random order, and those of related orders."""
    first = below(chance, state.slots.size)
    number = 1 + below(chance, MOST_BATCHES)
    _out_with_batch(state, first)
    for k in range(near.shape[1]):
        if state.counts[TOUCHED] >= number:
            return
        if drawn(chance) >= SKIPPED and state.orders[near[first, k]].batch >= 0:
            _out_with_batch(state, near[first, k])


@inner
def _out_with_batch(state: State, order: int) -> None:
    batch = state.orders[order].batch
    while state.batches[batch].head >= 0:
        move_out(state, state.batches[batch].head)


@inner
def _worst(meter: Meter, state: State, chance: Chance) -> int:
    """That order of a random sample whose removal saves most; NONE if all of them wait already."""
    worst, most = NONE, -1.0
    for _ in range(SAMPLE):
        order = below(chance, state.slots.size)
        batch = state.orders[order].batch
        if batch >= 0:
            saves = length_m(meter, state, batch, NONE, NONE) - length_m(meter, state, batch, order, NONE)
            if saves > most:
                worst, most = order, saves
    return worst
