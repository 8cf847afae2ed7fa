"""The best choice among all batches that a search has met: set partitioning, by HiGHS.

Each order must be in a chosen batch at least once; since a batch never becomes longer by one order less, repeats are simply left out.
The linear programme is solved over a few batches, to which those that it values too dearly are added until there is none (column
generation, with the pool in place of a pricing problem). A batch whose reduced cost is above the gap that is left cannot be in a better
choice, and only the others go into the integer programme.

Source: Rochat & Taillard, Probabilistic diversification and intensification in local search for vehicle routing, Journal of Heuristics 1
(1995), for choosing among routes met; Dantzig, Fulkerson & Johnson (1954) for fixing by reduced cost.
"""

from __future__ import annotations

import time
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from scipy.optimize import Bounds, LinearConstraint, linprog, milp  # type: ignore[import-untyped]  # ships no types
from scipy.sparse import csc_array, vstack  # type: ignore[import-untyped]  # ships no types

from warehouse.batching.ground import Keys
from warehouse.batching.problem import Floats, Ints

Bools = npt.NDArray[np.bool_]

MOST = 2000
"""Batches in an integer programme: those of the lowest reduced cost."""
KEPT = 100_000
"""Batches in the pool after a choice, again those of the lowest reduced cost."""
NODES = 30
"""Of a branch and bound; a limit in nodes repeats, one in seconds does not."""
EVEN_M = 1e-6
"""Lengths that differ by less are the same."""
ADDED = 500
"""Batches that are added to the linear programme at once."""


class Pool:
    """Distinct batches of n orders, with their lengths.

    Args:
        keys: uint64[n], of the orders; see `Ground`.
    """

    def __init__(self, keys: Keys) -> None:
        self._order_keys = keys
        self._keys = np.empty(0, np.uint64)
        self._lengths_m = np.empty(0)
        self._sizes = np.empty(0, np.int64)
        self._members = np.empty(0, np.int64)

    def __len__(self) -> int:
        return len(self._keys)

    def add(self, keys: Keys, lengths_m: Floats, sizes: Ints, members: Ints) -> None:
        """Take batches over, those that are not known yet.

        Args:
            keys: uint64[k].
            lengths_m: float64[k].
            sizes: int64[k], orders of each.
            members: int64, the orders, one batch after the other.
        """
        self._keys, self._sizes = np.concatenate([self._keys, keys]), np.concatenate([self._sizes, sizes])
        self._lengths_m, self._members = np.concatenate([self._lengths_m, lengths_m]), np.concatenate([self._members, members])
        new = np.zeros(len(self), np.bool_)
        new[np.unique(self._keys, return_index=True)[1]] = True
        self._keep(new)

    def _keep(self, kept: Bools) -> None:
        """Forget the other batches."""
        self._members = self._members[np.repeat(kept, self._sizes)]
        self._keys, self._sizes, self._lengths_m = self._keys[kept], self._sizes[kept], self._lengths_m[kept]

    def add_batches(self, batches: Sequence[Sequence[int]], lengths_m: Floats) -> Keys:
        """Take batches over, and tell their keys."""
        keys = np.array([np.bitwise_xor.reduce(self._order_keys[list(batch)]) for batch in batches], np.uint64)
        sizes = np.array([len(batch) for batch in batches], np.int64)
        self.add(keys, lengths_m, sizes, np.concatenate([np.array(batch, np.int64) for batch in batches]))
        return keys

    def best(
        self, incumbent: Sequence[Sequence[int]], incumbent_m: Floats, carts: int, seconds: float | None = None
    ) -> list[list[int]] | None:
        """Better batches than the incumbent, if the pool holds any and they are found.

        Args:
            incumbent: batches that hold all orders.
            incumbent_m: their lengths.
            carts: the most batches.
            seconds: None for no limit, so that the result repeats.
        """
        began = time.monotonic()
        of_incumbent = self.add_batches(incumbent, incumbent_m)
        known = np.isin(self._keys, of_incumbent)
        length_m = float(incumbent_m.sum())
        covers = self._covers()
        bound_m, reduced = _relaxed(covers, self._lengths_m, known, carts)
        if len(self) > KEPT:
            kept = np.zeros(len(self), np.bool_)
            kept[np.argsort(reduced, kind="stable")[:KEPT]] = True
            self._keep(kept)
            covers, reduced = self._covers(), reduced[kept]
        able = np.flatnonzero(reduced < length_m - bound_m - EVEN_M)
        able = np.sort(able[np.argsort(reduced[able], kind="stable")[:MOST]])
        if not len(able):
            return None
        options: dict[str, float] = {"node_limit": NODES, "mip_rel_gap": 0.0}
        if seconds is not None:
            options["time_limit"] = max(0.0, seconds - (time.monotonic() - began))
        part = covers[:, able]
        found = milp(
            self._lengths_m[able],
            integrality=np.ones(len(able)),
            bounds=Bounds(0, 1),
            constraints=[LinearConstraint(part, lb=1), LinearConstraint(np.ones((1, len(able))), ub=carts)],
            options=options,
        )
        if found.x is None or found.fun >= length_m - EVEN_M:
            return None
        chosen = able[np.flatnonzero(found.x > 0.5)]
        return _without_repeats([covers.indices[covers.indptr[one] : covers.indptr[one + 1]].tolist() for one in chosen])

    def _covers(self) -> csc_array:
        """bool[orders, batches], which batch holds which order."""
        ends = np.concatenate([[0], np.cumsum(self._sizes)])
        return csc_array((np.ones(len(self._members)), self._members, ends), shape=(len(self._order_keys), len(self)))


def _relaxed(covers: csc_array, lengths_m: Floats, inside: Bools, carts: int) -> tuple[float, Floats]:
    """The value of the linear programme over the pool, and the reduced cost of each batch.

    Args:
        covers: [orders, batches].
        lengths_m: float64[batches].
        inside: bool[batches], those to begin with, which hold all orders; changed.
        carts: the most batches.
    """
    while True:
        part = np.flatnonzero(inside)
        sides = vstack([-covers[:, part], csc_array(np.ones((1, len(part))))], format="csc")
        at_most = np.append(-np.ones(covers.shape[0]), carts)
        found = linprog(lengths_m[part], A_ub=sides, b_ub=at_most, bounds=(0, None), method="highs")
        duals = found.ineqlin.marginals  # never above 0
        reduced = lengths_m + covers.T @ duals[:-1] - duals[-1]
        cheap = np.flatnonzero((reduced < -EVEN_M) & ~inside)
        if not len(cheap):
            return float(found.fun), reduced
        inside[cheap[np.argsort(reduced[cheap], kind="stable")[:ADDED]]] = True


def _without_repeats(batches: list[list[int]]) -> list[list[int]]:
    seen: set[int] = set()
    tidy = []
    for batch in batches:
        left = [order for order in batch if order not in seen]
        seen.update(left)
        tidy.append(left)
    return [batch for batch in tidy if batch]
