"""Changes that may be taken back: which orders moved, from where, and how long the batches were before.

A step of the search changes a few batches of many, so that noting and undoing it costs as much as the step itself, not as much as a copy.
"""

from __future__ import annotations

from warehouse.batching.state import MOVED, NONE, TOUCHED, UNTOUCHED, State, put, take
from warehouse.routing.compiled import inner


@inner
def move_out(state: State, order: int) -> None:
    """Let an order wait; the caller sets the batch's new length."""
    _note(state, order, state.orders[order].batch)
    take(state, order)


@inner
def move_in(state: State, order: int, batch: int, length_m: float) -> None:
    """Put a waiting order into a batch, which then has this length."""
    _note(state, order, batch)
    put(state, order, batch)
    state.batches[batch].length_m = length_m


@inner
def _note(state: State, order: int, batch: int) -> None:
    if state.orders[order].came_from == UNTOUCHED:
        state.orders[order].came_from = state.orders[order].batch
        state.moved[state.counts[MOVED]] = order
        state.counts[MOVED] += 1
    touch(state, batch)


@inner
def touch(state: State, batch: int) -> None:
    """Note a batch, before it changes."""
    if state.batches[batch].was_m < 0:
        state.batches[batch].was_m = state.batches[batch].length_m if state.batches[batch].size else 0.0
        state.touched[state.counts[TOUCHED]] = batch
        state.counts[TOUCHED] += 1


@inner
def change_m(state: State) -> float:
    """By how much all batches together have become longer."""
    change = 0.0
    for index in range(state.counts[TOUCHED]):
        batch = state.touched[index]
        if state.batches[batch].size:
            change += state.batches[batch].length_m
        change -= state.batches[batch].was_m
    return float(change)


@inner
def undo(state: State) -> None:
    """Put everything back."""
    for index in range(state.counts[MOVED]):
        if state.orders[state.moved[index]].batch >= 0:
            take(state, state.moved[index])
    for index in range(state.counts[MOVED]):
        order = state.moved[index]
        if state.orders[order].came_from != NONE:
            put(state, order, state.orders[order].came_from)
    for index in range(state.counts[TOUCHED]):
        batch = state.touched[index]
        state.batches[batch].length_m = state.batches[batch].was_m
    agree(state)


@inner
def agree(state: State) -> None:
    """Forget what has changed: it stays."""
    for index in range(state.counts[MOVED]):
        state.orders[state.moved[index]].came_from = UNTOUCHED
    for index in range(state.counts[TOUCHED]):
        state.batches[state.touched[index]].was_m = -1.0
    state.counts[MOVED] = state.counts[TOUCHED] = 0
