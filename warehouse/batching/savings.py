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
from warehouse.batching.ground import ground_of
from warehouse.batching.lengths import Meter, joined_m, meter_of, state_of
from warehouse.batching.problem import BatchProblem, Ints
from warehouse.batching.related import nearest, shapes_of
from warehouse.batching.simple import tightly
from warehouse.batching.state import Rows, State, batches_of, first_met, new_search, put, take
from warehouse.routing.compiled import inner

ALL_PAIRS = 500
"""Orders up to which every pair is considered."""
PARTNERS = 40
"""That each batch remembers where there are more."""
EVEN_M = 1e-9
"""Savings that differ by less are the same."""

PARTNER = np.dtype(
    [
        ("batch", np.int64),
        ("seen", np.int64),  # the partner's age when the saving was computed
        ("saving_m", np.float64),  # minus infinity if they cannot be joined
    ]
)
ROW = np.dtype(
    [
        ("age", np.int64),  # how often it has been joined
        ("heir", np.int64),  # the batch into which it has gone, or itself
        ("best", np.int64),  # the column of its best partner
        ("value_m", np.float64),  # and what that one saves
    ]
)


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
    n = len(problem)
    ground = ground_of(problem)
    near = nearest(shapes_of(ground), n if n <= ALL_PAIRS else PARTNERS, alike=True)
    meter = meter_of(ground)
    state = state_of(ground, meter, ([order] for order in range(n)))
    partners, rows = np.zeros(near.shape, PARTNER), np.zeros(n + 1, ROW)
    partners["batch"], rows["heir"], rows["value_m"] = near, np.arange(n + 1), -np.inf
    winners = np.full(2 << (n - 1).bit_length(), n)
    winners[len(winners) // 2 :][:n] = np.arange(n)
    if near.size:
        _join(meter, state, partners, rows, winners, np.empty(2 * near.shape[1], np.int64))
    return batches_of(state.orders["batch"])


@inner
def _join(meter: Meter, state: State, partners: Rows, rows: Rows, winners: Ints, candidates: Ints) -> None:
    """Join batches until no join saves; two that were joined keep the lower number.

    Of equal savings, the pair with the lowest numbers comes first.

    Args:
        meter: memory.
        state: each order is a batch; changed.
        partners: PARTNER[n, k].
        rows: ROW[n + 1], of the batches; the last one is none.
        winners: int64[2^b], a tournament of the batches by what their best partners save; the first of all is winners[1].
        candidates: int64[2k], memory.
    """
    for one in range(partners.shape[0]):
        for k in range(partners.shape[1]):
            partners[one, k].saving_m = _saving_m(meter, state, one, partners[one, k].batch)
        _choose(partners, rows, winners, one)
    while rows[winners[1]].value_m > EVEN_M:
        one = winners[1]
        k = rows[one].best
        partner = partners[one, k].batch
        if rows[partner].heir != partner or partners[one, k].seen != rows[partner].age:
            # the partner has changed meanwhile, and this row was not told
            _ask(meter, state, partners, rows, one, k)
            _choose(partners, rows, winners, one)
            continue
        low, high = min(one, partner), max(one, partner)
        count = _gather(state, partners, rows, low, high, candidates)
        while state.batches[high].head >= 0:
            order = state.batches[high].head
            take(state, order)
            put(state, order, low)
        state.batches[low].length_m += state.batches[high].length_m - rows[one].value_m
        rows[low].age += 1
        rows[high].heir = low
        for k in range(partners.shape[1]):
            partners[low, k].saving_m = partners[high, k].saving_m = -np.inf
        for index in range(count):
            other = candidates[index]
            saving = _saving_m(meter, state, low, other)
            _tell(partners, other, low, high, saving, rows[low].age)
            _choose(partners, rows, winners, other)
            _note(partners, low, other, saving, rows[other].age)
        _choose(partners, rows, winners, low)
        _choose(partners, rows, winners, high)


@inner
def _saving_m(meter: Meter, state: State, one: int, other: int) -> float:
    """What a join saves; minus infinity if no cart can take it."""
    for limit in range(state.limits.size):
        if state.load[one, limit] + state.load[other, limit] > state.limits[limit]:
            return -np.inf
    return float(state.batches[one].length_m + state.batches[other].length_m - joined_m(meter, state, one, other))


@inner
def _choose(partners: Rows, rows: Rows, winners: Ints, one: int) -> None:
    """Find the best partner of a batch, of equals the one with the lowest number, and play its matches."""
    best = 0
    for k in range(1, partners.shape[1]):
        ahead = partners[one, k].saving_m - partners[one, best].saving_m
        if ahead > EVEN_M or (ahead > -EVEN_M and partners[one, k].batch < partners[one, best].batch):
            best = k
    rows[one].best, rows[one].value_m = best, partners[one, best].saving_m
    match = (winners.size // 2 + one) // 2
    while match > 0:
        left, right = winners[2 * match], winners[2 * match + 1]
        winners[match] = right if rows[right].value_m > rows[left].value_m + EVEN_M else left
        match //= 2


@inner
def _ask(meter: Meter, state: State, partners: Rows, rows: Rows, one: int, k: int) -> None:
    """Compute a saving again, with the batch into which the partner has gone, unless that one is known already."""
    partner = _heir(rows, partners[one, k].batch)
    known = partner == one
    for column in range(partners.shape[1]):
        known |= column != k and partners[one, column].batch == partner and partners[one, column].saving_m > -np.inf
    partners[one, k].batch, partners[one, k].seen = partner, rows[partner].age
    partners[one, k].saving_m = -np.inf if known else _saving_m(meter, state, one, partner)


@inner
def _heir(rows: Rows, batch: int) -> int:
    """The batch into which a batch has gone."""
    while rows[batch].heir != batch:
        batch = rows[batch].heir
    return batch


@inner
def _gather(state: State, partners: Rows, rows: Rows, low: int, high: int, candidates: Ints) -> int:
    """Write down the partners of two batches that are going to be joined; tells how many there are."""
    new_search(state)
    first_met(state, low)
    first_met(state, high)
    count = 0
    for one in (low, high):
        for k in range(partners.shape[1]):
            other = _heir(rows, partners[one, k].batch)
            if partners[one, k].saving_m > -np.inf and first_met(state, other):
                candidates[count] = other
                count += 1
    return count


@inner
def _tell(partners: Rows, one: int, low: int, high: int, saving: float, age: int) -> None:
    """Let a batch know what a join with a new batch would save; its entries for the two old ones become one."""
    told = False
    for k in range(partners.shape[1]):
        if partners[one, k].batch == low or partners[one, k].batch == high:
            partners[one, k].batch, partners[one, k].seen = low, age
            partners[one, k].saving_m = -np.inf if told else saving
            told = True


@inner
def _note(partners: Rows, one: int, other: int, saving: float, age: int) -> None:
    """Let a batch remember a partner in place of the one that saves least, if that is better."""
    least = 0
    for k in range(1, partners.shape[1]):
        if partners[one, k].saving_m < partners[one, least].saving_m:
            least = k
    if saving > partners[one, least].saving_m:
        partners[one, least].batch, partners[one, least].seen, partners[one, least].saving_m = other, age, saving
