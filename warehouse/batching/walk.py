"""One walker of the adaptive large neighbourhood search: destroy, repair, accept or undo, and learn which ways help.

Source: Ropke & Pisinger, Transportation Science 40 (2006), sections 3.3 (choosing ways), 3.4 (adapting weights) and 3.5 (accepting as in
simulated annealing). A solution that is better than the present one
is improved further by a local search; for others it is not worth its time.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from warehouse.batching import destroy as destroying
from warehouse.batching import repair as repairing
from warehouse.batching.destroy import destroy
from warehouse.batching.ground import Keys
from warehouse.batching.improve import EVEN_M, improve
from warehouse.batching.lengths import Meter
from warehouse.batching.log import agree, change_m, undo
from warehouse.batching.problem import Floats, Ints
from warehouse.batching.repair import repair
from warehouse.batching.state import TOUCHED, State, total_m
from warehouse.routing.chance import Chance, drawn
from warehouse.routing.compiled import inner

SEGMENT = 100  # steps between two changes of the weights
REACTION = 0.1  # how much a segment's scores count against the past
RECORD, BETTER, ACCEPTED = 33.0, 13.0, 9.0  # scores of a step; one that changes no length scores nothing
LEAST = 0.1  # weight, so that no way is forgotten
NEARLY = 3.0  # temperatures that a solution may be longer for its batches to be remembered
LOCAL = 30  # related orders that the local search looks at


WEIGHTS, SCORES, USES = range(3)
"""Of the ways, in `Learnt`: how often each is chosen, and the sum of its scores and its number of uses in the present segment."""
DESTROY, REPAIR = range(2)
Learnt = Floats
"""float64[3, 2, ways]: WEIGHTS, SCORES and USES of destroying and of repairing."""


class Met(NamedTuple):
    """The batches of solutions that were accepted, or nearly, for choosing the best ones among them later.

    Attributes:
        keys: uint64[k], of the sets.
        lengths_m: float64[k].
        first: int64[k + 1]; the orders of batch i are those from ``first[i]`` up to ``first[i + 1]``.
        orders: int64.
        number: int64[1], how many there are; when the memory is full, no more are noted.
        seen: uint64[2^s], keys that need not be noted again.
    """

    keys: Keys
    lengths_m: Floats
    first: Ints
    orders: Ints
    number: Ints
    seen: Keys


def learnt() -> Learnt:
    """Nothing: all ways are alike."""
    ways = (destroying.WAYS, repairing.WAYS)
    found = np.zeros((3, 2, max(ways)))
    for side, number in enumerate(ways):
        found[WEIGHTS, side, :number] = 1.0
    return found


def met(batches: int, orders: int) -> Met:
    """Memory for so many batches of so many orders together."""
    return Met(
        np.empty(batches, np.uint64),
        np.empty(batches),
        np.zeros(batches + 1, np.int64),
        np.empty(orders, np.int64),
        np.zeros(1, np.int64),
        np.zeros(2**16, np.uint64),
    )


@inner
def walk(
    meter: Meter,
    state: State,
    near: Ints,
    chance: Chance,
    learnt: Learnt,
    met: Met,
    best_of: Ints,
    best_m: float,
    steps: int,
    temperature_m: float,
) -> float:
    """Take some steps at one temperature.

    Args:
        meter: memory.
        state: where the walker is, without changes that are not agreed to; changed.
        near: int64[n, k], the orders that are most alike to each, the nearest first.
        chance: random numbers.
        learnt: which ways have helped; changed.
        met: the batches met; changed.
        best_of: int64[n], the batch of each order in the best solution so far; changed.
        best_m: its length.
        steps: how many.
        temperature_m: a solution longer by this is accepted with a chance of 1 / e.

    Returns:
        the new best length.
    """
    length = total_m(state)
    for step in range(1, steps + 1):
        out, in_ = _chosen(learnt, DESTROY, chance), _chosen(learnt, REPAIR, chance)
        destroy(out, meter, state, near, chance)
        complete = repair(in_, meter, state, near, chance)
        allowed_m = -temperature_m * math.log(1.0 - drawn(chance))
        if complete and change_m(state) < -EVEN_M:
            improve(meter, state, near, LOCAL)
        change = change_m(state)
        score = 0.0
        if complete and change < NEARLY * temperature_m:
            _remember(state, met)
        if complete and change < allowed_m - EVEN_M:
            agree(state)
            length += change
            if abs(change) > EVEN_M:
                score = BETTER if change < 0 else ACCEPTED
            if length < best_m - EVEN_M:
                # summed anew, so that rounding errors do not add up
                length = best_m = total_m(state)
                for order in range(best_of.size):
                    best_of[order] = state.orders[order].batch
                score = RECORD
        else:
            undo(state)
        _score(learnt, DESTROY, out, score)
        _score(learnt, REPAIR, in_, score)
        if step % SEGMENT == 0:
            _learn(learnt)
    return float(best_m)


@inner
def _chosen(learnt: Learnt, side: int, chance: Chance) -> int:
    """A way, drawn in proportion to its weight (roulette wheel)."""
    total = 0.0
    for way in range(learnt.shape[2]):
        total += learnt[WEIGHTS, side, way]
    left = drawn(chance) * total
    for way in range(learnt.shape[2]):
        left -= learnt[WEIGHTS, side, way]
        if left < 0:
            return way
    return 0


@inner
def _score(learnt: Learnt, side: int, way: int, score: float) -> None:
    learnt[SCORES, side, way] += score
    learnt[USES, side, way] += 1


@inner
def _learn(learnt: Learnt) -> None:
    for side in range(learnt.shape[1]):
        for way in range(learnt.shape[2]):
            if learnt[USES, side, way] > 0:
                new = learnt[SCORES, side, way] / learnt[USES, side, way]
                learnt[WEIGHTS, side, way] = max(LEAST, (1 - REACTION) * learnt[WEIGHTS, side, way] + REACTION * new)
            learnt[SCORES, side, way] = learnt[USES, side, way] = 0.0


@inner
def _remember(state: State, met: Met) -> None:
    """Note the changed batches."""
    for index in range(state.counts[TOUCHED]):
        batch, count = state.touched[index], met.number[0]
        key, end = state.batches[batch].key, met.first[count] + state.batches[batch].size
        slot = np.int64(key & np.uint64(met.seen.size - 1))
        # an empty batch's key is 0, as is that of an empty slot
        if met.seen[slot] == key or count == met.keys.size or end > met.orders.size:
            continue
        met.seen[slot] = met.keys[count] = key
        met.lengths_m[count] = state.batches[batch].length_m
        order = state.batches[batch].head
        for place in range(met.first[count], end):
            met.orders[place] = order
            order = state.orders[order].after
        met.first[count + 1] = end
        met.number[0] += 1
