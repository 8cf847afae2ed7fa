"""From which bins the lines of pick lists are taken (pure).

Which bins are best depends on what else is picked on the same walk, and what is picked together depends on the bins. So it is done in steps, each
of which solves one side exactly or as well as the batching method does:

1. bins for each order as if it were walked alone, one order after the other;
2. batches of orders, with these bins (``warehouse.batching``);
3. bins for each batch as a whole, from what the other batches leave; again, as long as that makes a list shorter.

In 1 and 3 the bins are those of the shortest tour (``warehouse.routing.scattered``).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from bintally.layouts import Ladder, PickList, Request, Shelf
from warehouse.routing.scattered import choose
from warehouse.walks.stock import Bin
from warehouse.walks.tours import at

Taken = Mapping[str, int]
"""Items from each bin."""
MOST_TOURS = 5_000
"""That a choice may measure: nearly always enough for the proof, and a fraction of a second."""
MOST_CHOICES = 20_000
"""Lines times bins. The first descent of the branch and bound measures as many tours; that of more takes seconds."""


@dataclass(frozen=True)
class Store:
    """The bins that can be picked from.

    Attributes:
        ladder: the warehouse.
        shelves: of each bin, named as the bin.
        bins: of each article, by name.
    """

    ladder: Ladder
    shelves: Mapping[str, Shelf]
    bins: Mapping[str, Sequence[Bin]]

    @classmethod
    def of(cls, ladder: Ladder, bins: Iterable[Bin]) -> Store:
        """Of all bins with a place from which something can be taken."""
        of_article: dict[str, list[Bin]] = {}
        shelves: dict[str, Shelf] = {}
        for one in sorted(bins, key=lambda one: one.name):
            if one.shelf is not None and one.sure > 0:
                of_article.setdefault(one.article, []).append(one)
                shelves[one.name] = replace(one.shelf, article=one.name)
        return cls(ladder, shelves, of_article)

    def from_depot_m(self, name: str) -> float:
        """The way to a bin."""
        start = self.ladder.start
        return self.ladder.distance_m((start.column, self.ladder.y_m[start.cross_aisle]), at(self.shelves[name]))

    def picks(self, taken: Taken) -> PickList:
        """The places of some bins, named after them."""
        return PickList.of(self.ladder, [(self.shelves[name], items) for name, items in taken.items()])


def choose_bins(store: Store, lines: Mapping[str, int], free: Taken) -> dict[str, int]:
    """Bins for some lines, so that the tour over them is the shortest; of too many bins, those nearest to the depot.

    Args:
        store: the bins.
        lines: items of each article; as many are free.
        free: what may be taken from each bin.

    Returns:
        Items from each bin that is picked from.
    """
    bins = [one for article in lines for one in store.bins[article] if free[one.name] > 0]
    if len(lines) * len(bins) > MOST_CHOICES:
        return _taken(lines, sorted(bins, key=lambda one: store.from_depot_m(one.name)), free)
    shelves = tuple(replace(store.shelves[one.name], article=one.article, quantity=free[one.name]) for one in bins)
    picks = choose(Request("pick list", store.ladder, lines, shelves), most_tours=MOST_TOURS).picks
    reached = set(zip(picks.columns.tolist(), picks.y_m.tolist(), strict=True))
    here = [one for one in bins if at(store.shelves[one.name]) in reached]
    return _taken(lines, sorted(here, key=lambda one: -free[one.name]), free)  # the fullest first, so that few are opened


def _taken(lines: Mapping[str, int], bins: Iterable[Bin], free: Taken) -> dict[str, int]:
    """As much as is wanted from one bin after the other."""
    missing, taken = dict(lines), dict[str, int]()
    for one in bins:
        if items := min(missing[one.article], free[one.name]):
            missing[one.article] -= items
            taken[one.name] = items
    return taken


def less(free: Taken, taken: Taken) -> dict[str, int]:
    """What is free after something was taken."""
    return {name: items - taken.get(name, 0) for name, items in free.items()}


def more(free: Taken, back: Taken) -> dict[str, int]:
    """What is free after something was put back."""
    return {name: items + back.get(name, 0) for name, items in free.items()}


def share_out(lines_of: Mapping[str, Mapping[str, int]], store: Store, taken: Taken) -> Iterator[tuple[str, str, int]]:
    """Give what is taken from the bins of a batch to its orders, so that a line is taken from few bins.

    Args:
        lines_of: of each order, items of each article.
        store: the bins.
        taken: from each; as many items of each article as the orders want together.

    Yields:
        Bin, order, items.
    """
    left = dict(taken)
    for order, lines in lines_of.items():
        for article, wanted in lines.items():
            missing = wanted
            for one in store.bins[article]:
                if items := min(missing, left.get(one.name, 0)):
                    missing -= items
                    left[one.name] -= items
                    yield one.name, order, items
