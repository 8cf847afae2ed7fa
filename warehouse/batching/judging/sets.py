"""Many sets of orders at once, and the pick lists that they make."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from warehouse.batching.problem import BatchProblem, Ints
from warehouse.routing.exact import PackedLists


@dataclass(frozen=True)
class Sets:
    """k sets of orders in flat arrays.

    Attributes:
        first: int64[k + 1]; the orders of set i are those from ``first[i]`` up to ``first[i + 1]``.
        orders: int64, in a set distinct, in any sequence.
    """

    first: Ints
    orders: Ints

    @classmethod
    def of(cls, batches: Sequence[Sequence[int]]) -> Sets:
        """The sets that are given as sequences."""
        first = np.concatenate([[0], np.cumsum([len(batch) for batch in batches], dtype=np.int64)])
        return cls(first.astype(np.int64), np.array([order for batch in batches for order in batch], np.int64))

    @classmethod
    def joined(cls, some: Sequence[Sets]) -> Sets:
        """The sets of all, one after the other."""
        sizes = np.concatenate([np.diff(one.first) for one in some])
        return cls(np.concatenate([[0], np.cumsum(sizes)]), np.concatenate([one.orders for one in some]))

    def __len__(self) -> int:
        return len(self.first) - 1

    def some(self, numbers: Ints) -> Sets:
        """The sets of these numbers."""
        sizes = np.diff(self.first)[numbers]
        return Sets(np.concatenate([[0], np.cumsum(sizes)]), self.orders[spans(self.first[numbers], sizes)])


def spans(begin: Ints, sizes: Ints) -> Ints:
    """The numbers from each begin on, as many as its size, one span after the other."""
    before = np.concatenate([[0], np.cumsum(sizes)])
    return np.asarray(np.repeat(begin - before[:-1], sizes) + np.arange(before[-1]))


def pick_lists(problem: BatchProblem, sets: Sets) -> tuple[PackedLists, Ints]:
    """The pick list of each set: the places of its orders, merged, with the items of each place added up.

    Returns:
        The lists, and int64[places of all of them], items.
    """
    sizes = np.diff(problem.first)[sets.orders]
    lines = spans(problem.first[sets.orders], sizes)
    owner = np.repeat(np.repeat(np.arange(len(sets)), np.diff(sets.first)), sizes)
    count = len(problem.columns)
    found, which = np.unique(owner * count + problem.places[lines], return_inverse=True)
    first, places = np.searchsorted(found, np.arange(len(sets) + 1) * count), found % max(1, count)
    quantities = np.zeros(len(found), np.int64)
    np.add.at(quantities, which, problem.quantities[lines])
    return PackedLists(first, problem.columns[places], problem.blocks[places], problem.y_m[places]), quantities
