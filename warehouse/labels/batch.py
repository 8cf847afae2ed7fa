"""Drawn lists, as the functions that label them see them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from bintally.layouts import Ladder, PickList
from warehouse.labels.draw import Drawn
from warehouse.routing.exact.batch import PackedLists


@dataclass(frozen=True)
class Batch:
    """n lists.

    Attributes:
        ladder: the warehouse.
        places: all places of it.
        start: the first list's number; the others follow.
        drawn: the lists.
    """

    ladder: Ladder
    places: PickList
    start: int
    drawn: Drawn

    def __len__(self) -> int:
        return len(self.drawn.kinds)

    def packed(self) -> PackedLists:
        """All lists in flat arrays."""
        chosen = self.drawn.chosen
        return PackedLists(self.drawn.first, self.places.columns[chosen], self.places.blocks[chosen], self.places.y_m[chosen])

    def lists(self) -> Iterator[tuple[int, PickList]]:
        """Each list's number, and the list."""
        for number, (begin, end) in enumerate(zip(self.drawn.first, self.drawn.first[1:], strict=False), self.start):
            yield number, self._list(self.drawn.chosen[begin:end], self.drawn.quantities[begin:end])

    def _list(self, chosen: np.ndarray, quantities: np.ndarray) -> PickList:
        places = self.places
        names = tuple(places.names[place] for place in chosen.tolist())
        return PickList(places.columns[chosen], places.blocks[chosen], places.y_m[chosen], quantities, names)
