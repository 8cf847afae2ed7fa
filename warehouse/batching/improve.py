"""Local search: relocate, swap and eject, among the batches that a step has changed.

Since a batch never becomes shorter by one order more, a move whose certain part saves nothing is given up before its other part is measured.
"""

from __future__ import annotations

from warehouse.batching.log import Log, clear, move_in, move_out, touch
from warehouse.batching.problem import Ints
from warehouse.batching.state import NONE, Ground, Judge, State, first_met, fits, known_m, length_m, new_search
from warehouse.routing.compiled import compiled

EVEN_M = 1e-6
"""A move must save more."""


@compiled
def descend(ground: Ground, judge: Judge, state: State, log: Log, near: Ints) -> None:
    """Search all batches, until no move saves any more. The log must be empty, and is left empty."""
    for batch in state.slots[: state.used[0]]:
        touch(state, log, batch)
    improve(ground, judge, state, log, near)
    clear(log)


@compiled
def improve(ground: Ground, judge: Judge, state: State, log: Log, near: Ints) -> None:
    """Move orders of changed batches as long as that saves; batches that change thereby are searched, too."""
    index, unchanged = 0, 0
    while unchanged < log.counts[1]:
        batch = log.touched[index % log.counts[1]]
        unchanged = 0 if _improve_batch(ground, judge, state, log, near, batch) else unchanged + 1
        index += 1


@compiled
def _improve_batch(ground: Ground, judge: Judge, state: State, log: Log, near: Ints, batch: int) -> bool:
    improved = False
    order = state.head[batch]
    while order >= 0:
        following = state.after[order]
        if _relocate(ground, judge, state, log, near, order) or _replace(ground, judge, state, log, near, order):
            improved = True
            following = state.head[batch]
        order = following
    return improved


@compiled
def _relocate(ground: Ground, judge: Judge, state: State, log: Log, near: Ints, order: int) -> bool:
    """Move an order into another batch, the first one that saves."""
    batch = state.batch_of[order]
    without = known_m(state.key, ground.keys, judge.keys, judge.lengths_m, batch, order, NONE)
    if without < 0:
        without = length_m(ground, judge, state, batch, order, NONE)
    saved = state.length[batch] - without
    if saved <= EVEN_M:
        return False
    new_search(state)
    for neighbour in near[order]:
        other = state.batch_of[neighbour]
        if other == batch or not first_met(state, other) or not fits(ground, state, other, NONE, order):
            continue
        new = known_m(state.key, ground.keys, judge.keys, judge.lengths_m, other, NONE, order)
        if new < 0:
            new = length_m(ground, judge, state, other, NONE, order)
        if new - state.length[other] < saved - EVEN_M:
            _move(ground, state, log, order, other, without, new)
            return True
    return False


@compiled
def _replace(ground: Ground, judge: Judge, state: State, log: Log, near: Ints, order: int) -> bool:
    """Let an order take another one's place, which goes where the first one came from (swap) or into a third batch (ejection)."""
    batch = state.batch_of[order]
    without = known_m(state.key, ground.keys, judge.keys, judge.lengths_m, batch, order, NONE)
    if without < 0:
        without = length_m(ground, judge, state, batch, order, NONE)
    saved = state.length[batch] - without
    for ejected in near[order]:
        other = state.batch_of[ejected]
        if other == batch or not fits(ground, state, other, ejected, order):
            continue
        new = known_m(state.key, ground.keys, judge.keys, judge.lengths_m, other, ejected, order)
        if new < 0:
            new = length_m(ground, judge, state, other, ejected, order)
        left = saved + state.length[other] - new
        if left <= EVEN_M:
            continue
        third, length = NONE, 0.0
        if fits(ground, state, batch, order, ejected):
            length = known_m(state.key, ground.keys, judge.keys, judge.lengths_m, batch, order, ejected)
            if length < 0:
                length = length_m(ground, judge, state, batch, order, ejected)
            if length - without < left - EVEN_M:
                third = batch
        if third < 0:
            third, length = _refuge(ground, judge, state, near, ejected, batch, left)
        if third >= 0:
            move_out(ground, state, log, ejected)
            _move(ground, state, log, order, other, without, new)
            move_in(ground, state, log, ejected, third, length)
            return True
    return False


@compiled
def _refuge(ground: Ground, judge: Judge, state: State, near: Ints, ejected: int, batch: int, left: float) -> tuple[int, float]:
    """The first batch that grows by less than is left if it takes an ejected order, and its new length."""
    new_search(state)
    first_met(state, batch)
    first_met(state, state.batch_of[ejected])
    for neighbour in near[ejected]:
        third = state.batch_of[neighbour]
        if first_met(state, third) and fits(ground, state, third, NONE, ejected):
            length = known_m(state.key, ground.keys, judge.keys, judge.lengths_m, third, NONE, ejected)
            if length < 0:
                length = length_m(ground, judge, state, third, NONE, ejected)
            if length - state.length[third] < left - EVEN_M:
                return third, length
    return NONE, 0.0


@compiled
def _move(ground: Ground, state: State, log: Log, order: int, other: int, without: float, new: float) -> None:
    batch = state.batch_of[order]
    move_out(ground, state, log, order)
    state.length[batch] = without
    move_in(ground, state, log, order, other, new)
