"""Pick lists and recount tours as programs read them: what the API answers, and the command line with ``--json``.

Nothing here needs the planners, so the API's document is the same whether they are installed or not.
"""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, Field

_PICTURE = Field(None, description="SVG; null: none was asked for")


class Spot(BaseModel):
    """Where a bin is; docs/layouts.md says how aisles, blocks and positions are counted."""

    bin: str = Field(examples=["A-17"])
    zone: str = Field(examples=["chilled"])
    aisle: int = Field(examples=[3])
    block: int = Field(examples=[0])
    position_m: float = Field(description="from the block's first position", examples=[12.5])


class PickStop(Spot):
    """Something to take out of a bin."""

    article: str = Field(examples=["4006381333931"])
    quantity: int = Field(examples=[2])
    order: str = Field(examples=["A-1001"])


class Loop(BaseModel):
    """A walk from the parked cart and back to it."""

    name: str = Field(examples=["A1"])
    bins: list[str] = Field(description="in their order", examples=[["A-17", "A-3"]])
    items: int = Field(description="carried at the end", examples=[4])
    seconds: float


class Step(BaseModel):
    """What is done with the cart: it is pushed to an intersection, or parked at one."""

    do: Literal["push", "park"]
    x_m: float = Field(description="of the intersection, from aisle 0")
    cross_aisle: int = Field(description="of the intersection, counted from the front")
    bins: list[str] = Field([], description="from which items are laid into the cart while it is pushed")
    loops: list[Loop] = Field([], description="walked from there, while it is parked")
    seconds: float


class PickList(BaseModel):
    """Orders that are picked together, in one walk."""

    orders: list[str] = Field(examples=[["A-1001", "A-1003"]])
    length_m: float = Field(description="of the whole walk", examples=[142.0])
    seconds: float = Field(description="of walking, parking and picking", examples=[151.4])
    proven_optimal: bool = Field(description="no walk through these bins is shorter, or with a cart faster")
    stops: list[PickStop] = Field(description="in the sequence of the walk")
    schedule: list[Step] | None = Field(None, description="with a cart: what is done with it")
    picture: str | None = _PICTURE


class Lack(BaseModel):
    """What keeps an order from being served."""

    reason: Literal["unknown article", "no place", "short", "uncertain", "too large"] = Field(
        description="unknown article: no bin holds it. no place: nobody knows where its bins are. short: too few are left. "
        "uncertain: enough are probably there, but that is not sure enough. too large: no cart takes the whole order"
    )
    article: str | None = Field(description="null: the whole order", examples=["4006381333931"])
    wanted: int = Field(examples=[5])
    missing: int = Field(description="items that cannot be promised, or that a cart does not take", examples=[2])
    bins: list[str] = Field(description="no place: those without; uncertain: those that somebody should look into", examples=[["A-17"]])


class NotServed(BaseModel):
    """An order that is in no list, and why."""

    order: str = Field(examples=["A-1002"])
    lacks: list[Lack]


class PickLists(BaseModel):
    """Every order is either wholly in the lists, or not served."""

    site: str = Field(examples=["berlin"])
    lists: list[PickList]
    not_served: list[NotServed]
    length_m: float = Field(description="of all lists")
    seconds: float = Field(description="of all lists")


class RecountStop(Spot):
    """A bin to look into."""

    number: int = Field(description="of the discrepancy", examples=[12])
    kind: str = Field(description="mismatch: an alarm; unsure: a task", examples=["mismatch"])
    article: str | None = Field(examples=["4006381333931"])
    expected: int | None = Field(examples=[5])
    likely: int | None = Field(description="the most probable quantity", examples=[4])
    p_wrong: float = Field(examples=[0.93])
    cost: float = Field(description="expected cost of the error", examples=[2.4])


class LeftOut(BaseModel):
    """A discrepancy that the tour does not reach."""

    number: int = Field(examples=[13])
    bin: str = Field(examples=["B-2"])
    cost: float = Field(examples=[0.4])
    reason: Literal["no place", "no time"] = Field(
        description="no place: nobody knows where the bin is; no time: it does not fit into the time"
    )


class Recounts(BaseModel):
    """A walk to the costliest discrepancies that ends in time."""

    site: str = Field(examples=["berlin"])
    assigned_to: str | None = Field(None, description="who was sent; null: nobody yet", examples=["ann"])
    length_m: float = Field(examples=[142.0])
    seconds: float = Field(description="of walking and looking", examples=[401.4])
    proven_optimal: bool = Field(description="no walk to these bins is shorter")
    cost: float = Field(description="of the discrepancies that are looked into", examples=[96.5])
    stops: list[RecountStop] = Field(description="in the sequence of the walk")
    left_out: list[LeftOut] = Field(description="the costliest first")
    picture: str | None = _PICTURE
