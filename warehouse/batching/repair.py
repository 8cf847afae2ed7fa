"""Repair: put waiting orders into batches, each where it costs little.

Source: Ropke & Pisinger, Transportation Science 40 (2006), section 3.2 (greedy and regret insertion); orders in sorted sequence with
blinks: Christiaens & Vanden Berghe, Slack induction by string removals for vehicle routing problems, Transportation Science 54 (2020).
"""

from __future__ import annotations

import numpy as np

from warehouse.batching.log import Log, move_in
from warehouse.batching.problem import Ints
from warehouse.batching.state import NONE, Ground, Judge, State, first_met, fits, known_m, length_m, new_search
from warehouse.routing.chance import Chance, below, drawn
from warehouse.routing.compiled import compiled

WAYS = 4
BLINK = 0.02  # how often a possible batch is not seen


@compiled
def repair(way: int, ground: Ground, judge: Judge, state: State, log: Log, near: Ints, chance: Chance) -> bool:
    """Put all waiting orders into batches, in one of WAYS ways; False if one finds no place, because there are too few carts."""
    waiting = log.moved[: log.counts[0]].copy()
    if way == 3:
        return _by_regret(ground, judge, state, log, near, chance, waiting)
    _shuffle(waiting, chance)
    keys = np.zeros(len(waiting))
    for index, order in enumerate(waiting):
        if way == 1:
            keys[index] = -(ground.loads[order] / ground.limits).max()
        elif way == 2:
            keys[index] = -length_m(ground, judge, state, state.slots[state.used[0]], NONE, order)
    for order in waiting[np.argsort(keys, kind="mergesort")]:
        batch, _, length, _ = best_batch(ground, judge, state, near, chance, order, BLINK)
        if batch < 0:
            return False
        move_in(ground, state, log, order, batch, length)
    return True


@compiled
def _shuffle(orders: Ints, chance: Chance) -> None:
    for index in range(len(orders) - 1, 0, -1):
        other = below(chance, index + 1)
        orders[index], orders[other] = orders[other], orders[index]


@compiled
def _by_regret(ground: Ground, judge: Judge, state: State, log: Log, near: Ints, chance: Chance, waiting: Ints) -> bool:
    """Again and again that order which would lose most if it had to go to its second best batch (regret-2)."""
    for count in range(len(waiting), 0, -1):
        chosen, into, worst, new_length = 0, NONE, -1.0, 0.0
        for index in range(count):
            batch, cost, length, second = best_batch(ground, judge, state, near, chance, waiting[index], BLINK)
            if batch < 0:
                return False
            if second - cost > worst:
                chosen, into, worst, new_length = index, batch, second - cost, length
        move_in(ground, state, log, waiting[chosen], into, new_length)
        waiting[chosen] = waiting[count - 1]
    return True


@compiled
def best_batch(
    ground: Ground, judge: Judge, state: State, near: Ints, chance: Chance, order: int, blink: float
) -> tuple[int, float, float, float]:
    """Among the batches of related orders and a new one, the one that grows least.

    Returns:
        the batch, NONE if there is none; by how much it grows; its new length; by how much the second best grows.
    """
    best, least, length, second = NONE, np.inf, 0.0, np.inf
    if state.used[0] < ground.carts:
        best = state.slots[state.used[0]]
        least = length = length_m(ground, judge, state, best, NONE, order)
    new_search(state)
    for other in near[order]:
        batch = state.batch_of[other]
        if batch < 0 or not first_met(state, batch) or not fits(ground, state, batch, NONE, order) or drawn(chance) < blink:
            continue
        new = known_m(state.key, ground.keys, judge.keys, judge.lengths_m, batch, NONE, order)
        if new < 0:
            new = length_m(ground, judge, state, batch, NONE, order)
        if new - state.length[batch] < least:
            best, second, least, length = batch, least, new - state.length[batch], new
        else:
            second = min(second, new - state.length[batch])
    return best, least, length, second
