"""Batches while they are being made: linked lists of orders, their loads and lengths, and what has changed, in machine code.

A row for each order and one for each batch, rather than an array for each of their attributes: what belongs together lies in one line of the
processor's cache, and few arrays are handed from function to function, each of which costs time in compiling and in calling.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from warehouse.batching.ground import Ground
from warehouse.batching.problem import Floats, Ints
from warehouse.routing.compiled import inner

Rows = npt.NDArray[np.void]
NONE = -1
UNTOUCHED = -2

ORDER = np.dtype(
    [
        ("batch", np.int64),  # NONE while it waits
        ("after", np.int64),  # the neighbours in its batch's list, NONE at the ends
        ("before", np.int64),
        ("came_from", np.int64),  # its batch before the changes, NONE if it waited, UNTOUCHED if it did not move
        ("first", np.int64),  # its places are those of the ground from here
        ("end", np.int64),  # up to here
        ("rank", np.float64),  # by which waiting orders are sorted
        ("key", np.uint64),  # see `Ground`
    ]
)
BATCH = np.dtype(
    [
        ("head", np.int64),  # an order, NONE if it is empty
        ("size", np.int64),  # in orders
        ("slot", np.int64),  # where it stands among the slots
        ("met", np.int64),  # the last search that met it
        ("length_m", np.float64),
        ("was_m", np.float64),  # its length before the changes, negative if it has not changed
        ("key", np.uint64),  # of the set of its orders, 0 if it is empty
    ],
)
KNOWN = np.dtype([("key", np.uint64), ("length_m", np.float64)])
KNOWN_BITS = 20
"""2^20 lengths are remembered, in 16 MB a thread."""
USED, SEARCHES, MOVED, TOUCHED, CARTS = range(5)
"""What `State.counts` holds: batches in use, searches, orders that moved, batches that changed, and the most batches."""


class State(NamedTuple):
    """Batches of n orders, in n slots, and what has changed since the changes were last agreed to; see log.py.

    Attributes:
        orders: ORDER[n].
        batches: BATCH[n].
        loads: float64[n, d], of the orders.
        load: float64[n, d], of the batches.
        limits: float64[d], the slack included.
        slots: int64[n], a permutation of the batches, those in use first.
        moved: int64[n], the orders that were taken out or put in.
        touched: int64[n], the batches that changed.
        counts: int64[5].
        known: KNOWN[2^b], the lengths of sets that were measured; a new one replaces the old one in its slot.
    """

    orders: Rows
    batches: Rows
    loads: Floats
    load: Floats
    limits: Floats
    slots: Ints
    moved: Ints
    touched: Ints
    counts: Ints
    known: Rows


def known_lengths(bits: int = KNOWN_BITS) -> Rows:
    """A thread's table of lengths. It knows the empty set, whose key is 0."""
    return np.zeros(2**bits, KNOWN)


def waiting_state(ground: Ground, known: Rows | None = None) -> State:
    """All orders wait.

    Args:
        ground: the orders.
        known: a table of lengths, for any part of one problem; by default a new one.
    """
    n = len(ground)
    orders, batches = np.zeros(n, ORDER), np.zeros(n, BATCH)
    orders["batch"], orders["came_from"] = NONE, UNTOUCHED
    orders["first"], orders["end"], orders["key"] = ground.first[:-1], ground.first[1:], ground.keys
    batches["head"], batches["slot"], batches["was_m"] = NONE, np.arange(n), -1.0
    slots, moved, touched, counts = np.arange(n), np.empty(n, np.int64), np.empty(n, np.int64), np.array([0, 0, 0, 0, ground.carts])
    load = np.zeros_like(ground.loads)
    return State(
        orders, batches, ground.loads, load, ground.limits, slots, moved, touched, counts, known_lengths() if known is None else known
    )


def batches_of(batch_of: Ints) -> list[list[int]]:
    """The batches as lists of orders, from the batch of each order, int64[n]."""
    found: dict[int, list[int]] = {}
    for order, batch in enumerate(batch_of.tolist()):
        found.setdefault(batch, []).append(order)
    return list(found.values())


@inner
def fits(state: State, batch: int, out: int, into: int) -> bool:
    """Whether a batch keeps to its limits with an order more, and perhaps one less."""
    for limit in range(state.limits.size):
        load = state.load[batch, limit] + state.loads[into, limit]
        if out >= 0:
            load -= state.loads[out, limit]
        if load > state.limits[limit]:
            return False
    return True


@inner
def put(state: State, order: int, batch: int) -> None:
    """Let a waiting order into a batch; the caller sets the new length."""
    head = state.batches[batch].head
    state.orders[order].after, state.orders[order].before, state.orders[order].batch = head, NONE, batch
    if head >= 0:
        state.orders[head].before = order
    state.batches[batch].head = order
    state.batches[batch].key ^= state.orders[order].key
    state.batches[batch].size += 1
    for limit in range(state.limits.size):
        state.load[batch, limit] += state.loads[order, limit]
    if state.batches[batch].size == 1:
        _exchange(state, state.batches[batch].slot, state.counts[USED])
        state.counts[USED] += 1


@inner
def take(state: State, order: int) -> None:
    """Let an order wait; the caller sets the batch's new length."""
    batch, before, after = state.orders[order].batch, state.orders[order].before, state.orders[order].after
    if before >= 0:
        state.orders[before].after = after
    else:
        state.batches[batch].head = after
    if after >= 0:
        state.orders[after].before = before
    state.orders[order].batch = NONE
    state.batches[batch].key ^= state.orders[order].key
    state.batches[batch].size -= 1
    # summed anew, so that rounding errors do not add up over millions of steps
    for limit in range(state.limits.size):
        load, other = 0.0, state.batches[batch].head
        while other >= 0:
            load += state.loads[other, limit]
            other = state.orders[other].after
        state.load[batch, limit] = load
    if state.batches[batch].size == 0:
        state.counts[USED] -= 1
        _exchange(state, state.batches[batch].slot, state.counts[USED])


@inner
def _exchange(state: State, one: int, other: int) -> None:
    """Exchange two slots of the permutation."""
    a, b = state.slots[one], state.slots[other]
    state.slots[one], state.slots[other] = b, a
    state.batches[a].slot, state.batches[b].slot = other, one


@inner
def total_m(state: State) -> float:
    """The sum of all lengths."""
    total = 0.0
    for slot in range(state.counts[USED]):
        total += state.batches[state.slots[slot]].length_m
    return float(total)


@inner
def new_search(state: State) -> None:
    """No batch has been met."""
    state.counts[SEARCHES] += 1


@inner
def first_met(state: State, batch: int) -> bool:
    """Whether a batch is met for the first time in this search."""
    if state.batches[batch].met == state.counts[SEARCHES]:
        return False
    state.batches[batch].met = state.counts[SEARCHES]
    return True
