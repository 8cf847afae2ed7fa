"""Which orders can be served, and what the others lack (pure).

Orders are looked at in the sequence in which they were given: what one of them needs is set aside, and no later order can take it away. An order is
served whole or not at all, and one that cannot be served takes nothing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from bintally.errors import InputError
from bintally.layouts import Order
from warehouse.walks.stock import Bin

Reason = Literal["unknown article", "no place", "short", "uncertain", "too large"]


@dataclass(frozen=True)
class Lack:
    """What keeps an order from being served.

    Attributes:
        reason: ``unknown article``: no bin of the site holds it. ``no place``: bins hold it, but nobody knows where they are. ``short``: too few
            are left. ``uncertain``: enough are probably there, but it is not sure enough. ``too large``: no cart takes the whole order.
        article: whose; None for the whole order.
        wanted: items.
        missing: items that cannot be promised, or that a cart does not take.
        bins: ``no place``: those without; ``uncertain``: those that should be looked at.
    """

    reason: Reason
    article: str | None
    wanted: int
    missing: int
    bins: tuple[str, ...] = ()


@dataclass(frozen=True)
class Refused:
    """An order that is in no list, and why."""

    order: str
    lacks: tuple[Lack, ...]


def admit(orders: Iterable[Order], bins: Sequence[Bin], capacity: int) -> tuple[list[Order], list[Refused]]:
    """Part the orders into those that can be served, all of them together, and the others.

    Args:
        orders: the first ones are served first.
        bins: of all articles that are wanted.
        capacity: items that a cart takes.

    Raises:
        InputError: an order comes twice, wants nothing, or less than one item.
    """
    store, served, refused = _Store(bins), list[Order](), list[Refused]()
    names = set[str]()
    for order in orders:
        _check(order, names)
        lacks = [lack for article, wanted in order.lines.items() if (lack := store.lack(article, wanted))]
        if (items := sum(order.lines.values())) > capacity:
            lacks.append(Lack("too large", None, items, items - capacity))
        if lacks:
            refused.append(Refused(order.name, tuple(lacks)))
        else:
            store.set_aside(order.lines)
            served.append(order)
    return served, refused


class _Store:
    """What is left of each article."""

    def __init__(self, bins: Iterable[Bin]) -> None:
        self._bins: dict[str, list[Bin]] = {}
        for one in bins:
            self._bins.setdefault(one.article, []).append(one)
        self._taken = Counter[str]()

    def set_aside(self, lines: Mapping[str, int]) -> None:
        self._taken.update(lines)

    def lack(self, article: str, wanted: int) -> Lack | None:
        """What is missing of an article; None if nothing is."""
        bins, needed = self._bins.get(article, []), wanted + self._taken[article]
        placed, lost = [one for one in bins if one.shelf], [one for one in bins if not one.shelf]
        sure = sum(one.sure for one in placed)
        if sure >= needed:
            return None
        missing = min(needed - sure, wanted)
        if not bins:
            return Lack("unknown article", article, wanted, missing)
        if sum(one.likely for one in placed) >= needed:
            return Lack("uncertain", article, wanted, missing, tuple(one.name for one in placed if one.likely > one.sure))
        if not placed or sure + sum(one.sure for one in lost) >= needed:
            return Lack("no place", article, wanted, missing, tuple(one.name for one in lost))
        return Lack("short", article, wanted, missing)


def _check(order: Order, names: set[str]) -> None:
    if order.name in names:
        raise InputError(f"order {order.name!r} comes twice; each needs a name of its own")
    names.add(order.name)
    if not order.lines:
        raise InputError(f"order {order.name!r} wants nothing; leave it out")
    for article, quantity in order.lines.items():
        if quantity < 1:
            raise InputError(f"order {order.name!r}: {quantity} of {article!r} are wanted; at least 1")
