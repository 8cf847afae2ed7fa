"""Small warehouses with random stock, orders and tasks."""

from __future__ import annotations

import numpy as np

from bintally.layouts import Ladder, Order, Shelf
from bintally.layouts.generate import regular_ladder
from warehouse.walks.recounts import Task
from warehouse.walks.stock import Bin

LADDER = regular_ladder(4, 3)
ARTICLES = ("bolt", "nut", "drill", "paint")


def shelf(name: str, rng: np.random.Generator, ladder: Ladder = LADDER) -> Shelf:
    """Somewhere in the ladder, on a grid of four metres, so that bins often share a place."""
    column, block = int(rng.integers(ladder.columns)), int(rng.integers(ladder.blocks))
    return Shelf(name, column, block, ladder.y_m[block] + 4.0 * int(rng.integers(1, 4)))


def stock(rng: np.random.Generator, bins: int, most: int = 4) -> list[Bin]:
    """Bins of a few articles; some are empty, some are not sure, some have no place."""
    found = []
    for number in range(bins):
        name, sure = f"B{number}", int(rng.integers(0, most + 1))
        place = shelf(name, rng) if rng.random() < 0.9 else None
        found.append(Bin(name, str(rng.choice(ARTICLES)), None, place, sure, sure + int(rng.integers(0, 2))))
    return found


def orders(rng: np.random.Generator, number: int, most: int = 3) -> list[Order]:
    """Of one or two articles, one of which may lie nowhere."""
    articles = [*ARTICLES, "hinge"]
    weights = [0.24, 0.24, 0.24, 0.24, 0.04]
    found = []
    for name in range(number):
        wanted = rng.choice(articles, int(rng.integers(1, 3)), replace=False, p=weights)
        found.append(Order(f"O{name}", {str(article): int(rng.integers(1, most + 1)) for article in wanted}))
    return found


def tasks(rng: np.random.Generator, number: int) -> list[Task]:
    """With costs that differ widely, and sometimes without a place."""
    return [
        Task(one, f"B{one}", shelf(f"B{one}", rng) if rng.random() < 0.9 else None, float(rng.lognormal(0, 1))) for one in range(number)
    ]
