"""From a book of orders to pick lists: the groups, each batched by itself, and their turns where orders have due times.

With due times there are two steps. Which cuts are needed is found with drafts, batches of a fast method. Then the sections that the chosen
cuts make are searched. Searched batches are shorter together, but a single one may take longer than any of the draft's; where something
would come too late by that, the draft of that section stands.
"""

from __future__ import annotations

import math
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from bintally.errors import InputError
from bintally.layouts import OrderBook
from bintally.layouts.clock import clock
from warehouse.batching.budget import Budget
from warehouse.pick.batch.batcher import SEARCHES, Asked, Batcher
from warehouse.pick.batch.cuts import Cut, Score, best_cuts, possible_cuts, sections
from warehouse.pick.batch.groups import Section
from warehouse.pick.batch.schedule import ON_TIME_S, Batch, Turn, lateness_s, turns

CHOOSING = 0.5
"""The most of the seconds that the choice of cuts takes, the first draft not counted."""

Found = Mapping[Section, Sequence[Batch]]


@dataclass(frozen=True)
class Plan:
    """Pick lists for all orders of a book.

    Attributes:
        book, method: from what, and how.
        with_cart: times are those of the cart's best schedules; otherwise of walking the shortest tours, and picking.
        batches: by wave, due time and zone.
        turns: of each batch; None where no order has a due time.
        late_s: of the orders that come too late, by how much.
        lower_bound_m: no batches of these waves and zones are shorter together.
        seconds: that it took.
    """

    book: OrderBook
    method: str
    with_cart: bool
    batches: tuple[Batch, ...]
    turns: tuple[Turn, ...] | None
    late_s: Mapping[int, float]
    lower_bound_m: float
    seconds: float

    @property
    def total_length_m(self) -> float:
        """Of all batches."""
        return sum(batch.length_m for batch in self.batches)

    @property
    def total_time_s(self) -> float:
        """Of all batches."""
        return sum(batch.time_s for batch in self.batches)


def plan(book: OrderBook, asked: Asked) -> Plan:
    """Batch the orders of a book.

    Raises:
        InputError: an order cannot be there when it is due, whatever the batches; or as for `Batcher` and `solve`.
        UsageError: as for `Batcher` and `solve`.
    """
    began = time.monotonic()
    planner = _Planner(book, asked)
    found = [batch for batches in planner.found().values() for batch in batches]
    turned = planner.turns(found)
    bound_m = sum(planner.batcher.bound_m(section) for section in planner.sections(()))
    return Plan(
        book,
        asked.method,
        asked.cart is not None,
        tuple(found),
        tuple(turned) if planner.has_due else None,
        planner.late_s(found),
        bound_m,
        time.monotonic() - began,
    )


class _Planner:
    """The steps, for one book."""

    def __init__(self, book: OrderBook, asked: Asked) -> None:
        self._book, self._asked = book, asked
        self.batcher = Batcher(book, asked)
        self._due_s = self.batcher.groups.due_s
        self.has_due = min(self._due_s) < math.inf

    def found(self) -> Found:
        """The batches of each section."""
        search = self._asked.method in SEARCHES
        if not self.has_due:
            uncut = self.sections(())
            return self._searched(uncut, {}, self._asked.seconds) if search else self._drafted(uncut)
        self._refuse_impossible()
        budget = Budget((self._asked.seconds or math.inf) * CHOOSING)
        cuts = best_cuts(self._possible(), self._score, lambda: budget.left_s() != 0.0)
        drafted = self._drafted(self.sections(cuts))
        if not search:
            return drafted
        left_s = None if self._asked.seconds is None else max(self._asked.seconds - budget.elapsed_s(), self._asked.seconds * CHOOSING)
        return self._punctual(drafted, self._searched(list(drafted), drafted, left_s))

    def sections(self, cuts: Sequence[Cut]) -> list[Section]:
        """What cuts make of the book's waves."""
        return sections(len(self.batcher.groups.waves), cuts)

    def turns(self, batches: Sequence[Batch]) -> list[Turn]:
        """Of the book's pickers."""
        return turns(batches, self._book.pickers, self._book.begin_s)

    def late_s(self, batches: Sequence[Batch]) -> dict[int, float]:
        """Of the orders that come too late."""
        return lateness_s(batches, self.turns(batches), self._due_s)

    def _possible(self) -> list[Cut]:
        groups = self.batcher.groups
        return possible_cuts([groups.due_times(wave) for wave in range(len(groups.waves))])

    def _drafted(self, sections: Sequence[Section]) -> Found:
        return {section: self.batcher.draft(section) or () for section in sections}

    def _refuse_impossible(self) -> None:
        """Raises:
        InputError: an order cannot be there when it is due, even if nothing else is picked.
        """
        late = sorted(self.late_s(_flat(self._drafted(self.sections(())))))
        for order, time_s in self.batcher.alone_s(late, self._book.pickers).items():
            there_s = self._book.begin_s + time_s
            if there_s > self._due_s[order] + ON_TIME_S:
                raise InputError(
                    f"orders[{order}]: order {self._book.orders[order].name!r} is due at {clock(self._due_s[order])}, but picked alone, from "
                    f"{clock(self._book.begin_s)} on, it is there at {clock(math.ceil(there_s))} at the earliest; begin earlier, or set a later time"
                )

    def _score(self, cuts: Sequence[Cut]) -> Score:
        """Of drafts."""
        drafts = {section: self.batcher.draft(section) for section in self.sections(cuts)}
        if any(draft is None for draft in drafts.values()):
            return math.inf, math.inf
        batches = _flat(drafts)
        used = Counter((batch.wave, batch.zone) for batch in batches)
        if self.batcher.carts is not None and max(used.values()) > self.batcher.carts:
            return math.inf, math.inf
        return self._rated(batches)

    def _rated(self, batches: Sequence[Batch]) -> Score:
        return sum(self.late_s(batches).values()), self.batcher.cost(batches)

    def _searched(self, sections: Sequence[Section], drafted: Found, seconds: float | None) -> Found:
        """Batches of the method that is asked for; the seconds are shared by size."""
        sizes = {section: self.batcher.size(section) for section in sections}
        share_s = {section: None if seconds is None else seconds * size / sum(sizes.values()) for section, size in sizes.items()}
        return {section: self.batcher.search(section, self._carts(section, drafted), share_s[section]) for section in sections}

    def _carts(self, section: Section, drafted: Found) -> dict[str | None, int | None]:
        """How many each zone of a section may use: those of its draft; a wave's last section also those that are left."""
        zones = self.batcher.groups.zones
        if self.batcher.carts is None:
            return dict.fromkeys(zones)
        of_wave = [other for other in drafted if other.wave == section.wave]
        own = section.until_s < math.inf
        others = Counter(batch.zone for other in of_wave if other != section for batch in drafted[other])
        mine = Counter(batch.zone for batch in drafted.get(section, ()))
        return {zone: mine[zone] if own else self.batcher.carts - others[zone] for zone in zones}

    def _punctual(self, drafted: Found, searched: Found) -> Found:
        """The searched batches; but the draft of a section where less is late with it."""
        found = searched
        for section in drafted:
            with_draft = {**found, section: drafted[section]}
            if self._rated(_flat(with_draft))[0] < self._rated(_flat(found))[0]:
                found = with_draft
        return min(found, drafted, key=lambda batches: self._rated(_flat(batches)))


def _flat(found: Mapping[Section, Sequence[Batch] | None]) -> list[Batch]:
    return [batch for batches in found.values() for batch in batches or ()]
