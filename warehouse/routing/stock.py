"""What lies where, for choosing among several places of an article; the choice is in ``scattered``."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from bintally.errors import InputError
from bintally.layouts import Ladder, PickList, Request, Shelf
from bintally.layouts.picks import check_shelf
from warehouse.routing.exact.batch import PackedLists, optimal_lengths_m

Bools = npt.NDArray[np.bool_]
Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Stock:
    """n places, each of one article, sorted by column and y.

    Attributes:
        ladder: where.
        shelves: n of them.
        wanted: int64[articles], items.
        article: int64[n].
        items: int64[n], that may be taken from the place, at least 1 and never more than are wanted.
        location: int64[n], the same for places of several articles at one column and y.
        columns, blocks, y_m: int64[n], int64[n], float64[n], of the shelves.
    """

    ladder: Ladder
    shelves: tuple[Shelf, ...]
    wanted: Ints
    article: Ints
    items: Ints
    location: Ints
    columns: Ints
    blocks: Ints
    y_m: Floats

    def missing(self, chosen: Bools) -> Ints:
        """Items of each article that are still to be found, int64[articles]; negative where there are too many."""
        return self.wanted - self._sums(chosen)

    def enough(self, chosen: Bools) -> bool:
        """Nothing is missing."""
        return bool((self.missing(chosen) <= 0).all())

    def candidates(self, chosen: Bools, out: Bools) -> Ints:
        """The places that may be chosen next, of articles that miss items."""
        return np.flatnonzero(~chosen & ~out & (self.missing(chosen) > 0)[self.article])

    def settled(self, chosen: Bools, out: Bools) -> Bools | None:
        """Choose all that costs nothing and all that cannot be avoided; None if there is too little without what is ruled out."""
        while True:
            missing = self.missing(chosen)
            free = ~chosen & ~out & (missing > 0)[self.article]
            spare = self._sums(free) - missing
            if (spare[missing > 0] < 0).any():
                return None
            visited = np.zeros(len(self.location), np.bool_)
            visited[self.location[chosen]] = True
            new = free & (visited[self.location] | (self.items > spare[self.article]))
            if not new.any():
                return chosen
            chosen = chosen | new

    def lengths_m(self, sets: Bools) -> Floats:
        """The shortest tours over sets of places, bool[k, n]."""
        of = np.nonzero(sets)[1]
        first = np.concatenate([[0], np.cumsum(sets.sum(axis=1))])
        packed = PackedLists(first, self.columns[of], self.blocks[of], self.y_m[of])
        return optimal_lengths_m(self.ladder, packed, threads=1)

    def lean(self, chosen: Bools, keep: int = -1) -> Bools:
        """Leave out places that are not needed, those with few items first."""
        chosen, spare = chosen.copy(), -self.missing(chosen)
        for place in sorted(np.flatnonzero(chosen).tolist(), key=lambda place: int(self.items[place])):
            if place != keep and self.items[place] <= spare[self.article[place]]:
                spare[self.article[place]] -= self.items[place]
                chosen[place] = False
        return chosen

    def neighbours(self, chosen: Bools) -> Iterator[Bools]:
        """Each place exchanged for each other one of its article; what is then missing is taken from the best stocked places."""
        for place in np.flatnonzero(chosen).tolist():
            others = np.flatnonzero((self.article == self.article[place]) & ~chosen).tolist()
            for other in others:
                changed = chosen.copy()
                changed[place], changed[other] = False, True
                for more in sorted(others, key=lambda place: -int(self.items[place])):
                    if self.missing(changed)[self.article[place]] > 0:
                        changed[more] = True
                if self.missing(changed)[self.article[place]] <= 0:
                    yield self.lean(changed, other)

    def picks(self, chosen: Bools) -> PickList:
        """Take as much as possible from one place after the other."""
        missing, taken = self.wanted.copy(), []
        for place in np.flatnonzero(self.lean(chosen)).tolist():
            items = int(min(self.items[place], missing[self.article[place]]))
            missing[self.article[place]] -= items
            taken.append((self.shelves[place], items))
        return PickList.of(self.ladder, taken)

    def _sums(self, places: Bools) -> Ints:
        """Items of each article in some places."""
        return np.bincount(self.article[places], self.items[places], len(self.wanted)).astype(np.int64)


def stock_of(request: Request) -> Stock:
    """The places of the articles that are wanted; several entries at one place are one.

    Raises:
        InputError: there is not enough of an article, a quantity is no quantity, or a shelf lies outside the ladder.
    """
    found: dict[tuple[int, float, int, str], tuple[Shelf, float]] = {}
    for shelf in request.shelves:
        check_shelf(request.ladder, shelf)
        if shelf.article in request.lines:
            key = (shelf.column, shelf.y_m, shelf.block, shelf.article)
            lying = math.inf if shelf.quantity is None else shelf.quantity
            found[key] = (shelf, found.get(key, (shelf, 0.0))[1] + lying)
    articles = {article: number for number, article in enumerate(request.lines)}
    for article, wanted in request.lines.items():
        quantities = [lying for (*_, name), (_, lying) in found.items() if name == article]
        if wanted < 1:
            raise InputError(f"{request.file}: {wanted} of {article} are wanted; at least 1")
        if sum(quantities) < wanted:
            raise InputError(f"{request.file}: {wanted} of {article} are wanted, {int(sum(quantities))} lie in {len(quantities)} places")
    places = [found[key] for key in sorted(found) if found[key][1] > 0]
    locations = {location: number for number, location in enumerate(dict.fromkeys((shelf.column, shelf.y_m) for shelf, _ in places))}
    return Stock(
        ladder=request.ladder,
        shelves=tuple(shelf for shelf, _ in places),
        wanted=np.array(list(request.lines.values()), np.int64),
        article=np.array([articles[shelf.article] for shelf, _ in places], np.int64),
        items=np.array([min(lying, request.lines[shelf.article]) for shelf, lying in places], np.int64),
        location=np.array([locations[shelf.column, shelf.y_m] for shelf, _ in places], np.int64),
        columns=np.array([shelf.column for shelf, _ in places], np.int64),
        blocks=np.array([shelf.block for shelf, _ in places], np.int64),
        y_m=np.array([shelf.y_m for shelf, _ in places], np.float64),
    )
