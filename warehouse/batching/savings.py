"""Savings: join the two batches that save most, again and again, where savings are computed anew after each join: C&W (ii).

For many orders each batch remembers only its most promising partners: at first the orders that share the longest walk with it, and after a
join the best partners of both. When no batch has a partner left, partners are sought anew.

Source: Clarke & Wright, Scheduling of vehicles from a central depot to a number of delivery points, Operations Research 12 (1964); as a
batching method, de Koster, van der Poort & Wolters, International Journal of Production Research 37 (1999).
"""

from __future__ import annotations

import dataclasses
import time

import numpy as np

from warehouse.batching.batches import Batches, judged
from warehouse.batching.problem import BatchProblem, Floats, Ints
from warehouse.batching.related import nearest, shapes_of
from warehouse.batching.simple import tightly
from warehouse.batching.state import Ground, Judge, State, batches_of, ground_of, joined_m, judge_of, put, state_of, take
from warehouse.routing.compiled import compiled

ALL_PAIRS = 500
"""Orders up to which every pair is considered."""
PARTNERS = 40
"""That each batch remembers where there are more."""
EVEN_M = 1e-9
"""Savings that differ by less are the same."""


def savings(problem: BatchProblem) -> Batches:
    """Batches by the savings algorithm.

    Raises:
        InputError: no way was found into so few carts.
    """
    began = time.monotonic()
    batches = tightly(problem, saved(problem), range(len(problem)))
    return judged(problem, batches, "savings", seconds=time.monotonic() - began)


def saved(problem: BatchProblem) -> list[list[int]]:
    """The batches where no two can be joined any more; for all carts that it takes."""
    batches = [[order] for order in range(len(problem))]
    while True:
        joined = [[order for batch in group for order in batches[batch]] for group in _groups(_coarse(problem, batches))]
        if len(joined) == len(batches) or len(batches) <= ALL_PAIRS:
            return joined
        batches = joined


def _coarse(problem: BatchProblem, batches: list[list[int]]) -> BatchProblem:
    """The problem with batches in place of orders."""
    places = [problem.places_of(batch) for batch in batches]
    return dataclasses.replace(
        problem,
        first=np.concatenate([[0], np.cumsum([len(one) for one in places])]),
        places=np.concatenate(places),
        loads=np.array([problem.loads[batch].sum(axis=0) for batch in batches]),
        names=tuple(problem.names[batch[0]] for batch in batches),
    )


def _groups(problem: BatchProblem) -> list[list[int]]:
    """Join until the partners that are known are used up."""
    ground = ground_of(problem)
    judge = judge_of(ground)
    state = state_of(ground, judge, ([order] for order in range(len(problem))))
    partners = nearest(shapes_of(ground), len(problem) if len(problem) <= ALL_PAIRS else PARTNERS, alike=True)
    _join(ground, judge, state, partners)
    return batches_of(state)


@compiled
def _join(ground: Ground, judge: Judge, state: State, partners: Ints) -> None:
    """Join batches until no join saves; two that were joined keep the lower number.

    Of equal savings, the pair with the lowest numbers comes first.
    """
    n, most = partners.shape
    saving = np.empty((n, most))
    seen = np.zeros((n, most), np.int64)  # the age of the partner when the saving was computed
    age = np.zeros(n, np.int64)
    heir = np.arange(n)
    best = np.empty(n, np.int64)
    value = np.empty(n)
    for one in range(n):
        for k in range(most):
            saving[one, k] = _saving_m(ground, judge, state, one, partners[one, k])
        best[one], value[one] = _best(saving, partners, one)
    while most:
        one = 0
        for other in range(1, n):
            if value[other] > value[one] + EVEN_M:
                one = other
        if value[one] <= EVEN_M:
            break
        k = best[one]
        partner = partners[one, k]
        if heir[partner] != partner or seen[one, k] != age[partner]:
            # the partner has changed meanwhile, and this row was not told
            partner = _heir(heir, partner)
            known = partner == one
            for column in range(most):
                known |= column != k and partners[one, column] == partner and saving[one, column] > -np.inf
            partners[one, k], seen[one, k] = partner, age[partner]
            saving[one, k] = -np.inf if known else _saving_m(ground, judge, state, one, partner)
            best[one], value[one] = _best(saving, partners, one)
            continue
        low, high = min(one, partner), max(one, partner)
        candidates = _candidates(partners, saving, heir, low, high)
        while state.head[high] >= 0:
            order = state.head[high]
            take(ground, state, order)
            put(ground, state, order, low)
        state.length[low] += state.length[high] - value[one]
        heir[high], value[high] = low, -np.inf
        age[low] += 1
        saving[low] = -np.inf
        kept = 0
        for other in candidates:
            saves = _saving_m(ground, judge, state, low, other)
            _tell(partners, saving, seen, other, low, high, saves, age[low])
            best[other], value[other] = _best(saving, partners, other)
            if saves == -np.inf:
                continue
            if kept < most:
                place, kept = kept, kept + 1
            else:
                place = int(np.argmin(saving[low]))
                if saving[low, place] >= saves:
                    continue
            partners[low, place], saving[low, place], seen[low, place] = other, saves, age[other]
        best[low], value[low] = _best(saving, partners, low)


@compiled
def _saving_m(ground: Ground, judge: Judge, state: State, one: int, other: int) -> float:
    """What a join saves; minus infinity if no cart can take it."""
    for limit in range(len(ground.limits)):
        if state.load[one, limit] + state.load[other, limit] > ground.limits[limit]:
            return -np.inf
    return float(state.length[one] + state.length[other] - joined_m(ground, judge, state, one, other))


@compiled
def _best(saving: Floats, partners: Ints, one: int) -> tuple[int, float]:
    """The column of the best partner, of equals the lowest, and its saving."""
    best = 0
    for k in range(1, saving.shape[1]):
        ahead = saving[one, k] - saving[one, best]
        if ahead > EVEN_M or (ahead > -EVEN_M and partners[one, k] < partners[one, best]):
            best = k
    return best, saving[one, best]


@compiled
def _heir(heir: Ints, batch: int) -> int:
    """The batch into which a batch has gone."""
    while heir[batch] != batch:
        batch = heir[batch]
    return batch


@compiled
def _candidates(partners: Ints, saving: Floats, heir: Ints, low: int, high: int) -> Ints:
    """The partners of two batches that are going to be joined, increasing."""
    found = np.empty(2 * partners.shape[1], np.int64)
    count = 0
    for one in (low, high):
        for k in range(partners.shape[1]):
            other = _heir(heir, partners[one, k])
            if saving[one, k] > -np.inf and other not in (low, high):
                found[count] = other
                count += 1
    return np.unique(found[:count])


@compiled
def _tell(partners: Ints, saving: Floats, seen: Ints, one: int, low: int, high: int, saves: float, age: int) -> None:
    """Let a batch know what a join with a new batch would save; its entries for the two old ones become one."""
    told = False
    for k in range(partners.shape[1]):
        if partners[one, k] == low or partners[one, k] == high:
            partners[one, k], seen[one, k] = low, age
            saving[one, k] = -np.inf if told else saves
            told = True
