"""A policy's tour with a cart: pushed along all the way, or parked."""

from __future__ import annotations

import numpy as np

from bintally.errors import UsageError
from bintally.layouts import Cart, Ladder, PickList
from warehouse.routing.cart.problem import CartProblem
from warehouse.routing.cart.schedule import Schedule, schedule_of
from warehouse.routing.cart.split import split
from warehouse.routing.tour import Tour, check_tour


def pushed_s(ladder: Ladder, cart: Cart, tour: Tour, picks: PickList) -> float:
    """Seconds of a tour when the cart is pushed all the way, for comparison only.

    This leaves the definition of docs/picking.md, as the cart also turns round inside aisles.

    Raises:
        ValueError: it is no tour of this list in this ladder.
    """
    check_tour(ladder, picks, tour)
    return tour.length_m / cart.push_m_s + cart.pick_s * len(picks)


def parked(problem: CartProblem, tour: Tour) -> Schedule:
    """The best schedule that picks in the order of a tour: where the cart is pushed and left, and what is one loop.

    Handfuls of one place follow each other, the last one, which may leave the hands room for the next place, at the end.

    Raises:
        UsageError: it is no tour of this list.
    """
    if sorted(tour.stops) != list(range(len(problem.picks))):
        raise UsageError(f"the tour picks {tour.stops}, the list has {len(problem.picks)} places: the tour is another list's")
    rank = np.empty(len(problem.picks), np.int64)
    rank[list(tour.stops)] = np.arange(len(problem.picks))
    _, plan = split(problem, np.argsort(rank[problem.pick_of], kind="stable"))
    return schedule_of(problem, plan, tour.policy)
