"""How much walking two orders could share: cheap enough to ask for every pair, where their exact saving is not.

An order alone is walked across to its columns and into its sub-aisles. Two orders share the columns that both must come across, and in a
sub-aisle that both enter the shorter of their walks.
"""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import numpy as np

from warehouse.batching.ground import Ground
from warehouse.batching.problem import Floats, Ints
from warehouse.routing.compiled import inner


class Shapes(NamedTuple):
    """The walks of n orders, each alone.

    Attributes:
        first: int64[n + 1]; the sub-aisles of order i are those from ``first[i]`` up to ``first[i + 1]``.
        sub_aisles: int64, increasing within an order.
        into_m: float64, the walk in each.
        low_m, high_m: float64[n], the x between which it is walked, from the depot on.
        walk_m: float64[n], the sum.
    """

    first: Ints
    sub_aisles: Ints
    into_m: Floats
    low_m: Floats
    high_m: Floats
    walk_m: Floats


def shapes_of(ground: Ground) -> Shapes:
    """The walks of all orders."""
    n, sweep, places = len(ground), ground.sweep, ground.places
    owner = np.repeat(np.arange(n), np.diff(ground.first))
    sub_aisle = ground.columns[places] * (len(sweep.y_m) - 1) + ground.blocks[places]
    # an order's places are sorted, so those of a sub-aisle stand together, the first one nearest to the front
    begins = np.flatnonzero(np.diff(owner * (sub_aisle.max() + 1) + sub_aisle, prepend=-1))
    ends = np.append(begins[1:], len(places)) - 1
    front, back = sweep.y_m[ground.blocks[places[begins]]], sweep.y_m[ground.blocks[places[begins]] + 1]
    first_m, last_m = ground.y_m[places[begins]], ground.y_m[places[ends]]
    into_m = np.minimum(back - front, 2 * np.minimum(last_m - front, back - first_m))
    x_m, depot_m = sweep.x_m[ground.columns], sweep.x_m[sweep.start_column]
    low_m = np.minimum(depot_m, x_m[places[ground.first[:-1]]])
    high_m = np.maximum(depot_m, x_m[places[ground.first[1:] - 1]])
    walk_m = np.bincount(owner[begins], into_m, n) + 2 * (high_m - low_m)
    return Shapes(np.searchsorted(owner[begins], np.arange(n + 1)), sub_aisle[begins], into_m, low_m, high_m, walk_m)


@inner
def shared_m(shapes: Shapes, one: int, other: int) -> float:
    """The walk that two orders share."""
    shared: float = 2 * (min(shapes.high_m[one], shapes.high_m[other]) - max(shapes.low_m[one], shapes.low_m[other]))
    i, j, end, stop = shapes.first[one], shapes.first[other], shapes.first[one + 1], shapes.first[other + 1]
    while i < end and j < stop:
        a, b = shapes.sub_aisles[i], shapes.sub_aisles[j]
        if a == b:
            shared += min(shapes.into_m[i], shapes.into_m[j])
        if a <= b:
            i += 1
        if b <= a:
            j += 1
    return shared


@inner
def likeness(shapes: Shapes, one: int, other: int) -> float:
    """The share of the walk for both that is common to both, 0 to 1."""
    shared = shared_m(shapes, one, other)
    both = shapes.walk_m[one] + shapes.walk_m[other] - shared
    return float(shared / both) if both > 0.0 else 1.0


def nearest(shapes: Shapes, most: int, *, alike: bool) -> Ints:
    """The nearest other orders of each order.

    Args:
        shapes: of the n orders.
        most: how many at most, k.
        alike: those that are most alike; otherwise those that share the longest walk.

    Returns:
        int64[n, k], the nearest first.
    """
    n = len(shapes.walk_m)
    near, scores = np.empty((n, min(most, n - 1)), np.int64), np.empty((n, min(most, n - 1)))
    if not near.size:
        return near
    bounds = np.linspace(0, n, 9 if n > 1000 else 2).astype(int).tolist()
    with ThreadPoolExecutor(os.cpu_count(), "nearest") as pool:
        list(pool.map(lambda part: _nearest(shapes, alike, bounds[part], bounds[part + 1], near, scores), range(len(bounds) - 1)))
    return near


@inner
def _nearest(shapes: Shapes, alike: bool, begin: int, end: int, near: Ints, scores: Floats) -> None:
    """Fill the rows from begin up to end: each candidate is inserted where it belongs, if it belongs there at all."""
    last = near.shape[1] - 1
    for one in range(begin, end):
        for k in range(last + 1):
            scores[one, k] = -np.inf
        for other in range(shapes.walk_m.size):
            if other == one:
                continue
            score = likeness(shapes, one, other) if alike else shared_m(shapes, one, other)
            if score <= scores[one, last]:
                continue
            place = last
            while place > 0 and scores[one, place - 1] < score:
                scores[one, place], near[one, place] = scores[one, place - 1], near[one, place - 1]
                place -= 1
            scores[one, place], near[one, place] = score, other
