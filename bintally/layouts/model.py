"""Layout, pick and order files, as pydantic models: what may stand where. docs/layouts.md explains them with an example.

Aisles, blocks, cross aisles and cells are counted from 0: aisles from the left, the others from the front. What one table alone cannot
tell, for instance whether a pick's aisle exists, is checked where the layout is built.
"""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Discriminator, Field, Tag, WithJsonSchema, model_validator

from bintally.layouts.cart import Cart
from bintally.layouts.clock import PATTERN, clock, seconds_of

MOST_AISLES, MOST_CELLS, MOST_ITEMS, MOST_M = 10_000, 1_000_000, 1_000_000, 1e6
"""Beyond these a number is a slip of the pen, and must not cost all memory before it is found."""
MOST_PICKERS = 10_000
"""Likewise."""
SHORTEST_M = 0.001
"""From aisle to aisle and from cell to cell; far above the rounding of coordinates."""
_MAX_SHOWN = 80


def nearest(name: str, known: Sequence[str]) -> str:
    """What to say after an unknown name: the nearest known one, or all of them."""
    near = difflib.get_close_matches(name, known, 1, cutoff=0.5)
    return f"did you mean {near[0]}?" if near else f"known are {', '.join(known)}"


def _told_by(**kinds: type) -> Discriminator:
    """Tell a field's forms apart by the value's type, so that an error speaks of one form only; the first one is meant by odd values."""
    return Discriminator(lambda value: next((form for form, kind in kinds.items() if isinstance(value, kind)), next(iter(kinds))))


FORMS = ("number", "list", "table", "text")
"""Tags of the forms; pydantic puts them between the keys of an error's place."""
Number = Annotated[int, Field(ge=0, le=MOST_CELLS)]
Items = Annotated[int, Field(ge=1, le=MOST_ITEMS)]
Metres = Annotated[float, Field(ge=0, lt=MOST_M)]
Pitch = Annotated[float, Field(ge=SHORTEST_M, lt=MOST_M)]
Name = Annotated[str, Field(min_length=1)]
CrossAisle = Annotated[Annotated[Number, Tag("number")] | Annotated[Literal["front", "back"], Tag("text")], _told_by(number=int, text=str)]
Amount = Annotated[float, Field(ge=0, lt=1e12)]
Clock = Annotated[float, BeforeValidator(seconds_of), WithJsonSchema({"type": "string", "pattern": PATTERN})]
"""Seconds after midnight; written as a text, or as a TOML local time."""
LayoutOrPath = Annotated[Annotated["Layout", Tag("table")] | Annotated[Name, Tag("text")], _told_by(table=dict, text=str)]
LAYOUT_TEXT = "a table, or the path of a layout file, relative to this one"
CROSS_AISLE_TEXT = "counted from 0 at the front; or front, or back"


class _Table(BaseModel):
    """Base of all tables: no unknown keys, no number that is given as a text or as true."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)

    @model_validator(mode="before")
    @classmethod
    def _refuse_unknown(cls, table: Any) -> Any:
        if not isinstance(table, dict) or cls.model_config["extra"] != "forbid":
            return table
        known = cls.model_fields.keys()
        for name in table:
            if name not in known:
                raise ValueError(f"unknown key {name[:_MAX_SHOWN]!r}; {nearest(name, list(known))}")
        return table

    def _exactly_one(self, *names: str) -> None:
        if sum(getattr(self, name) is not None for name in names) != 1:
            raise ValueError(f"give {' or '.join(names)}, one of them")


class Block(_Table):
    """The sub-aisles between two cross aisles, by length or by cells."""

    length_m: Metres | None = Field(None, description="from the first position that can be reached, position 0, to the last one")
    cells: Annotated[int, Field(ge=1, le=MOST_CELLS)] | None = Field(None, description="along one side; cell 0 is at position 0")
    cell_m: Pitch | None = Field(None, description="from the middle of a cell to that of the next")

    @model_validator(mode="after")
    def _one_form(self) -> Block:
        self._exactly_one("length_m", "cells")
        if (self.cells is None) != (self.cell_m is None):
            raise ValueError("cells and cell_m go together")
        return self

    @property
    def reach_m(self) -> float:
        """From the first position to the last."""
        if self.cells is not None and self.cell_m is not None:
            return (self.cells - 1) * self.cell_m
        return self.length_m or 0.0


class Depot(_Table):
    """A depot or a drop-off, reached at a cross aisle: where an aisle meets it, or anywhere along it."""

    aisle: Number | None = None
    x_m: Annotated[float, Field(gt=-MOST_M, lt=MOST_M)] | None = Field(None, description="from the centre line of aisle 0 to the right")
    cross_aisle: CrossAisle = Field(description=CROSS_AISLE_TEXT)
    walk_m: Metres = Field(0.0, description="from the cross aisle's centre line to the depot")

    @model_validator(mode="after")
    def _one_form(self) -> Depot:
        self._exactly_one("aisle", "x_m")
        return self


class OneWay(_Table):
    """An aisle, or a cross aisle, that may be walked in one direction only."""

    aisle: Number | None = None
    cross_aisle: CrossAisle | None = Field(None, description=CROSS_AISLE_TEXT)
    direction: Literal["back", "front", "right", "left"] = Field(description="of an aisle: back or front; of a cross aisle: right or left")

    @model_validator(mode="after")
    def _one_direction(self) -> OneWay:
        self._exactly_one("aisle", "cross_aisle")
        allowed = ("back", "front") if self.aisle is not None else ("right", "left")
        if self.direction not in allowed:
            raise ValueError(f"the direction of {'an aisle' if self.aisle is not None else 'a cross aisle'} is {' or '.join(allowed)}")
        return self


class Layout(_Table):
    """A rope ladder."""

    name: str = ""
    aisles: int = Field(ge=1, le=MOST_AISLES)
    aisle_pitch_m: Annotated[Annotated[Pitch, Tag("number")] | Annotated[list[Pitch], Tag("list")], _told_by(number=float, list=list)] = (
        Field(description="from the centre line of an aisle to that of the next: a number, or a list with one for each gap")
    )
    entry_m: Annotated[
        Annotated[Metres, Tag("number")] | Annotated[list[Metres], Field(min_length=2, max_length=2), Tag("list")],
        _told_by(number=float, list=list),
    ] = Field(
        0.0,
        description="from the edge of a cross aisle to a block's first or last position: a number, or a list of two, at the block's front and back",
    )
    cross_aisle_width_m: Metres = 0.0
    blocks: list[Block] = Field(min_length=1, description="from the front to the back")
    depot: Depot = Field(description="where tours begin")
    drop_offs: list[Depot] = Field([], description="where tours may end; without any, at the depot")
    one_way: list[OneWay] = []
    turn_in_aisles: bool = Field(True, description="whether one may turn round inside a sub-aisle")


class CartTable(_Table):
    """The worker and the cart of docs/picking.md."""

    walk_m_s: float = Field(Cart.walk_m_s, gt=0, description="the worker's speed without the cart")
    push_m_s: float = Field(Cart.push_m_s, gt=0, description="with it; never faster")
    hands: Annotated[
        Annotated[int, Field(ge=1), Tag("number")] | Annotated[Literal["unlimited"], Tag("text")], _told_by(number=int, text=str)
    ] = Field(Cart.hands or "unlimited", description="items that the worker can carry; or unlimited")
    park_s: float = Field(Cart.park_s, ge=0, description="paid each time that the cart is left standing")
    pick_s: float = Field(Cart.pick_s, ge=0, description="paid for each place that is picked from")
    in_aisles: bool = Field(Cart.in_aisles, description="whether it may be pushed through whole sub-aisles")

    def cart(self) -> Cart:
        """Raises:
        InputError: a value is out of its range.
        """
        return Cart(**{**self.model_dump(), "hands": None if self.hands == "unlimited" else self.hands})


class Spot(_Table):
    """A place in a sub-aisle."""

    aisle: Number
    block: Number | None = Field(None, description="may be left out where there is one block only")
    cell: Number | None = Field(None, description="counted from 0 at the block's front; only where the block is given in cells")
    position_m: Metres | None = Field(None, description="from the block's first position")

    @model_validator(mode="after")
    def _one_form(self) -> Spot:
        self._exactly_one("cell", "position_m")
        return self


class Pick(Spot):
    """A place that the tour must reach."""

    quantity: Items = 1
    article: Name | None = Field(None, description="by default the place's own name")


class Stock(Spot):
    """A place where an article lies."""

    article: Name
    quantity: Annotated[int, Field(ge=0, le=MOST_ITEMS)] | None = Field(None, description="items that lie there; by default enough")


class Line(_Table):
    """What is wanted of an article."""

    article: Name
    quantity: Items = 1


class LayoutFile(_Table):
    """A layout in a file of its own."""

    layout: Layout


class PickFile(_Table):
    """A layout and what is to be picked in it: places, or articles that lie in several places."""

    layout: LayoutOrPath = Field(description=LAYOUT_TEXT)
    cart: CartTable | None = None
    picks: list[Pick] | None = None
    order: list[Line] | None = Field(None, description="articles that are to be picked from the stock")
    stock: list[Stock] | None = Field(None, description="where articles lie; those that nobody orders may stand here, too")

    @model_validator(mode="after")
    def _something_to_pick(self) -> PickFile:
        if (self.picks is None) == (self.order is None):
            raise ValueError("give [[picks]] or [[order]] with [[stock]], one of them; picks = [] is an empty list")
        if self.picks is not None and self.stock is not None:
            raise ValueError("[[stock]] goes with [[order]]; [[picks]] say themselves where to go")
        return self


class Article(_Table):
    """What one item of an article takes of a cart, by the names of the cart's capacity: ``weight_kg``, ``volume_l``, …."""

    model_config = ConfigDict(extra="allow")
    __pydantic_extra__: dict[str, Amount]

    name: Name

    @property
    def takes(self) -> dict[str, float]:
        """Of each measure that is named."""
        return self.__pydantic_extra__


class ZoneTable(_Table):
    """Aisles that are picked by themselves."""

    name: Name
    aisles: list[Number] = Field(min_length=1)


class OrderTable(_Table):
    """What a customer wants, and until when."""

    name: Name
    wave: Name | None = Field(None, description="orders of different waves are never picked together")
    came: Clock = Field(0.0, description="when it came in")
    due: Clock | None = Field(None, description="when it must be at the depot")
    lines: list[Line] = Field(min_length=1)

    @model_validator(mode="after")
    def _due_after_it_came(self) -> OrderTable:
        if self.due is not None and self.due < self.came:
            raise ValueError(f"due at {clock(self.due)}, before it came at {clock(self.came)}")
        return self


class OrderFile(_Table):
    """A layout, what lies in it, and the orders that are to be batched."""

    layout: LayoutOrPath = Field(description=LAYOUT_TEXT)
    cart: CartTable | None = None
    capacity: dict[Name, Annotated[float, Field(gt=0, lt=1e12)]] = Field(
        min_length=1, description="what one cart takes: items, and of any other measure that the articles name"
    )
    articles: list[Article] = Field([], description="what one item of each takes; items is 1 by itself")
    stock: list[Stock] = Field(description="where articles lie; those that nobody orders may stand here, too")
    zones: list[ZoneTable] = Field([], description="by default everything is one zone")
    carts: Annotated[int, Field(ge=1)] | None = Field(None, description="the most pick lists of each wave and zone; by default any number")
    pickers: Annotated[int, Field(ge=1, le=MOST_PICKERS)] = Field(1, description="who walk at the same time")
    begin: Clock = Field(0.0, description="when they begin")
    orders: list[OrderTable] = Field(min_length=1)
