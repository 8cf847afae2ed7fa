"""What may be picked together: the orders of one wave, zone by zone, and of these those that are due in the same section of the time."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from bintally.layouts import OrderBook
from warehouse.batching.problem import BatchProblem, batch_problem


@dataclass(frozen=True)
class Section:
    """The orders of a wave that are due after one time and not after another.

    Attributes:
        wave: its number, in the sequence of the book.
        after_s, until_s: in seconds after midnight; orders without a due time are due at infinity.
    """

    wave: int
    after_s: float = -math.inf
    until_s: float = math.inf


@dataclass(frozen=True)
class Part:
    """What is picked of an order in one zone; orders stay whole within it.

    Attributes:
        order: its index in the book.
        lines: items wanted of each article.
    """

    order: int
    lines: Mapping[str, int]


class Groups:
    """A book's orders, by wave and zone.

    Attributes:
        waves: their names, in the sequence in which they first appear.
        zones: the names of the zones; one without a name where everything is one zone.
        due_s: of each order, infinity if it does not matter.
    """

    def __init__(self, book: OrderBook) -> None:
        self._book = book
        self.waves = tuple(dict.fromkeys(order.wave for order in book.orders))
        self.zones = tuple(zone.name for zone in book.zones) or (None,)
        self.due_s = tuple(math.inf if order.due_s is None else order.due_s for order in book.orders)
        number = {wave: index for index, wave in enumerate(self.waves)}
        self._parts: dict[tuple[int, int], list[Part]] = {}
        for index, order in enumerate(book.orders):
            for zone, lines in book.parts(order).items():
                self._parts.setdefault((number[order.wave], zone), []).append(Part(index, lines))

    def due_times(self, wave: int) -> list[float]:
        """Of a wave's orders."""
        return [due for due, order in zip(self.due_s, self._book.orders, strict=True) if order.wave == self.waves[wave]]

    def parts(self, section: Section, zone: int) -> list[Part]:
        """In the sequence of the book."""
        parts = self._parts.get((section.wave, zone), [])
        return [part for part in parts if section.after_s < self.due_s[part.order] <= section.until_s]

    def part(self, order: int, zone: int) -> Part | None:
        """None if nothing of an order is picked there."""
        lines = self._book.parts(self._book.orders[order]).get(zone)
        return Part(order, lines) if lines else None

    def problem(self, parts: Sequence[Part], carts: int | None) -> BatchProblem:
        """The batching problem of parts, at least one.

        Args:
            parts: of different orders, in one zone.
            carts: the most batches, None for any number.

        Raises:
            InputError: as for `batch_problem`.
        """
        book = self._book
        orders = [(book.orders[part.order].name, part.lines) for part in parts]
        return batch_problem(book.ladder, book.shelves, orders, book.loads, list(book.limits.values()), carts)
