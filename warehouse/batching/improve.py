"""Local search: relocate, swap and eject, among the batches that a step has changed.

Since a batch never becomes shorter by one order more, a move whose certain part saves nothing is given up before its other part is measured.
"""

from __future__ import annotations

from warehouse.batching.lengths import Meter, length_m
from warehouse.batching.log import move_in, move_out
from warehouse.batching.problem import Ints
from warehouse.batching.state import NONE, TOUCHED, State, first_met, fits, new_search
from warehouse.routing.compiled import inner

EVEN_M = 1e-6
"""A move must save more."""


@inner
def improve(meter: Meter, state: State, near: Ints, most: int) -> None:
    """Move orders of changed batches as long as that saves; batches that change thereby are searched, too.

    Args:
        meter: memory.
        state: changed.
        near: int64[n, k], the orders that are most alike to each.
        most: how many of them are looked at.
    """
    index, unchanged, most = 0, 0, min(most, near.shape[1])
    while unchanged < state.counts[TOUCHED]:
        batch = state.touched[index % state.counts[TOUCHED]]
        unchanged = 0 if _improve_batch(meter, state, near, most, batch) else unchanged + 1
        index += 1


@inner
def _improve_batch(meter: Meter, state: State, near: Ints, most: int, batch: int) -> bool:
    improved = False
    order = state.batches[batch].head
    while order >= 0:
        following = state.orders[order].after
        if _relocate(meter, state, near, most, order) or _replace(meter, state, near, most, order):
            improved = True
            following = state.batches[batch].head
        order = following
    return improved


@inner
def _relocate(meter: Meter, state: State, near: Ints, most: int, order: int) -> bool:
    """Move an order into another batch, the first one that saves."""
    batch = state.orders[order].batch
    without = length_m(meter, state, batch, order, NONE)
    saved = state.batches[batch].length_m - without
    if saved <= EVEN_M:
        return False
    new_search(state)
    for k in range(most):
        other = state.orders[near[order, k]].batch
        if other == batch or not first_met(state, other) or not fits(state, other, NONE, order):
            continue
        new = length_m(meter, state, other, NONE, order)
        if new - state.batches[other].length_m < saved - EVEN_M:
            _move(state, order, other, without, new)
            return True
    return False


@inner
def _replace(meter: Meter, state: State, near: Ints, most: int, order: int) -> bool:
    """Let an order take another one's place, which goes where the first one came from (swap) or into a third batch (ejection)."""
    batch = state.orders[order].batch
    without = length_m(meter, state, batch, order, NONE)
    saved = state.batches[batch].length_m - without
    for k in range(most):
        ejected = near[order, k]
        other = state.orders[ejected].batch
        if other == batch or not fits(state, other, ejected, order):
            continue
        new = length_m(meter, state, other, ejected, order)
        left = saved + state.batches[other].length_m - new
        if left <= EVEN_M:
            continue
        third, length = NONE, 0.0
        if fits(state, batch, order, ejected):
            length = length_m(meter, state, batch, order, ejected)
            if length - without < left - EVEN_M:
                third = batch
        if third < 0:
            third, length = _refuge(meter, state, near, most, ejected, batch, left)
        if third >= 0:
            move_out(state, ejected)
            _move(state, order, other, without, new)
            move_in(state, ejected, third, length)
            return True
    return False


@inner
def _refuge(meter: Meter, state: State, near: Ints, most: int, ejected: int, batch: int, left: float) -> tuple[int, float]:
    """The first batch that grows by less than is left if it takes an ejected order, and its new length."""
    new_search(state)
    first_met(state, batch)
    first_met(state, state.orders[ejected].batch)
    for k in range(most):
        third = state.orders[near[ejected, k]].batch
        if first_met(state, third) and fits(state, third, NONE, ejected):
            length = length_m(meter, state, third, NONE, ejected)
            if length - state.batches[third].length_m < left - EVEN_M:
                return third, length
    return NONE, 0.0


@inner
def _move(state: State, order: int, other: int, without: float, new: float) -> None:
    batch = state.orders[order].batch
    move_out(state, order)
    state.batches[batch].length_m = without
    move_in(state, order, other, new)
