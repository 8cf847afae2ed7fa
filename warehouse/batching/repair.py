"""Repair: put waiting orders into batches, each where it costs little.

Source: Ropke & Pisinger, Transportation Science 40 (2006), section 3.2 (greedy and regret insertion); orders in sorted sequence with
blinks: Christiaens & Vanden Berghe, Slack induction by string removals for vehicle routing problems, Transportation Science 54 (2020).
"""

from __future__ import annotations

import numpy as np

from warehouse.batching.lengths import Meter, length_m
from warehouse.batching.log import move_in
from warehouse.batching.problem import Ints
from warehouse.batching.state import CARTS, MOVED, NONE, USED, State, first_met, fits, new_search
from warehouse.routing.chance import Chance, drawn
from warehouse.routing.compiled import inner

WAYS = 4
BLINK = 0.02  # how often a possible batch is not seen


@inner
def repair(way: int, meter: Meter, state: State, near: Ints, chance: Chance) -> bool:
    """Put all waiting orders into batches, in one of WAYS ways; False if one finds no place, because there are too few carts."""
    if way == 3:
        return _by_regret(meter, state, near, chance)
    _sort(way, meter, state, chance)
    for index in range(state.counts[MOVED]):
        order = state.moved[index]
        batch, _, length, _ = best_batch(meter, state, near, chance, order)
        if batch < 0:
            return False
        move_in(state, order, batch, length)
    return True


@inner
def _sort(way: int, meter: Meter, state: State, chance: Chance) -> None:
    """Sort the waiting orders: at random, the largest first, or the longest tour first."""
    for index in range(state.counts[MOVED]):
        order = state.moved[index]
        rank = drawn(chance)
        if way == 1:
            rank *= 1e-9  # equally large ones at random
            for limit in range(state.limits.size):
                rank = min(rank, -state.loads[order, limit] / state.limits[limit])
        elif way == 2:
            rank = -length_m(meter, state, state.slots[state.counts[USED]], NONE, order)
        state.orders[order].rank = rank
        place = index
        while place > 0 and state.orders[state.moved[place - 1]].rank > rank:
            state.moved[place] = state.moved[place - 1]
            place -= 1
        state.moved[place] = order


@inner
def _by_regret(meter: Meter, state: State, near: Ints, chance: Chance) -> bool:
    """Again and again that order which would lose most if it had to go to its second best batch (regret-2)."""
    for done in range(state.counts[MOVED]):
        chosen, into, worst, new_length = 0, NONE, -1.0, 0.0
        for index in range(done, state.counts[MOVED]):
            batch, cost, length, second = best_batch(meter, state, near, chance, state.moved[index])
            if batch < 0:
                return False
            if second - cost > worst:
                chosen, into, worst, new_length = index, batch, second - cost, length
        order = state.moved[chosen]
        state.moved[done], state.moved[chosen] = order, state.moved[done]
        move_in(state, order, into, new_length)
    return True


@inner
def best_batch(meter: Meter, state: State, near: Ints, chance: Chance, order: int) -> tuple[int, float, float, float]:
    """Among the batches of related orders and a new one, the one that grows least.

    Returns:
        the batch, NONE if there is none; by how much it grows; its new length; by how much the second best grows.
    """
    best, least, length, second = NONE, np.inf, 0.0, np.inf
    if state.counts[USED] < state.counts[CARTS]:
        best = state.slots[state.counts[USED]]
        least = length = length_m(meter, state, best, NONE, order)
    new_search(state)
    for k in range(near.shape[1]):
        batch = state.orders[near[order, k]].batch
        if batch < 0 or not first_met(state, batch) or not fits(state, batch, NONE, order) or drawn(chance) < BLINK:
            continue
        new = length_m(meter, state, batch, NONE, order)
        cost = new - state.batches[batch].length_m
        if cost < least:
            best, second, least, length = batch, least, cost, new
        else:
            second = min(second, cost)
    return best, least, length, second
