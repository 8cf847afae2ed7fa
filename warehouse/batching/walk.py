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
from warehouse.batching.improve import EVEN_M, improve
from warehouse.batching.log import Log, change_m, clear, undo
from warehouse.batching.problem import Floats, Ints
from warehouse.batching.repair import repair
from warehouse.batching.state import Ground, Judge, Keys, State
from warehouse.routing.chance import Chance, drawn
from warehouse.routing.compiled import compiled

SEGMENT = 100  # steps between two changes of the weights
REACTION = 0.1  # how much a segment's scores count against the past
RECORD, BETTER, ACCEPTED = 33.0, 13.0, 9.0  # scores of a step
LEAST = 0.1  # weight, so that no way is forgotten
LOCAL = 30  # related orders that the local search looks at


class Learnt(NamedTuple):
    """Which ways have helped.

    Attributes:
        weights, scores, uses: float64[2, ways]; of destroying, then of repairing.
    """

    weights: Floats
    scores: Floats
    uses: Floats


class Met(NamedTuple):
    """The batches of accepted solutions, for choosing the best ones among them later.

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
    """Nothing."""
    ways = max(destroying.WAYS, repairing.WAYS)
    weights = np.zeros((2, ways))
    weights[0, : destroying.WAYS] = weights[1, : repairing.WAYS] = 1.0
    return Learnt(weights, np.zeros((2, ways)), np.zeros((2, ways)))


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


@compiled
def walk(
    ground: Ground,
    judge: Judge,
    state: State,
    log: Log,
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
        ground: the problem.
        judge: memory.
        state: where the walker is; changed.
        log: an empty log; left empty.
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
    length, local = _total_m(state), near[:, :LOCAL].copy()
    for step in range(steps):
        out, in_ = _chosen(learnt.weights[0], chance), _chosen(learnt.weights[1], chance)
        destroy(out, ground, judge, state, log, near, chance)
        complete = repair(in_, ground, judge, state, log, near, chance)
        allowed_m = -temperature_m * math.log(1.0 - drawn(chance))
        if complete and change_m(state, log) < -EVEN_M:
            improve(ground, judge, state, log, local)
        change = change_m(state, log)
        score = 0.0
        if complete and change < allowed_m - EVEN_M:
            _remember(state, log, met)
            clear(log)
            length += change
            score = BETTER if change < -EVEN_M else ACCEPTED
            if length < best_m - EVEN_M:
                # summed anew, so that rounding errors do not add up
                length = best_m = _total_m(state)
                best_of[:] = state.batch_of
                score = RECORD
        else:
            undo(ground, state, log)
        _score(learnt, out, in_, score)
        if step % SEGMENT == SEGMENT - 1:
            _learn(learnt)
    return best_m


@compiled
def _total_m(state: State) -> float:
    total = 0.0
    for batch in state.slots[: state.used[0]]:
        total += state.length[batch]
    return total


@compiled
def _chosen(weights: Floats, chance: Chance) -> int:
    """A way, drawn in proportion to its weight (roulette wheel)."""
    left = drawn(chance) * weights.sum()
    for way in range(len(weights)):
        left -= weights[way]
        if left < 0:
            return way
    return 0


@compiled
def _score(learnt: Learnt, out: int, in_: int, score: float) -> None:
    learnt.scores[0, out] += score
    learnt.scores[1, in_] += score
    learnt.uses[0, out] += 1
    learnt.uses[1, in_] += 1


@compiled
def _learn(learnt: Learnt) -> None:
    for side in range(2):
        for way in range(learnt.weights.shape[1]):
            if learnt.uses[side, way] > 0:
                new = learnt.scores[side, way] / learnt.uses[side, way]
                learnt.weights[side, way] = max(LEAST, (1 - REACTION) * learnt.weights[side, way] + REACTION * new)
    learnt.scores[:] = 0.0
    learnt.uses[:] = 0.0


@compiled
def _remember(state: State, log: Log, met: Met) -> None:
    """Note the changed batches."""
    for batch in log.touched[: log.counts[1]]:
        count = met.number[0]
        end = met.first[count] + state.size[batch]
        slot = np.int64(state.key[batch] & np.uint64(len(met.seen) - 1))
        if not state.size[batch] or met.seen[slot] == state.key[batch] or count == len(met.keys) or end > len(met.orders):
            continue
        met.seen[slot] = met.keys[count] = state.key[batch]
        met.lengths_m[count] = state.length[batch]
        order = state.head[batch]
        for index in range(met.first[count], end):
            met.orders[index] = order
            order = state.after[order]
        met.first[count + 1] = end
        met.number[0] += 1
