"""Orders that wait to be batched: what customers want, what a cart takes, and until when."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from bintally.layouts.cart import Cart
from bintally.layouts.ladder import Ladder
from bintally.layouts.picks import Shelf


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
