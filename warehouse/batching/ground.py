"""The problem as arrays for compiled code: all orders of it, or some."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from warehouse.batching.problem import SLACK, BatchProblem, Floats, Ints
from warehouse.routing.exact.solve import sweep_of
from warehouse.routing.exact.sweep import Sweep

Keys = npt.NDArray[np.uint64]


@dataclass(frozen=True)
class Ground:
    """n orders, numbered anew.

    Attributes:
        sweep: the ladder.
        columns, blocks, y_m: of the places.
        first, places: the orders' places; see `BatchProblem`.
        loads: float64[n, d].
        limits: float64[d], the slack included.
        keys: uint64[n], random. The key of a set is the exclusive or of its orders' keys, so that it is changed in one step (Zobrist
            hashing); that two of 10^7 sets share one has a chance of about 3 in a million, and misleads the search, but not the result.
        carts: the most batches.
    """

    sweep: Sweep
    columns: Ints
    blocks: Ints
    y_m: Floats
    first: Ints
    places: Ints
    loads: Floats
    limits: Floats
    keys: Keys
    carts: int

    def __len__(self) -> int:
        return len(self.keys)


def ground_of(problem: BatchProblem, orders: Sequence[int] | None = None, carts: int | None = None) -> Ground:
    """The problem, or a part of it.

    Args:
        problem: all orders.
        orders: those of the part, which are then numbered in this order.
        carts: for the part; the problem's own by default.
    """
    first, places, loads = problem.first, problem.places, problem.loads
    keys = np.random.default_rng(0).integers(1, 2**64, len(problem), np.uint64)
    if orders is not None:
        sizes = np.diff(first)[orders]
        ends = np.cumsum(sizes)
        places = places[np.repeat(first[orders] - ends + sizes, sizes) + np.arange(ends[-1])]
        first, loads, keys = np.concatenate([[0], ends]), loads[orders], keys[orders]
    most = carts if carts is not None else problem.carts
    return Ground(
        sweep_of(problem.ladder),
        problem.columns,
        problem.blocks,
        problem.y_m,
        np.ascontiguousarray(first, np.int64),
        np.ascontiguousarray(places, np.int64),
        np.ascontiguousarray(loads),
        problem.limits * (1 + SLACK / 2),  # a little tighter than the check, whose sums run in another order
        keys,
        len(loads) if most is None else most,
    )
