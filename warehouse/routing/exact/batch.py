"""The lengths of many shortest tours at once, on all cores."""

from __future__ import annotations

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np

from bintally.errors import InputError, UsageError
from bintally.layouts import Ladder, PickList
from warehouse.routing.compiled import compiled
from warehouse.routing.exact.solve import check_places, out_of_order, sweep_of
from warehouse.routing.exact.sweep import Floats, Ints, Sweep, shortest_m, workspace


@dataclass(frozen=True)
class PackedLists:
    """n pick lists in flat arrays, each sorted by column and y, as a `PickList` is.

    Attributes:
        first: int64[n + 1]; the picks of list i are those from ``first[i]`` up to ``first[i + 1]``.
        columns, blocks: int64[picks].
        y_m: float64[picks].

    Raises:
        InputError: the arrays do not fit together, or a list is not sorted.
    """

    first: Ints
    columns: Ints
    blocks: Ints
    y_m: Floats

    def __post_init__(self) -> None:
        for name, kind in (("first", np.int64), ("columns", np.int64), ("blocks", np.int64), ("y_m", np.float64)):
            # the compiled code is made for these types only
            object.__setattr__(self, name, np.ascontiguousarray(getattr(self, name), kind))
        if not len(self.first) or self.first[0] != 0 or (np.diff(self.first) < 0).any() or self.first[-1] != len(self.y_m):
            raise InputError(f"packed lists must begin at 0, in order, and end at {len(self.y_m)}, the number of picks")
        if not len(self.columns) == len(self.blocks) == len(self.y_m):
            raise InputError(f"packed lists: {len(self.columns)} columns, {len(self.blocks)} blocks and {len(self.y_m)} positions differ")
        falls = out_of_order(self.columns, self.blocks, self.y_m)
        inner = self.first[(self.first > 0) & (self.first < len(self.y_m))]
        falls[inner - 1] = False  # from one list to the next
        if falls.any():
            pick = int(np.argmax(falls)) + 1
            number = int(np.searchsorted(self.first, pick, side="right")) - 1
            raise InputError(f"list {number} is not sorted by column and y from its pick {pick - self.first[number]} on")

    def __len__(self) -> int:
        return len(self.first) - 1


def pack(lists: Sequence[PickList]) -> PackedLists:
    """Put lists into flat arrays."""
    first = np.zeros(len(lists) + 1, np.int64)
    np.cumsum([len(one) for one in lists], out=first[1:])
    ints, floats = np.empty(0, np.int64), np.empty(0)
    return PackedLists(
        first,
        np.concatenate([ints, *(one.columns for one in lists)]),
        np.concatenate([ints, *(one.blocks for one in lists)]),
        np.concatenate([floats, *(one.y_m for one in lists)]),
    )


def optimal_lengths_m(ladder: Ladder, lists: PackedLists, threads: int | None = None) -> Floats:
    """The lengths of the shortest tours of many lists; see `warehouse.routing.exact.solve.optimal_tour`.

    Args:
        ladder: up to 7 cross aisles, without one-way rules.
        lists: n lists of places of this ladder.
        threads: as many as there are cores by default. The result does not depend on it.

    Returns:
        float64[n], metres.

    Raises:
        InputError: the ladder is none of these, or a pick lies outside it.
        UsageError: less than one thread.
    """
    threads = os.cpu_count() or 1 if threads is None else threads
    if threads < 1:
        raise UsageError(f"{threads} threads: at least 1")
    sweep = sweep_of(ladder)
    check_places(ladder, lists.columns, lists.blocks, lists.y_m)
    lengths_m = np.empty(len(lists))
    # several parts a thread, so that none waits long for the last
    bounds = np.linspace(0, len(lists), 4 * threads + 1 if threads > 1 else 2).astype(np.int64)

    def part(index: int) -> None:
        _lengths_of_part(sweep, lists.first, lists.columns, lists.blocks, lists.y_m, bounds[index], bounds[index + 1], lengths_m)

    with ThreadPoolExecutor(threads, "optimal-lengths") as pool:
        list(pool.map(part, range(len(bounds) - 1)))
    return lengths_m


@compiled
def _lengths_of_part(sweep: Sweep, first: Ints, columns: Ints, blocks: Ints, y_m: Floats, begin: int, end: int, lengths_m: Floats) -> None:
    """Write down the lengths of the lists from begin up to end."""
    work = workspace(sweep, 2)
    for number in range(begin, end):
        lengths_m[number] = shortest_m(sweep, columns, blocks, y_m, first[number], first[number + 1], work)
