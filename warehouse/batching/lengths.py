"""Lengths of sets of orders, asked for by the million: a length that was found once is remembered under the set's key.

The router needs some thirty arrays. Handing them through every function of a search would take most of its compilation, and much of its time;
so they stand in a `Meter`, which is handed on as one pointer and opened only where something is measured.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numba import types
from numba.experimental import structref

from warehouse.batching.ground import Ground
from warehouse.batching.problem import Floats, Ints
from warehouse.batching.state import NONE, USED, Rows, State, put, waiting_state
from warehouse.routing.compiled import compiled, inner, njit
from warehouse.routing.exact.sweep import Sweep, shortest_m, workspace


class Meter(structref.StructRefProxy):
    """One thread's way to the router: its memory, and the places of the orders.

    Attributes:
        sweep: the ladder.
        work: of the sweep.
        columns, blocks, y_m: of all P places.
        places: of the orders; `State.orders` tells from where to where.
        wanted: bool[P], all false between two measurements.
        list_columns, list_blocks, list_y_m: of the places of one set, to be routed.
    """


@structref.register
class _MeterType(types.StructRef):
    """How numba sees a `Meter`."""


_FIELDS = ("sweep", "work", "columns", "blocks", "y_m", "places", "wanted", "list_columns", "list_blocks", "list_y_m")
structref.define_proxy(Meter, _MeterType, _FIELDS)  # type: ignore[no-untyped-call]  # numba declares no types


def meter_of(ground: Ground) -> Meter:
    """For one thread."""
    meter: Meter = _meter(ground.sweep, ground.columns, ground.blocks, ground.y_m, ground.places)
    return meter


@compiled
def _meter(sweep: Sweep, columns: Ints, blocks: Ints, y_m: Floats, places: Ints) -> Any:
    count = columns.size
    wanted, list_columns, list_blocks = np.zeros(count, np.bool_), np.empty(count, np.int64), np.empty(count, np.int64)
    return Meter(sweep, workspace(sweep, 2), columns, blocks, y_m, places, wanted, list_columns, list_blocks, np.empty(count))  # type: ignore[no-untyped-call]


def state_of(ground: Ground, meter: Meter, batches: Iterable[Sequence[int]], known: Rows | None = None) -> State:
    """Batches of the ground's orders, measured.

    Args:
        ground: the orders.
        meter: for the same ground.
        batches: of some or all orders.
        known: the thread's table of lengths, for any part of one problem; see `State`.
    """
    state, batch_of = waiting_state(ground, known), np.full(len(ground), NONE)
    for number, batch in enumerate(batches):
        batch_of[batch] = number
    _put_all(meter, state, batch_of)
    return state


@inner
def _put_all(meter: Meter, state: State, batch_of: Ints) -> None:
    for order in range(batch_of.size):
        if batch_of[order] >= 0:
            put(state, order, batch_of[order])
    for slot in range(state.counts[USED]):
        state.batches[state.slots[slot]].length_m = length_m(meter, state, state.slots[slot], NONE, NONE)


@inner
def length_m(meter: Meter, state: State, batch: int, out: int, into: int) -> float:
    """The length of a batch if one of its orders were out of it, and another one in it; NONE for neither."""
    key = state.batches[batch].key
    if out >= 0:
        key ^= state.orders[out].key
    if into >= 0:
        key ^= state.orders[into].key
    slot = np.int64(key & np.uint64(state.known.size - 1))
    if state.known[slot].key != key:
        state.known[slot].length_m = _tour_m(meter, state.orders, state.batches[batch].head, out, into, NONE)
        state.known[slot].key = key
    return float(state.known[slot].length_m)


@inner
def joined_m(meter: Meter, state: State, batch: int, other: int) -> float:
    """The length of two batches in one."""
    key = state.batches[batch].key ^ state.batches[other].key
    slot = np.int64(key & np.uint64(state.known.size - 1))
    if state.known[slot].key != key:
        state.known[slot].length_m = _tour_m(meter, state.orders, state.batches[batch].head, NONE, NONE, state.batches[other].head)
        state.known[slot].key = key
    return float(state.known[slot].length_m)


def _counting(function: Any) -> Any:
    """Compile with counted references, as what opens a `Meter` needs it, though its callers are `inner` functions."""
    return njit(function, _nrt=True)


@_counting
def _tour_m(meter: Any, orders: Rows, head: int, out: int, into: int, other_head: int) -> float:
    """The length of the shortest tour for the orders of a list, one of them left out, one more order, and those of another list."""
    places, wanted, count = meter.places, meter.wanted, 0
    low, high = wanted.size, -1
    for part in range(3):
        order = head if part == 0 else into if part == 1 else other_head
        while order >= 0:
            if order != out:
                first, end = orders[order].first, orders[order].end
                for index in range(first, end):
                    wanted[places[index]] = True
                low, high = min(low, places[first]), max(high, places[end - 1])
            order = NONE if part == 1 else orders[order].after
    columns, blocks, y_m = meter.columns, meter.blocks, meter.y_m
    list_columns, list_blocks, list_y_m = meter.list_columns, meter.list_blocks, meter.list_y_m
    for place in range(low, high + 1):
        if wanted[place]:
            wanted[place] = False
            list_columns[count], list_blocks[count], list_y_m[count] = columns[place], blocks[place], y_m[place]
            count += 1
    return shortest_m(meter.sweep, list_columns, list_blocks, list_y_m, 0, count, meter.work)
