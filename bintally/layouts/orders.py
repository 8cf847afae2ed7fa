"""Orders that wait to be batched: what customers want, what a cart takes, and until when."""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from bintally.layouts.cart import Cart
from bintally.layouts.ladder import Ladder
from bintally.layouts.picks import Shelf

SLACK = 1e-9
"""Sums of loads may exceed a limit by this share of it, because sums of decimal fractions are not exact."""


@dataclass(frozen=True)
class Order:
    """An order.

    Attributes:
        name: no other order of the book has it.
        lines: items wanted of each article.
        wave: orders of different waves are never picked together; None is a wave, too.
        came_s: when it came, in seconds after midnight of the book's day.
        due_s: when it must be at the depot; None if it does not matter. Tomorrow's times are above 86,400.
    """

    name: str
    lines: Mapping[str, int]
    wave: str | None = None
    came_s: float = 0.0
    due_s: float | None = None


@dataclass(frozen=True)
class Zone:
    """Aisles whose picks are never put into one list with those of other zones.

    Attributes:
        name: for people.
        columns: of the ladder.
    """

    name: str
    columns: tuple[int, ...]


@dataclass(frozen=True)
class OrderBook:
    """A warehouse and the orders for it.

    Attributes:
        file: its name, for messages.
        ladder: the warehouse.
        shelves: where the articles lie; those that nobody wants may be among them.
        orders: in the sequence in which they stand in the file.
        limits: what one cart takes of each measure (``items``, ``weight_kg``, …), at least one.
        loads: what one item of each article takes of each measure, in the same order.
        carts: the most pick lists of each zone and wave, None for any number.
        zones: empty where everything is one zone.
        pickers: how many walk at the same time; due times depend on it.
        begin_s: when they begin, in seconds after midnight.
        cart: the worker and the cart, None if the file names none.
    """

    file: str
    ladder: Ladder
    shelves: tuple[Shelf, ...]
    orders: tuple[Order, ...]
    limits: Mapping[str, float]
    loads: Mapping[str, tuple[float, ...]]
    carts: int | None = None
    zones: tuple[Zone, ...] = ()
    pickers: int = 1
    begin_s: float = 0.0
    cart: Cart | None = None

    def parts(self, order: Order) -> dict[int, dict[str, int]]:
        """An order's lines by the number of the zone in which they are picked; by 0 where everything is one zone."""
        parts: dict[int, dict[str, int]] = {}
        for article, quantity in order.lines.items():
            parts.setdefault(self._zone_of.get(article, 0), {})[article] = quantity
        return parts

    @functools.cached_property
    def _zone_of(self) -> dict[str, int]:
        zone_at = {column: number for number, zone in enumerate(self.zones) for column in zone.columns}
        return {shelf.article: zone_at.get(shelf.column, 0) for shelf in self.shelves} if self.zones else {}

    def too_large(self) -> Iterator[tuple[int, str]]:
        """The orders, by their index, of which no cart can take what is to be picked in one zone; and a text that says so."""
        for number, order in enumerate(self.orders):
            for lines in self.parts(order).values():
                for index, (measure, limit) in enumerate(self.limits.items()):
                    load = sum(quantity * self.loads[article][index] for article, quantity in lines.items())
                    if load > limit * (1 + SLACK):
                        yield number, f"order {order.name!r} takes {load:g} of {measure}, a cart takes {limit:g}"
