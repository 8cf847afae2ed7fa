"""Pick lists: what is to be fetched, and where it lies."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from bintally.errors import InputError
from bintally.layouts.cart import Cart
from bintally.layouts.ladder import Ladder


@dataclass(frozen=True)
class Shelf:
    """A place where an article lies.

    Attributes:
        article: its name.
        column, block: the sub-aisle.
        y_m: in the ladder's coordinates, within the block (its ends included).
        quantity: items that lie there, None for enough.
    """

    article: str
    column: int
    block: int
    y_m: float
    quantity: int | None = None


@dataclass(frozen=True)
class PickList:
    """The n places that one tour must reach, in one ladder: no two are the same, sorted by column and y.

    Attributes:
        columns: int64[n].
        blocks: int64[n].
        y_m: float64[n].
        quantities: int64[n], items, at least 1.
        names: n texts, the articles that are picked there.
    """

    columns: npt.NDArray[np.int64]
    blocks: npt.NDArray[np.int64]
    y_m: npt.NDArray[np.float64]
    quantities: npt.NDArray[np.int64]
    names: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.names)

    @classmethod
    def of(cls, ladder: Ladder, picks: Iterable[tuple[Shelf, int]]) -> PickList:
        """Merge picks at the same place. One at an intersection belongs to the block before it, whichever block its shelf names.

        Args:
            ladder: where they lie.
            picks: where, and how many items.

        Raises:
            InputError: a pick lies outside the ladder, or its quantity is not at least 1.
        """
        merged: dict[tuple[int, float], tuple[Shelf, int, list[str]]] = {}
        for shelf, quantity in picks:
            check_shelf(ladder, shelf)
            if quantity < 1:
                raise InputError(f"{shelf.article}: {quantity} items cannot be picked; at least 1")
            first, total, names = merged.get((shelf.column, shelf.y_m), (shelf, 0, []))
            merged[shelf.column, shelf.y_m] = (first, total + quantity, names if shelf.article in names else [*names, shelf.article])
        places = [merged[key] for key in sorted(merged)]
        return cls(
            np.array([shelf.column for shelf, _, _ in places], np.int64),
            np.array([_first_block(ladder, shelf.y_m) for shelf, _, _ in places], np.int64),
            np.array([shelf.y_m for shelf, _, _ in places], np.float64),
            np.array([quantity for _, quantity, _ in places], np.int64),
            tuple(", ".join(names) for _, _, names in places),
        )


@dataclass(frozen=True)
class Request:
    """What a file asks for.

    Attributes:
        file: its name, for messages.
        ladder: the warehouse.
        lines: items wanted of each article.
        shelves: all places of these articles.
        cart: if the file names one.
    """

    file: str
    ladder: Ladder
    lines: Mapping[str, int]
    shelves: tuple[Shelf, ...]
    cart: Cart | None = None

    @property
    def scattered(self) -> bool:
        """Some article lies in several places, so that they must be chosen."""
        return len({shelf.article for shelf in self.shelves}) < len(self.shelves)

    def picks(self) -> PickList:
        """The places to reach, where each article lies in one.

        Raises:
            InputError: an article lies nowhere, in several places, or in too small a quantity.
        """
        shelves = {shelf.article: shelf for shelf in self.shelves}
        if self.scattered:
            raise InputError(f"{self.file}: articles lie in several places; these must be chosen first")
        for article, quantity in self.lines.items():
            shelf = shelves.get(article)
            if shelf is None:
                raise InputError(f"{self.file}: {article} lies nowhere")
            if shelf.quantity is not None and shelf.quantity < quantity:
                raise InputError(f"{self.file}: {quantity} of {article} are wanted, {shelf.quantity} lie there")
        return PickList.of(self.ladder, [(shelves[article], quantity) for article, quantity in self.lines.items()])


def _first_block(ladder: Ladder, y_m: float) -> int:
    return next(block for block in range(ladder.blocks) if y_m <= ladder.y_m[block + 1])


def check_shelf(ladder: Ladder, shelf: Shelf) -> None:
    """Raises:
    InputError: the shelf lies outside the ladder.
    """
    if not (0 <= shelf.column < ladder.columns and ladder.aisles[shelf.column]):
        raise InputError(f"{shelf.article}: column {shelf.column} is no aisle; there are {sum(ladder.aisles)} aisles")
    if not 0 <= shelf.block < ladder.blocks:
        raise InputError(f"{shelf.article}: block {shelf.block} is none of the {ladder.blocks}, counted from 0")
    low, high = ladder.y_m[shelf.block], ladder.y_m[shelf.block + 1]
    if not low <= shelf.y_m <= high:
        raise InputError(f"{shelf.article}: position {shelf.y_m:g} m is outside its block, {low:g} to {high:g} m")
