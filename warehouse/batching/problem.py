"""The order batching problem: orders that stay whole, carts that hold so much, and a warehouse to walk in."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from bintally.errors import InputError
from bintally.layouts import Ladder, Shelf
from bintally.layouts.picks import check_shelf

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]

SLACK = 1e-9
"""Sums of loads may exceed a limit by this share of it, because sums of decimal fractions are not exact."""


@dataclass(frozen=True)
class BatchProblem:
    """n orders of P distinct places in one ladder, to be put into batches; a batch is picked in one tour.

    Attributes:
        ladder: the warehouse.
        columns, blocks, y_m: int64[P], int64[P], float64[P], places sorted by column and y, as a `PickList` is.
        first: int64[n + 1]; the places of order i are those from ``first[i]`` up to ``first[i + 1]``.
        places: int64, numbers of places, within an order increasing and distinct.
        quantities: int64, the items of each of these; only a cart's time depends on them.
        loads: float64[n, d], what each order takes up of each limit.
        limits: float64[d], of a batch: items, weight, volume, ….
        carts: the most batches, None for any number.
        names: n texts.
    """

    ladder: Ladder
    columns: Ints
    blocks: Ints
    y_m: Floats
    first: Ints
    places: Ints
    quantities: Ints
    loads: Floats
    limits: Floats
    carts: int | None
    names: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.names)

    def fits(self, batch: Sequence[int]) -> bool:
        """Whether a batch keeps to all limits."""
        return bool((self.loads[list(batch)].sum(axis=0) <= self.limits * (1 + SLACK)).all())

    def some(self, orders: int) -> BatchProblem:
        """The first so many orders, and as many batches as they like."""
        end = self.first[: orders + 1][-1]
        return replace(
            self,
            first=self.first[: orders + 1],
            places=self.places[:end],
            quantities=self.quantities[:end],
            loads=self.loads[:orders],
            carts=None,
            names=self.names[:orders],
        )

    def places_of(self, batch: Sequence[int]) -> Ints:
        """The distinct places of a batch, increasing."""
        return np.unique(np.concatenate([self.places[self.first[order] : self.first[order + 1]] for order in batch]))


def batch_problem(
    ladder: Ladder,
    shelves: Iterable[Shelf],
    orders: Iterable[tuple[str, Mapping[str, int]]],
    loads: Mapping[str, Sequence[float]],
    limits: Sequence[float],
    carts: int | None = None,
) -> BatchProblem:
    """Number places and orders.

    Args:
        ladder: the warehouse.
        shelves: where the articles lie, one place for each; others may be among them.
        orders: name, and items of each article.
        loads: of one item of each article, d numbers: 1 for an item, its weight, its volume, ….
        limits: d numbers, what a cart takes of each.
        carts: the most batches, None for any number.

    Raises:
        InputError: no orders, an order twice, without lines, or too large for any cart; an unknown article, one that lies in several
            places, an amount that is no amount; a cart for nothing, or more orders than the carts can take.
    """
    orders = tuple(orders)
    names = tuple(name for name, _ in orders)
    _check_carts(names, limits, carts)
    wanted = {article for _, lines in orders for article in lines}
    shelf_of = _shelf_of(ladder, shelves, wanted)
    keys = sorted({(shelf.column, shelf.y_m) for shelf in shelf_of.values()})
    number = {key: place for place, key in enumerate(keys)}
    blocks = {(shelf.column, shelf.y_m): shelf.block for shelf in shelf_of.values()}
    of_orders = [_places(name, lines, shelf_of, number) for name, lines in orders]
    loaded = np.array([_load(name, lines, loads, limits) for name, lines in orders], np.float64)
    _check_sum(loaded, limits, carts)
    return BatchProblem(
        ladder,
        np.array([column for column, _ in keys], np.int64),
        np.array([blocks[key] for key in keys], np.int64),
        np.array([y_m for _, y_m in keys], np.float64),
        np.concatenate([[0], np.cumsum([len(of) for of in of_orders])]).astype(np.int64),
        np.concatenate([list(of) for of in of_orders]).astype(np.int64),
        np.concatenate([list(of.values()) for of in of_orders]).astype(np.int64),
        loaded,
        np.array(limits, np.float64),
        carts,
        names,
    )


def _check_carts(names: Sequence[str], limits: Sequence[float], carts: int | None) -> None:
    if not names:
        raise InputError("there are no orders to batch")
    seen: set[str] = set()
    for name in names:
        if name in seen:
            raise InputError(f"order {name} comes twice; each needs a name of its own")
        seen.add(name)
    if not len(limits) or not all(0 < limit < math.inf for limit in limits):
        raise InputError(f"a cart takes {list(limits)}: give at least one limit, each above 0 and finite")
    if carts is not None and carts < 1:
        raise InputError(f"{carts} carts: at least 1")


def _shelf_of(ladder: Ladder, shelves: Iterable[Shelf], wanted: set[str]) -> dict[str, Shelf]:
    found: dict[str, Shelf] = {}
    for shelf in shelves:
        if shelf.article not in wanted:
            continue
        check_shelf(ladder, shelf)
        other = found.setdefault(shelf.article, shelf)
        if (other.column, other.y_m) != (shelf.column, shelf.y_m):
            raise InputError(f"{shelf.article} lies in several places; batching needs one for each article, so choose one first")
    return found


def _places(name: str, lines: Mapping[str, int], shelf_of: Mapping[str, Shelf], number: Mapping[tuple[int, float], int]) -> dict[int, int]:
    """Items at each place, by increasing place."""
    if not lines:
        raise InputError(f"order {name} wants nothing; leave it out")
    for article, quantity in lines.items():
        if article not in shelf_of:
            raise InputError(f"order {name}: article {article} lies nowhere")
        if quantity < 1:
            raise InputError(f"order {name}: {quantity} of {article} are wanted; at least 1")
    found: dict[int, int] = {}
    for article, quantity in lines.items():
        place = number[shelf_of[article].column, shelf_of[article].y_m]
        found[place] = found.get(place, 0) + quantity
    return dict(sorted(found.items()))


def _load(name: str, lines: Mapping[str, int], loads: Mapping[str, Sequence[float]], limits: Sequence[float]) -> list[float]:
    total = [0.0] * len(limits)
    for article, quantity in lines.items():
        one = loads.get(article)
        # written so that NaN fails, too
        if one is None or len(one) != len(limits) or not all(0 <= value < math.inf for value in one):
            raise InputError(f"order {name}: one {article} loads a cart by {one}; give {len(limits)} numbers, none negative")
        total = [sum_ + quantity * value for sum_, value in zip(total, one, strict=True)]
    for index, (value, limit) in enumerate(zip(total, limits, strict=True)):
        if value > limit * (1 + SLACK):
            raise InputError(f"order {name} takes up {value:g}, but no cart takes more than {limit:g} (limit {index + 1}); split the order")
    return total


def _check_sum(loads: Floats, limits: Sequence[float], carts: int | None) -> None:
    for index, (total, limit) in enumerate(zip(loads.sum(axis=0).tolist(), limits, strict=True)):
        if carts is not None and total > carts * limit * (1 + SLACK):
            raise InputError(
                f"the orders take up {total:g}, more than {carts} carts of {limit:g} can take (limit {index + 1}): "
                "give more carts, or orders for another wave"
            )
