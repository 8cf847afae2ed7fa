"""Batches while they are being made: linked lists of orders, their loads and their lengths, in machine code.

All compiled methods share it, and all ask `length_m` for lengths and nobody else: whoever wants to judge batches by something else than
the shortest walk, changes `_tour_m`. A length that was found once is remembered in a table, under the set's hash.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from warehouse.batching.problem import SLACK, BatchProblem, Floats, Ints
from warehouse.routing.compiled import compiled
from warehouse.routing.exact.solve import sweep_of
from warehouse.routing.exact.sweep import Sweep, Work, shortest_m, workspace

Keys = npt.NDArray[np.uint64]
NONE = -1
CACHE_BITS = 20
"""2^20 lengths are remembered, in 16 MB a thread."""


class Ground(NamedTuple):
    """The problem as compiled code sees it, of all n orders or of some of them.

    Attributes:
        sweep: the ladder.
        columns, blocks, y_m: of the places.
        first, places: the orders' places; see `BatchProblem`.
        loads: float64[n, d].
        limits: float64[d], the slack included.
        keys: uint64[n], random. The key of a set is the exclusive or of its orders' keys, so that it is changed in one step (Zobrist
            hashing); that two of 10^7 sets share one has a chance of about 3 in a million, and misleads the search, but not the result.
        carts: the most batches.
    """

    sweep: Sweep
    columns: Ints
    blocks: Ints
    y_m: Floats
    first: Ints
    places: Ints
    loads: Floats
    limits: Floats
    keys: Keys
    carts: int


class Judge(NamedTuple):
    """One thread's memory for measuring.

    Attributes:
        work: of the sweep.
        merged: int64[2, P], places of a set of orders, old and new.
        columns, blocks, y_m: of these places.
        keys, lengths_m: the table of sets that were measured; a new one replaces the old one in its slot.
    """

    work: Work
    merged: Ints
    columns: Ints
    blocks: Ints
    y_m: Floats
    keys: Keys
    lengths_m: Floats


class State(NamedTuple):
    """Batches of n orders, in n slots.

    Attributes:
        batch_of: int64[n], NONE while an order waits.
        head: int64[n], of each batch an order, NONE if it is empty.
        after, before: int64[n], the orders of a batch as a doubly linked list.
        size: int64[n].
        load: float64[n, d].
        key: uint64[n]; 0 for an empty batch.
        length: float64[n], metres.
        slots: int64[n], a permutation of the slots, those in use first.
        slot: int64[n], its inverse.
        used: int64[1], how many are in use.
        met: int64[n], the last search that met each batch,
        search: int64[1], and the number of the present one.
    """

    batch_of: Ints
    head: Ints
    after: Ints
    before: Ints
    size: Ints
    load: Floats
    key: Keys
    length: Floats
    slots: Ints
    slot: Ints
    used: Ints
    met: Ints
    search: Ints


def ground_of(problem: BatchProblem, orders: Sequence[int] | None = None, carts: int | None = None) -> Ground:
    """The problem, or a part of it.

    Args:
        problem: all orders.
        orders: those of the part, which are then numbered in this order.
        carts: for the part; the problem's own by default.
    """
    keys = np.random.default_rng(0).integers(1, 2**64, len(problem), np.uint64)
    first, places, loads = problem.first, problem.places, problem.loads
    if orders is not None:
        sizes = np.diff(first)[list(orders)]
        places = np.concatenate([places[first[order] : first[order + 1]] for order in orders])
        first, loads, keys = np.concatenate([[0], np.cumsum(sizes)]), loads[list(orders)], keys[list(orders)]
    most = carts if carts is not None else problem.carts
    return Ground(
        sweep_of(problem.ladder),
        problem.columns,
        problem.blocks,
        problem.y_m,
        np.ascontiguousarray(first, np.int64),
        np.ascontiguousarray(places, np.int64),
        np.ascontiguousarray(loads),
        problem.limits * (1 + SLACK / 2),  # a little tighter than the check, whose sums run in another order
        keys,
        len(loads) if most is None else most,
    )


def judge_of(ground: Ground, cache_bits: int = CACHE_BITS) -> Judge:
    """Memory for one thread."""
    places = len(ground.columns)
    return Judge(
        workspace(ground.sweep, 2),
        np.empty((2, places), np.int64),
        np.empty(places, np.int64),
        np.empty(places, np.int64),
        np.empty(places),
        np.zeros(2**cache_bits, np.uint64),
        np.zeros(2**cache_bits),  # the empty set's key is 0, and so is its length
    )


def state_of(ground: Ground, judge: Judge, batches: Iterable[Iterable[int]]) -> State:
    """Batches of the ground's orders."""
    n = len(ground.loads)
    state = State(
        np.full(n, NONE),
        np.full(n, NONE),
        np.full(n, NONE),
        np.full(n, NONE),
        np.zeros(n, np.int64),
        np.zeros_like(ground.loads),
        np.zeros(n, np.uint64),
        np.zeros(n),
        np.arange(n),
        np.arange(n),
        np.zeros(1, np.int64),
        np.zeros(n, np.int64),
        np.zeros(1, np.int64),
    )
    for number, batch in enumerate(batches):
        for order in batch:
            put(ground, state, order, number)
        state.length[number] = length_m(ground, judge, state, number, NONE, NONE)
    return state


def batches_of(state: State) -> list[list[int]]:
    """The batches as lists of orders."""
    found: dict[int, list[int]] = {}
    for order, batch in enumerate(state.batch_of.tolist()):
        found.setdefault(batch, []).append(order)
    return list(found.values())


@compiled
def known_m(keys: Keys, order_keys: Keys, set_keys: Keys, lengths_m: Floats, batch: int, out: int, into: int) -> float:
    """As `length_m`, if the table has it; otherwise a negative number.

    Numba counts references to every array of every tuple that it hands on, 300 ns for ground, judge and state; the innermost loops ask here
    first, with the four arrays that are needed, 10 ns.

    Args:
        keys: of the state.
        order_keys: of the ground.
        set_keys: of the judge,
        lengths_m: as well.
        batch: as for `length_m`,
        out: as well,
        into: as well.
    """
    key = keys[batch]
    if out >= 0:
        key ^= order_keys[out]
    if into >= 0:
        key ^= order_keys[into]
    slot = np.int64(key & np.uint64(len(set_keys) - 1))
    return float(lengths_m[slot]) if set_keys[slot] == key else -1.0


@compiled
def length_m(ground: Ground, judge: Judge, state: State, batch: int, out: int, into: int) -> float:
    """The length of a batch if one of its orders were out of it, and another one in it; NONE for neither."""
    key = state.key[batch]
    if out >= 0:
        key ^= ground.keys[out]
    if into >= 0:
        key ^= ground.keys[into]
    slot = np.int64(key & np.uint64(len(judge.keys) - 1))
    if judge.keys[slot] != key:
        count = 0
        if into >= 0:
            count = _union(ground, into, judge.merged[0], 0, judge.merged[1])
            judge.merged[0, :count] = judge.merged[1, :count]
        judge.lengths_m[slot] = _tour_m(ground, judge, _gather(ground, judge, state, batch, out, count))
        judge.keys[slot] = key
    return float(judge.lengths_m[slot])


@compiled
def joined_m(ground: Ground, judge: Judge, state: State, batch: int, other: int) -> float:
    """The length of two batches in one."""
    key = state.key[batch] ^ state.key[other]
    slot = np.int64(key & np.uint64(len(judge.keys) - 1))
    if judge.keys[slot] != key:
        count = _gather(ground, judge, state, batch, NONE, 0)
        judge.lengths_m[slot] = _tour_m(ground, judge, _gather(ground, judge, state, other, NONE, count))
        judge.keys[slot] = key
    return float(judge.lengths_m[slot])


@compiled
def _gather(ground: Ground, judge: Judge, state: State, batch: int, out: int, count: int) -> int:
    """Merge a batch's places with the first ``count`` ones in the judge's memory; tells how many there are now."""
    row, order = 0, state.head[batch]
    while order >= 0:
        if order != out:
            count = _union(ground, order, judge.merged[row], count, judge.merged[1 - row])
            row = 1 - row
        order = state.after[order]
    if row:
        judge.merged[0, :count] = judge.merged[1, :count]
    return count


@compiled
def _tour_m(ground: Ground, judge: Judge, count: int) -> float:
    """The length of the shortest tour over the first places in the judge's memory."""
    for index in range(count):
        place = judge.merged[0, index]
        judge.columns[index], judge.blocks[index], judge.y_m[index] = ground.columns[place], ground.blocks[place], ground.y_m[place]
    return shortest_m(ground.sweep, judge.columns, judge.blocks, judge.y_m, 0, count, judge.work)


@compiled
def _union(ground: Ground, order: int, old: Ints, count: int, new: Ints) -> int:
    """Merge an order's places with others, both increasing; tells how many there are now."""
    one, end, other, total = ground.first[order], ground.first[order + 1], 0, 0
    while one < end and other < count:
        a, b = ground.places[one], old[other]
        new[total] = min(a, b)
        total += 1
        if a <= b:
            one += 1
        if b <= a:
            other += 1
    while one < end:
        new[total] = ground.places[one]
        total, one = total + 1, one + 1
    while other < count:
        new[total] = old[other]
        total, other = total + 1, other + 1
    return total


@compiled
def fits(ground: Ground, state: State, batch: int, out: int, into: int) -> bool:
    """Whether a batch keeps to its limits with an order more, and perhaps one less."""
    for limit in range(len(ground.limits)):
        load = state.load[batch, limit] + ground.loads[into, limit]
        if out >= 0:
            load -= ground.loads[out, limit]
        if load > ground.limits[limit]:
            return False
    return True


@compiled
def put(ground: Ground, state: State, order: int, batch: int) -> None:
    """Let a waiting order into a batch; the caller sets the new length."""
    head = state.head[batch]
    state.after[order], state.before[order], state.head[batch] = head, NONE, order
    if head >= 0:
        state.before[head] = order
    state.batch_of[order] = batch
    state.load[batch] += ground.loads[order]
    state.key[batch] ^= ground.keys[order]
    state.size[batch] += 1
    if state.size[batch] == 1:
        _exchange(state, state.slot[batch], state.used[0])
        state.used[0] += 1


@compiled
def take(ground: Ground, state: State, order: int) -> None:
    """Let an order wait; the caller sets the batch's new length."""
    batch, before, after = state.batch_of[order], state.before[order], state.after[order]
    if before >= 0:
        state.after[before] = after
    else:
        state.head[batch] = after
    if after >= 0:
        state.before[after] = before
    state.batch_of[order] = NONE
    state.key[batch] ^= ground.keys[order]
    state.size[batch] -= 1
    # summed anew, so that rounding errors do not add up over millions of steps
    state.load[batch] = 0.0
    other = state.head[batch]
    while other >= 0:
        state.load[batch] += ground.loads[other]
        other = state.after[other]
    if state.size[batch] == 0:
        state.used[0] -= 1
        _exchange(state, state.slot[batch], state.used[0])


@compiled
def _exchange(state: State, one: int, other: int) -> None:
    """Exchange two slots of the permutation."""
    a, b = state.slots[one], state.slots[other]
    state.slots[one], state.slots[other] = b, a
    state.slot[a], state.slot[b] = other, one


@compiled
def new_search(state: State) -> None:
    """No batch has been met."""
    state.search[0] += 1


@compiled
def first_met(state: State, batch: int) -> bool:
    """Whether a batch is met for the first time in this search."""
    if state.met[batch] == state.search[0]:
        return False
    state.met[batch] = state.search[0]
    return True
