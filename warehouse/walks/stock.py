"""What can be picked: bins with the quantity that books and counts together vouch for (pure)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from bintally.errors import InputError
from bintally.layouts import Shelf
from bintally.layouts.hall import Hall
from warehouse.discrepancies.belief import Belief, posterior
from warehouse.ledger.fold import View
from warehouse.ledger.places import Place

CONFIDENCE = 0.9
"""What P(quantity >= picks) must reach."""
_SAME = 1e-9


@dataclass(frozen=True)
class Bin:
    """What a pick list can take from a bin.

    Attributes:
        name: the bin's.
        article: what lies in it.
        place: as people name it; None if nobody knows it.
        shelf: the same for routers; None if there is no such place in the layout.
        sure: items that are there with the confidence asked for.
        likely: items that are probably there; never less than ``sure``.
    """

    name: str
    article: str
    place: Place | None
    shelf: Shelf | None
    sure: int
    likely: int


def bins_of(known: Iterable[tuple[View, Place | None]], hall: Hall, wrong_share: float, confidence: float = CONFIDENCE) -> Iterator[Bin]:
    """What can be taken from each bin.

    Args:
        known: bins that hold something by the books, and where they are; of ``warehouse.ledger.stock``.
        hall: the site's layout.
        wrong_share: share of bins about which the books are wrong, before anything is counted.
        confidence: what P(quantity >= picks) must reach, at least 0.5 and below 1.

    Raises:
        InputError: the confidence is none.
    """
    if not 0.5 <= confidence < 1:
        raise InputError(f"confidence = {confidence}: must be at least 0.5 and below 1, for instance {CONFIDENCE}")
    for view, place in known:
        expected = view.expected or 0
        sure = expected if view.belief is None else sure_of(view.belief, expected, wrong_share, confidence)
        likely = expected if view.likely is None else view.likely
        yield Bin(view.bin, view.article or "", place, shelf_at(hall, place), sure, max(sure, likely))


def shelf_at(hall: Hall, place: Place | None) -> Shelf | None:
    """A bin in the ladder's coordinates; None if the layout has no such place."""
    if place is None:
        return None
    try:
        return hall.shelf(place.bin, place.aisle, place.block, place.position_m)
    except InputError:
        return None


def sure_of(belief: Belief, expected: int, wrong_share: float, confidence: float) -> int:
    """The largest n with P(quantity >= n) >= confidence: the books' quantity where no count contradicts, else a cautious quantile.

    Of the counter's open class only its lower bound is known; quantities above it are those of the books, as far as the counts confirm them.
    """
    right, wrong = posterior(belief, expected, wrong_share)
    at_least = 0.0
    for quantity, probability in sorted([(expected, right), *enumerate(wrong)], reverse=True):
        at_least += probability
        if at_least >= confidence - _SAME:
            return quantity
    return 0
