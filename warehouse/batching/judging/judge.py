"""Judges: they say what sets of orders cost, many at once, and measure none twice."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from bintally.errors import UsageError
from warehouse.batching.judging.objective import Objective
from warehouse.batching.judging.sets import Sets, pick_lists
from warehouse.batching.problem import BatchProblem, Floats, Ints
from warehouse.routing.exact import PackedLists, optimal_lengths_m

Keys = npt.NDArray[np.uint64]
Measure = Callable[[PackedLists, Ints], Floats]
"""From n lists and the items of their places to n costs."""

CACHE_BITS = 20
"""2^20 sets are remembered, in 16 MB."""
EXACT_HANDFULS = 12
"""Above, the search takes less time than the exact method, and finds the same or nearly so."""


class Judge:
    """What each set of a problem's orders costs.

    A set is known by its key, the exclusive or of its orders' random keys (Zobrist hashing, as in `warehouse.batching.state`); a new set
    takes the place of the one that has the same slot in the table.

    Args:
        problem: the orders.
        measure: says what a list costs.
        settle: says what it costs indeed, where ``measure`` only estimates.

    Attributes:
        order_keys: uint64[n].
        measured: sets that were measured so far.
    """

    def __init__(self, problem: BatchProblem, measure: Measure, settle: Measure | None = None) -> None:
        self.problem = problem
        self.measured = 0
        self._measure, self._settle = measure, settle
        self.order_keys = np.random.default_rng(0).integers(1, 2**64, len(problem), np.uint64)
        # the empty set's key is 0, and so is its cost
        self._known, self._costs = np.zeros(2**CACHE_BITS, np.uint64), np.zeros(2**CACHE_BITS)
        self._settled: dict[int, float] = {}

    def costs(self, sets: Sets) -> Floats:
        """What sets cost, float64[k]."""
        keys = self.keys(sets)
        slots = (keys & np.uint64(len(self._known) - 1)).astype(np.int64)
        costs = self._costs[slots]
        missing = np.flatnonzero(self._known[slots] != keys)
        if len(missing):
            _, first, which = np.unique(keys[missing], return_index=True, return_inverse=True)
            found = self._measured(self._measure, sets.some(missing[first]))
            costs[missing] = found[which]
            self._known[slots[missing]], self._costs[slots[missing]] = keys[missing], costs[missing]
        if self._settled:
            for number, key in enumerate(keys.tolist()):
                costs[number] = self._settled.get(key, costs[number])
        return costs

    def settled(self, sets: Sets) -> Floats:
        """What sets cost indeed; where costs are estimates, these are replaced for good."""
        if self._settle is None:
            return self.costs(sets)
        keys = self.keys(sets).tolist()
        new = np.array([number for number, key in enumerate(keys) if key not in self._settled], np.int64)
        if len(new):
            costs = self._measured(self._settle, sets.some(new))
            self._settled.update({keys[number]: cost for number, cost in zip(new.tolist(), costs.tolist(), strict=True)})
        return np.array([self._settled[key] for key in keys])

    def _measured(self, measure: Measure, sets: Sets) -> Floats:
        self.measured += len(sets)
        return measure(*pick_lists(self.problem, sets))

    def keys(self, sets: Sets) -> Keys:
        """The keys of sets, uint64[k]."""
        keys, held = np.zeros(len(sets), np.uint64), np.diff(sets.first) > 0
        if held.any():
            keys[held] = np.bitwise_xor.reduceat(self.order_keys[sets.orders], sets.first[:-1][held])
        return keys


def lengths(problem: BatchProblem) -> Judge:
    """Costs are the lengths of shortest tours, in metres."""
    return Judge(problem, lambda lists, _: optimal_lengths_m(problem.ladder, lists, threads=1))


def cart_times(problem: BatchProblem, objective: Objective) -> Judge:
    """Costs are seconds with the cart, picking included.

    Raises:
        UsageError: no cart is given.
        InputError: the cart cannot be used in this ladder, or the estimator was made for others.
    """
    from warehouse.routing.cart.best import best_times_s  # loaded for carts only

    cart, estimator = objective.cart, objective.estimator
    if cart is None:
        raise UsageError("the cart's times need a cart")

    def exact(lists: PackedLists, quantities: Ints) -> Floats:
        return best_times_s(problem.ladder, cart, lists, quantities, exact=EXACT_HANDFULS)

    if estimator is None:
        return Judge(problem, exact)
    estimator.check(problem.ladder, cart)

    def estimate(lists: PackedLists, quantities: Ints) -> Floats:
        return estimator.values(lists, quantities).value + cart.pick_s * np.diff(lists.first)

    return Judge(problem, estimate, exact if objective.judge == "estimate-then-exact" else None)
