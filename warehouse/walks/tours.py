"""A list's walk: the shortest tour, or the best schedule of a worker with a cart (pure)."""

from __future__ import annotations

import itertools
from dataclasses import dataclass

from bintally.layouts import Cart, Ladder, PickList, Shelf
from warehouse.pick.route import best_tour
from warehouse.pick.steps import straightened, taken_on
from warehouse.routing.cart.best import best_schedule
from warehouse.routing.cart.problem import cart_problem
from warehouse.routing.cart.schedule import Schedule
from warehouse.routing.tour import Tour

Spot = tuple[int, float]
"""A place's column and y."""


@dataclass(frozen=True)
class Walk:
    """Somebody's way through the places of a list.

    Attributes:
        picks: the places.
        found: a schedule where there is a cart.
        length_m: of all that is walked.
        time_s: with the time at the places.
        hands: items that the worker with a cart carries; None for any number.
    """

    picks: PickList
    found: Tour | Schedule
    length_m: float
    time_s: float
    hands: int | None = None


def walked(ladder: Ladder, picks: PickList, cart: Cart) -> Walk:
    """The shortest tour, at the speed of a worker without a cart.

    Raises:
        InputError: no solver takes this ladder.
    """
    tour = best_tour(ladder, picks)
    return Walk(picks, tour, tour.length_m, tour.length_m / cart.walk_m_s + cart.pick_s * len(picks))


def with_cart(ladder: Ladder, picks: PickList, cart: Cart) -> Walk:
    """The best schedule that is found; what a long one is above the fastest is not looked into, which would take longer than the search.

    Raises:
        InputError: the cart cannot be used in this ladder.
    """
    schedule = straightened(best_schedule(cart_problem(ladder, picks, cart)))
    return Walk(picks, schedule, schedule.pushed_m + schedule.walked_m, schedule.time_s, cart.hands)


def visited(walk: Walk) -> dict[Spot, int]:
    """The places' numbers in the order of first visits, from 0."""
    found, picks = walk.found, walk.picks
    if isinstance(found, Tour):
        order = list(found.stops)
    else:
        order = [pick for loops in taken_on(found, picks, walk.hands) for pick, _ in itertools.chain(*loops)]
    spots = ((int(picks.columns[pick]), float(picks.y_m[pick])) for pick in order)
    return {spot: number for number, spot in enumerate(dict.fromkeys(spots))}


def at(shelf: Shelf) -> Spot:
    """Where a shelf is."""
    return shelf.column, shelf.y_m
