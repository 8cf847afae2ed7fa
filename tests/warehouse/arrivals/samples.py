"""Small days, and a slow plain first come, first served."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence

import numpy as np

from bintally.layouts import Cart, Order, OrderBook, PickList, Shelf
from bintally.layouts.generate import random_book, regular_ladder
from warehouse.arrivals.demand import Demand, demand_of, spread_over
from warehouse.arrivals.lists import OpenList
from warehouse.routing.exact import optimal_length_m

LADDER = regular_ladder(5, 3, block_m=12.0, depot=1)
Picked = tuple[int, tuple[int, ...], float, float]


def random_day(seed: int, orders: int, *, hours: float = 1.0, lead_s: float = 1800.0, groups: int = 1, limit: int = 12) -> Demand:
    """Orders of 1 to 3 lines in a ladder of 5 aisles, in several waves or one."""
    rng = np.random.default_rng(seed)
    book = random_book(rng, LADDER, orders, articles=60, most_lines=3, limit=limit)
    book = dataclasses.replace(book, cart=Cart(walk_m_s=1.2, pick_s=4.0))
    book = spread_over(book, rng, begin_s=28_800, hours=hours, lead_s=lead_s)
    waved = tuple(dataclasses.replace(order, wave=f"wave {number % groups}") for number, order in enumerate(book.orders))
    return demand_of(dataclasses.replace(book, orders=waved))


def book_of(orders: Sequence[Order], limits: Mapping[str, float] | None = None) -> OrderBook:
    """Orders of articles a0 to a4, which lie in the middle of the front block of each aisle, one item each of any load."""
    shelves = tuple(Shelf(f"a{column}", column, 0, 6.0) for column in range(5))
    return OrderBook("book.toml", LADDER, shelves, tuple(orders), limits or {"items": 4.0}, {f"a{column}": (1.0,) for column in range(5)})


def open_list(
    first: int, *, time_s: float = 100.0, share: float = 0.5, fill: float = 0.5, came_s: float = 0.0, begin_by_s: float = 1e9
) -> OpenList:
    """A list of one order."""
    return OpenList((first,), 100.0, time_s, share, fill, came_s, begin_by_s)


def list_m(demand: Demand, orders: Sequence[int]) -> tuple[float, int]:
    """The shortest tour and the places of some orders, by the router for single lists."""
    problem = demand.problem
    places = sorted({int(place) for order in orders for place in problem.places[problem.first[order] : problem.first[order + 1]]})
    ones = np.ones(len(places), np.int64)
    picks = PickList(problem.columns[places], problem.blocks[places], problem.y_m[places], ones, tuple(map(str, places)))
    return optimal_length_m(problem.ladder, picks), len(places)


def slow_first_come(demand: Demand, pickers: int, step_s: float) -> list[Picked]:
    """First come, first served on a clock that ticks: at each tick whoever is back takes what has waited longest, as much as fits.

    Args:
        demand: of one group, all of whose times are multiples of ``step_s``.
        pickers: how many.
        step_s: of the clock; tours are rounded up to it.

    Returns:
        picker, orders, begin and end of each tour.
    """
    back_tick, done, picked = [0] * pickers, 0, list[Picked]()
    tick = 0
    while done < len(demand):
        waiting = [order for order in range(done, len(demand)) if demand.came_s[order] <= demand.begin_s + tick * step_s]
        idle = [picker for picker in range(pickers) if back_tick[picker] <= tick]
        if not waiting or not idle:
            tick += 1
            continue
        taken: list[int] = []
        for order in waiting:
            if not demand.problem.fits([*taken, order]):
                break
            taken.append(order)
        length_m, places = list_m(demand, taken)
        ticks = int(np.ceil((length_m / demand.cart.walk_m_s + places * demand.cart.pick_s) / step_s - 1e-9))
        picker = min(idle, key=lambda one: (back_tick[one], one))
        back_tick[picker] = tick + ticks
        done += len(taken)
        picked.append((picker, tuple(taken), demand.begin_s + tick * step_s, demand.begin_s + back_tick[picker] * step_s))
    return picked
