"""What a day asks for: orders with the times at which they come and are due, read from a book or drawn."""

from __future__ import annotations

import dataclasses
import itertools
import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from bintally.errors import InputError, UsageError
from bintally.layouts import Cart, Order, OrderBook
from warehouse.batching.problem import BatchProblem, Floats, Ints, batch_problem

PROFILE = (0.5, 0.9, 1.4, 1.0, 0.7, 1.1, 1.5, 0.9)
"""How many orders come in each eighth of a day, relative to the others: a peak before noon, and one before the evening."""


@dataclass(frozen=True)
class Demand:
    """n orders in the sequence in which they come.

    Attributes:
        file: the book's name, for messages.
        problem: the orders, and what a cart takes; for any number of pick lists.
        came_s: float64[n], increasing, in seconds after midnight; nobody knows of an order before.
        due_s: float64[n], when each must be at the depot; infinite if it does not matter.
        groups: int64[n], numbers of waves and zones; orders of different groups are never picked together.
        begin_s: when the pickers begin.
        cart: how fast they walk and pick.
    """

    file: str
    problem: BatchProblem
    came_s: Floats
    due_s: Floats
    groups: Ints
    begin_s: float
    cart: Cart

    def __len__(self) -> int:
        return len(self.problem)


def demand_of(book: OrderBook) -> Demand:
    """The demand of a book. Orders that came before the pickers begin wait for them; an order with articles in several zones is an order in
    each. The book's number of carts limits lists that are made at one time, and does not matter over a day.

    Raises:
        InputError: the book is no batching problem, or a time is impossible.
    """
    for order in book.orders:
        _check_times(book.file, order)
    parts = [part for order in book.orders for part in _parts(book, order)]
    parts.sort(key=lambda part: part[0].came_s)
    orders, keys = [order for order, _ in parts], [(order.wave, zone) for order, zone in parts]
    numbers = {key: number for number, key in enumerate(dict.fromkeys(keys))}
    named = [(order.name, order.lines) for order in orders]
    try:
        problem = batch_problem(book.ladder, book.shelves, named, book.loads, list(book.limits.values()))
    except InputError as error:
        raise InputError(f"{book.file}: {error}") from error
    return Demand(
        book.file,
        problem,
        np.array([max(order.came_s, book.begin_s) for order in orders]),
        np.array([math.inf if order.due_s is None else order.due_s for order in orders]),
        np.array([numbers[key] for key in keys], np.int64),
        book.begin_s,
        book.cart or Cart(),
    )


def _check_times(file: str, order: Order) -> None:
    if not 0 <= order.came_s < math.inf:
        raise InputError(f"{file}: order {order.name} came {order.came_s:g} s after midnight; give a time of that day or later")
    # written so that NaN fails, too
    if order.due_s is not None and not order.came_s < order.due_s < math.inf:
        raise InputError(f"{file}: order {order.name} came at {clock(order.came_s)} and is due {order.due_s:g} s after midnight, not later")


def _parts(book: OrderBook, order: Order) -> list[tuple[Order, int]]:
    """What is picked of an order in each zone, by the zone's number; the order itself where that is everything."""
    parts = book.parts(order)
    if len(parts) == 1:
        return [(order, zone) for zone in parts]
    return [
        (dataclasses.replace(order, name=f"{order.name} ({book.zones[zone].name})", lines=lines), zone) for zone, lines in parts.items()
    ]


def spread_over(
    book: OrderBook, rng: np.random.Generator, *, begin_s: float, hours: float, lead_s: float, departures_s: float | None = None
) -> OrderBook:
    """Let a book's orders come over a day, by a Poisson process whose rate follows PROFILE.

    Given how many orders come, the times of a Poisson process are independent draws with a density in proportion to its rate.

    Args:
        book: the orders.
        rng: draws the times.
        begin_s: of the day, in seconds after midnight.
        hours: that it lasts.
        lead_s: each order is due so long after it came,
        departures_s: or with the first lorry from then on, if lorries leave every so often, from ``begin_s`` on.

    Raises:
        UsageError: a time is not above 0.
    """
    if not (hours > 0 and lead_s > 0 and (departures_s is None or departures_s > 0)):
        raise UsageError(f"a day of {hours:g} hours, orders due after {lead_s:g} s, departures every {departures_s} s: all must be above 0")
    shares = np.cumsum((0.0, *PROFILE)) / sum(PROFILE)
    came_s = begin_s + 3600 * hours * np.interp(np.sort(rng.random(len(book.orders))), shares, np.linspace(0, 1, len(shares)))
    due_s = came_s + lead_s
    if departures_s is not None:
        due_s = begin_s + departures_s * np.ceil((due_s - begin_s) / departures_s)
    times = zip(book.orders, came_s.tolist(), due_s.tolist(), strict=True)
    orders = tuple(dataclasses.replace(order, came_s=came, due_s=due) for order, came, due in times)
    return dataclasses.replace(book, orders=orders, begin_s=begin_s)


def clock(time_s: float) -> str:
    """Such as ``14:05``; above ``24:00`` on the next day."""
    minutes = int(time_s // 60)
    return f"{minutes // 60}:{minutes % 60:02}"


def by_group(demand: Demand, orders: Iterable[int]) -> list[list[int]]:
    """Orders that may be picked together, each group in their sequence."""
    sequence = sorted(orders, key=lambda order: (int(demand.groups[order]), order))
    return [list(group) for _, group in itertools.groupby(sequence, lambda order: int(demand.groups[order]))]
