"""Annealing among near batches: for many orders, of which each gets few tries.

An order turns to the batch of another one that is much like it, and joins it, or takes the place of a random one there (not of the one that
is like it, most of the time, which is why it came). A try costs a microsecond: mostly two lookups, as the part that is measured first tells
in most cases that the other part cannot make up for it.

Source: Kirkpatrick, Gelatt & Vecchi, Optimization by simulated annealing, Science 220 (1983); partners from lists of near ones only: Johnson
& McGeoch, in Aarts & Lenstra, Local Search in Combinatorial Optimization, 1997, chapter 8, section 4.
"""

from __future__ import annotations

import math

from warehouse.batching.lengths import Meter, length_m
from warehouse.batching.problem import Ints
from warehouse.batching.state import NONE, State, fits, put, take
from warehouse.routing.chance import Chance, below, drawn
from warehouse.routing.compiled import inner

JOINING = 0.3  # of the tries, where there is room


@inner
def exchange(meter: Meter, state: State, near: Ints, chance: Chance, tries: int, temperature_m: float) -> None:
    """Try exchanges at one temperature.

    Args:
        meter: memory.
        state: changed.
        near: int64[n, k], at least one order that is alike to each.
        chance: random numbers.
        tries: how many.
        temperature_m: batches that are longer by this together are accepted with a chance of 1 / e.
    """
    for _ in range(tries):
        order = below(chance, state.slots.size)
        like = near[order, below(chance, near.shape[1])]
        batch, into = state.orders[order].batch, state.orders[like].batch
        if into == batch:
            continue
        out = NONE
        if drawn(chance) >= JOINING or not fits(state, into, NONE, order):
            out = _another(state, like, chance)
            if not fits(state, into, out, order) or not fits(state, batch, order, out):
                continue
        allowed_m = -temperature_m * math.log(1.0 - drawn(chance))
        was = state.batches[batch].length_m + state.batches[into].length_m
        # a batch never becomes shorter by one order more, so what is left without an order is a bound for what comes in its place
        least, least_into = length_m(meter, state, batch, order, NONE), length_m(meter, state, into, out, NONE)
        if least + least_into - was >= allowed_m:
            continue
        new = length_m(meter, state, batch, order, out)
        if new + least_into - was >= allowed_m:
            continue
        new_into = length_m(meter, state, into, out, order)
        if new + new_into - was >= allowed_m:
            continue
        take(state, order)
        if out >= 0:
            take(state, out)
            put(state, out, batch)
        put(state, order, into)
        state.batches[batch].length_m, state.batches[into].length_m = new, new_into


@inner
def _another(state: State, like: int, chance: Chance) -> int:
    """A random order of an order's batch, another one but for the last of the list."""
    batch = state.orders[like].batch
    order = state.batches[batch].head
    for _ in range(below(chance, state.batches[batch].size)):
        order = state.orders[order].after
    if order == like and state.orders[order].after >= 0:
        order = state.orders[order].after
    return int(order)
