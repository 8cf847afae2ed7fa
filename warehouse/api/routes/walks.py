"""From counts to walks: pick lists and recount tours. What plans them is loaded when it is first asked for, and may be missing."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus
from typing import Annotated, Literal

from fastapi import APIRouter
from pydantic import Field

from bintally.errors import InputError
from bintally.layouts.model import CartTable
from warehouse.api.deps import Planner, SharedApi
from warehouse.api.models import Given, Person
from warehouse.api.names import Name
from warehouse.api.problems import RefusedError, documented
from warehouse.walks.models import PickLists, Recounts

router = APIRouter(prefix="/v1", tags=["walks"], responses=documented(501))
MOST_ORDERS, MOST_LINES = 500, 5000
MOST_WITH_CART, MOST_ITEMS_WITH_CART = 100, 1000
"""Of one request; more take minutes, whatever the seconds of the search."""
_AT_ONCE = threading.BoundedSemaphore(2)
"""Plans that are made at the same time; each keeps a core busy."""
_WAIT_S = 5.0
Metres = Annotated[float, Field(ge=0.01, le=100)]
Seconds = Annotated[float, Field(ge=0, le=3600)]


class LineGiven(Given):
    """What is wanted of an article."""

    article: Name = Field(examples=["4006381333931"])
    quantity: int = Field(1, ge=1, le=10_000)


class OrderGiven(Given):
    """An order, which stays whole."""

    name: Name = Field(description="no other order of the request has it", examples=["A-1001"])
    lines: list[LineGiven] = Field(min_length=1, max_length=200)


class PickListsGiven(Given):
    """Orders, and how they are picked."""

    site: Name = Field(examples=["berlin"])
    orders: list[OrderGiven] = Field(
        min_length=1, max_length=MOST_ORDERS, description="where there is not enough for all, the first ones are served first"
    )
    capacity: int = Field(ge=1, le=1_000_000, description="items that one list may have", examples=[20])
    method: Literal["random", "first-come", "seed", "savings", "annealing", "alns"] = "alns"
    seconds: float = Field(5.0, gt=0, le=60, description="that annealing and alns search")
    cart: CartTable | None = Field(None, description="with it, lists and walks are planned for a worker who parks a cart")
    walk_m_s: Metres = Field(1.4, description="without a cart")
    pick_s: Seconds = Field(5.0, description="at each place, without a cart")
    confidence: float = Field(0.9, ge=0.5, lt=1, description="what P(quantity ≥ picks) must be at least, for each bin")
    pictures: bool = Field(False, description="draw each list")


class RecountsGiven(Given):
    """How long somebody may be on the way, and who."""

    site: Name = Field(examples=["berlin"])
    minutes: float = Field(30.0, gt=0, le=1440)
    walk_m_s: Metres = 1.4
    look_s: Seconds = Field(15.0, description="to look into a bin and count it")
    assign_to: Person | None = Field(
        None,
        description="who goes: what others were sent to is left to them, and the discrepancies of the tour are theirs from then on; "
        "this needs the scope count:correct, too",
        examples=["ann"],
    )
    pictures: bool = Field(False, description="draw the tour")


@router.post("/pick-lists", summary="Make pick lists that no empty bin is in")
def pick_lists(given: PickListsGiven, api: SharedApi, caller: Planner) -> PickLists:
    """Nothing is set aside in the ledger: what the lists take is known to it when the books say so."""
    caller.site_of(given.site)
    _check_size(given)
    with planning():
        from bintally.layouts import Cart, Order
        from warehouse.walks.from_ledger import plan_lists
        from warehouse.walks.serve import Asked
        from warehouse.walks.told import pick_lists as told

        cart = given.cart.cart() if given.cart else Cart(given.walk_m_s, given.walk_m_s, pick_s=given.pick_s)
        asked = Asked(given.capacity, given.method, given.seconds, with_cart=given.cart is not None, cart=cart)
        orders = [Order(order.name, _lines(order)) for order in given.orders]
        served, ladder = plan_lists(api.ledger, given.site, orders, asked, api.rules, given.confidence)
        return told(given.site, served, ladder, given.pictures)


@router.post("/recount-tours", summary="Plan a walk to the costliest discrepancies", responses=documented(409, 501))
def recount_tour(given: RecountsGiven, api: SharedApi, caller: Planner) -> Recounts:
    """The costliest first, as many as the time allows."""
    caller.site_of(given.site)
    if given.assign_to is not None:
        caller.must("count:correct")
    with planning():
        from warehouse.walks.from_ledger import plan_recounts, send
        from warehouse.walks.recounts import Limits
        from warehouse.walks.told import recount_list

        limits = Limits(60 * given.minutes, given.walk_m_s, given.look_s)
        plan = plan_recounts(api.ledger, given.site, limits, given.assign_to)
        if given.assign_to is not None:
            send(api.ledger, given.site, plan.tour, given.assign_to, caller.name, api.now())
        told = recount_list(given.site, plan.tour, plan.listed, plan.ladder, given.pictures)
        return told.model_copy(update={"assigned_to": given.assign_to})


@contextmanager
def planning() -> Iterator[None]:
    """A turn at planning.

    Raises:
        RefusedError: others plan, or the planners are not installed.
    """
    if not _AT_ONCE.acquire(timeout=_WAIT_S):
        text = "other walks are being planned; ask again in a moment"
        raise RefusedError(HTTPStatus.SERVICE_UNAVAILABLE, text, {"Retry-After": "10"})
    try:
        yield
    except ModuleNotFoundError as error:
        text = f"this server cannot plan walks: {error.name} is missing; install it with pip install 'bintally[pick]'"
        raise RefusedError(HTTPStatus.NOT_IMPLEMENTED, text) from error
    finally:
        _AT_ONCE.release()


def _check_size(given: PickListsGiven) -> None:
    lines = sum(len(order.lines) for order in given.orders)
    if lines > MOST_LINES:
        raise InputError(f"{lines} lines of orders: at most {MOST_LINES} at once; send some of the orders later")
    items = sum(line.quantity for order in given.orders for line in order.lines)
    if given.cart and (len(given.orders) > MOST_WITH_CART or items > MOST_ITEMS_WITH_CART):
        raise InputError(
            f"{len(given.orders)} orders of {items} items with a cart: at most {MOST_WITH_CART} of {MOST_ITEMS_WITH_CART} at once; send some "
            "later, or leave the cart out"
        )


def _lines(order: OrderGiven) -> dict[str, int]:
    lines: dict[str, int] = {}
    for line in order.lines:
        lines[line.article] = lines.get(line.article, 0) + line.quantity
    return lines
