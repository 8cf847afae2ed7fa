"""How much walking two orders could share: cheap enough to ask for every pair, where their exact saving is not.

An order alone is walked across to its columns and into its sub-aisles. Two orders share the columns that both must come across, and in a
sub-aisle that both enter the shorter of their walks.
"""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import numpy as np

from warehouse.batching.problem import Floats, Ints
from warehouse.batching.state import Ground
from warehouse.routing.compiled import compiled


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


@compiled
def shapes_of(ground: Ground) -> Shapes:
    """The walks of all orders."""
    n, blocks = len(ground.loads), len(ground.sweep.y_m) - 1
    first, sub_aisles, into_m = np.zeros(n + 1, np.int64), np.empty(len(ground.places), np.int64), np.empty(len(ground.places))
    low_m, high_m, walk_m = np.empty(n), np.empty(n), np.empty(n)
    depot_m = ground.sweep.x_m[ground.sweep.start_column]
    count = 0
    for order in range(n):
        low_m[order] = high_m[order] = depot_m
        for index in range(ground.first[order], ground.first[order + 1]):
            place = ground.places[index]
            x_m, block = ground.sweep.x_m[ground.columns[place]], ground.blocks[place]
            low_m[order], high_m[order] = min(low_m[order], x_m), max(high_m[order], x_m)
            sub_aisle = ground.columns[place] * blocks + block
            front, back = ground.sweep.y_m[block], ground.sweep.y_m[block + 1]
            if count == first[order] or sub_aisles[count - 1] != sub_aisle:
                sub_aisles[count], nearest = sub_aisle, ground.y_m[place]
                count += 1
            # the last place of a sub-aisle is its rearmost; walked through, or from one end and back
            into_m[count - 1] = min(back - front, 2 * (ground.y_m[place] - front), 2 * (back - nearest))
        first[order + 1] = count
        walk_m[order] = into_m[first[order] : count].sum() + 2 * (high_m[order] - low_m[order])
    return Shapes(first, sub_aisles[:count].copy(), into_m[:count].copy(), low_m, high_m, walk_m)


@compiled
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


@compiled
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
    near = np.empty((n, min(most, n - 1)), np.int64)
    bounds = np.linspace(0, n, 9 if n > 1000 else 2).astype(int).tolist()
    with ThreadPoolExecutor(os.cpu_count(), "nearest") as pool:
        list(pool.map(lambda part: _nearest(shapes, alike, bounds[part], bounds[part + 1], near), range(len(bounds) - 1)))
    return near


@compiled
def _nearest(shapes: Shapes, alike: bool, begin: int, end: int, near: Ints) -> None:
    """Fill the rows from begin up to end: each candidate is inserted where it belongs, if it belongs there at all."""
    most = near.shape[1]
    scores = np.empty(most)
    for one in range(begin, end):
        count = 0
        for other in range(len(near)):
            if other == one:
                continue
            score = likeness(shapes, one, other) if alike else shared_m(shapes, one, other)
            if count == most and (most == 0 or score <= scores[most - 1]):
                continue
            place = min(count, most - 1)
            while place > 0 and scores[place - 1] < score:
                scores[place], near[one, place] = scores[place - 1], near[one, place - 1]
                place -= 1
            scores[place], near[one, place] = score, other
            count = min(count + 1, most)
