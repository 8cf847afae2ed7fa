"""``bintally pick day``: from an order book to days, and what is told of them."""

from __future__ import annotations

import dataclasses
import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from bintally.errors import UsageError
from bintally.layouts import OrderBook
from bintally.layouts.files import read_book, read_places
from bintally.layouts.generate import random_book
from warehouse.arrivals.demand import Demand, demand_of, spread_over
from warehouse.arrivals.figures import Figures, figures_of
from warehouse.arrivals.lists import Sizes
from warehouse.arrivals.rules import Settings, rule_of
from warehouse.arrivals.simulate import Day, simulate
from warehouse.arrivals.words import heading, overload, table

BEGIN_S = 8 * 3600.0
"""Drawn days begin at eight."""


@dataclass(frozen=True)
class Drawn:
    """Demand that is drawn.

    Attributes:
        layout: a layout file.
        orders: how many come,
        hours: within this time; more come before noon and towards the evening.
        capacity: items that a cart takes.
        lead_s: see `spread_over`,
        departures_s: as well.
        seed: of the orders and the times.
    """

    layout: Path
    orders: int
    hours: float
    capacity: int
    lead_s: float
    departures_s: float | None
    seed: int


@dataclass(frozen=True)
class Told:
    """How the days are told: a JSON object a rule or a table, and a picture if a file is named."""

    as_json: bool
    plot: Path | None


def day(source: Path | Drawn, pickers: int | None, rules: Sequence[str], settings: Settings, told: Told) -> int:
    """Let the same orders come under each rule, and tell what it was worth.

    Args:
        source: a book of orders, or how to draw one.
        pickers: how many; None for the book's own number.
        rules: their names.
        settings: of the rules.
        told: how.

    Returns:
        The exit code.
    """
    book = read_book(source) if isinstance(source, Path) else _drawn(source)
    demand, pickers = demand_of(book), book.pickers if pickers is None else pickers
    if pickers < 1:
        raise UsageError(f"{pickers} pickers: at least 1")
    sizes = Sizes(demand)
    days = [simulate(demand, pickers, rule_of(name, sizes, settings)) for name in dict.fromkeys(rules)]
    figures = [figures_of(demand, pickers, one) for one in days]
    if told.as_json:
        for one, figure in zip(days, figures, strict=True):
            print(json.dumps(as_json(demand, pickers, one, figure)), flush=True)
    else:
        print(heading(demand, pickers))
        print(table(demand, figures))
    for text in filter(None, (overload(demand, pickers, one) for one in figures)):
        print(text, file=sys.stderr if told.as_json else sys.stdout)
    if told.plot:
        from warehouse.arrivals.picture import draw_day

        draw_day(told.plot, demand, days, heading(demand, pickers))
    return 0


def as_json(demand: Demand, pickers: int, day: Day, figures: Figures) -> dict[str, Any]:
    """A day for programs; docs/arrivals.md describes the keys."""
    names = demand.problem.names
    lists = [dataclasses.asdict(tour) | {"orders": [names[order] for order in tour.orders]} for tour in day.tours]
    return {"file": demand.file, "orders": len(demand), "pickers": pickers} | dataclasses.asdict(figures) | {"tours": lists}


def _drawn(drawn: Drawn) -> OrderBook:
    if drawn.orders < 1:
        raise UsageError(f"{drawn.orders} orders: at least 1")
    ladder, _ = read_places(drawn.layout)
    rng = np.random.default_rng(drawn.seed)
    book = dataclasses.replace(random_book(rng, ladder, drawn.orders, limit=drawn.capacity), file=str(drawn.layout))
    return spread_over(book, rng, begin_s=BEGIN_S, hours=drawn.hours, lead_s=drawn.lead_s, departures_s=drawn.departures_s)
