"""Changes that may be taken back: which orders moved, from where, and how long the batches were before.

A step of the search changes a few batches of many, so that noting and undoing it costs as much as the step itself, not as much as a copy.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from warehouse.batching.problem import Floats, Ints
from warehouse.batching.state import NONE, Ground, State, put, take
from warehouse.routing.compiled import compiled

UNTOUCHED = -2


class Log(NamedTuple):
    """What has changed since the log was cleared.

    Attributes:
        moved: int64[n], the orders that were taken out or put in, ``counts[0]`` of them.
        came_from: int64[n], the batch of each order before, NONE if it waited, UNTOUCHED if it did not move.
        touched: int64[n], the batches that changed, ``counts[1]`` of them.
        was_m: float64[n], their lengths before; negative where a batch did not change.
        counts: int64[2].
    """

    moved: Ints
    came_from: Ints
    touched: Ints
    was_m: Floats
    counts: Ints


@compiled
def log_of(n: int) -> Log:
    """An empty log for n orders."""
    return Log(np.empty(n, np.int64), np.full(n, UNTOUCHED), np.empty(n, np.int64), np.full(n, -1.0), np.zeros(2, np.int64))


@compiled
def move_out(ground: Ground, state: State, log: Log, order: int) -> None:
    """Let an order wait; the caller sets the batch's new length."""
    _note(state, log, order, state.batch_of[order])
    take(ground, state, order)


@compiled
def move_in(ground: Ground, state: State, log: Log, order: int, batch: int, length_m: float) -> None:
    """Put a waiting order into a batch, which then has this length."""
    _note(state, log, order, batch)
    put(ground, state, order, batch)
    state.length[batch] = length_m


@compiled
def _note(state: State, log: Log, order: int, batch: int) -> None:
    if log.came_from[order] == UNTOUCHED:
        log.came_from[order] = state.batch_of[order]
        log.moved[log.counts[0]] = order
        log.counts[0] += 1
    touch(state, log, batch)


@compiled
def touch(state: State, log: Log, batch: int) -> None:
    """Note a batch, before it changes."""
    if log.was_m[batch] < 0:
        log.was_m[batch] = state.length[batch] if state.size[batch] else 0.0
        log.touched[log.counts[1]] = batch
        log.counts[1] += 1


@compiled
def change_m(state: State, log: Log) -> float:
    """By how much all batches together have become longer."""
    change = 0.0
    for index in range(log.counts[1]):
        batch = log.touched[index]
        change += (state.length[batch] if state.size[batch] else 0.0) - log.was_m[batch]
    return change


@compiled
def undo(ground: Ground, state: State, log: Log) -> None:
    """Put everything back."""
    for order in log.moved[: log.counts[0]]:
        if state.batch_of[order] >= 0:
            take(ground, state, order)
    for order in log.moved[: log.counts[0]]:
        if log.came_from[order] != NONE:
            put(ground, state, order, log.came_from[order])
    for batch in log.touched[: log.counts[1]]:
        state.length[batch] = log.was_m[batch]
    clear(log)


@compiled
def clear(log: Log) -> None:
    """Forget what has changed."""
    log.came_from[log.moved[: log.counts[0]]] = UNTOUCHED
    log.was_m[log.touched[: log.counts[1]]] = -1.0
    log.counts[:] = 0
