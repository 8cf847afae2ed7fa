"""Lists as the network takes them: places side by side, padded to the longest list, and the bases."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from bintally.labels import ALONG
from bintally.layouts import Cart
from bintally.travel_time import TravelTimeManifest
from warehouse.routing.cart.along import Course, along_s, course_of, memory
from warehouse.routing.compiled import compiled
from warehouse.routing.exact import PackedLists
from warehouse.routing.exact.order import tour_order
from warehouse.routing.exact.solve import sweep_of
from warehouse.routing.exact.sweep import Floats, Ints, Sweep, shortest_m, workspace

Picks = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Ground:
    """What is known of a warehouse before its lists.

    Attributes:
        sweep: the ladder.
        course: ladder and cart, None where only shortest tours are wanted.
    """

    sweep: Sweep
    course: Course | None

    @classmethod
    def of(cls, manifest: TravelTimeManifest) -> Ground:
        """That of a bundle, for its bases."""
        course = course_of(manifest.ladder, manifest.cart or Cart()) if ALONG in manifest.bases else None
        return cls(sweep_of(manifest.ladder), course)


def padded(ground: Ground, lists: PackedLists, quantities: Ints, chosen: Ints) -> tuple[Picks, Floats]:
    """Measure and pad some lists.

    Args:
        ground: the warehouse.
        lists: all lists.
        quantities: int64[picks] of all lists.
        chosen: int64[N], numbers of lists, none of them empty.

    Returns:
        float32[N, L, 3], column, y_m and quantity, L being the length of the longest list, padded behind with zeros; and the bases
        float64[N, B]: the lengths of the shortest tours in metres, and with a course the seconds along these.
    """
    longest = int((lists.first[chosen + 1] - lists.first[chosen]).max())
    picks, base = np.zeros((len(chosen), longest, 3), np.float32), np.empty((len(chosen), 1 if ground.course is None else 2))
    first, columns, blocks, y_m = lists.first, lists.columns, lists.blocks, lists.y_m
    _fill(first, columns, y_m, quantities, chosen, picks)
    if ground.course is None:
        _measure(ground.sweep, first, columns, blocks, y_m, chosen, base)
    else:
        _walk(ground.sweep, ground.course, first, columns, blocks, y_m, quantities, chosen, base)
    return picks, base


@compiled
def _fill(first: Ints, columns: Ints, y_m: Floats, quantities: Ints, chosen: Ints, picks: Picks) -> None:
    for row in range(len(chosen)):
        begin, end = first[chosen[row]], first[chosen[row] + 1]
        for pick in range(begin, end):
            picks[row, pick - begin, 0] = columns[pick]
            picks[row, pick - begin, 1] = y_m[pick]
            picks[row, pick - begin, 2] = quantities[pick]


@compiled
def _measure(sweep: Sweep, first: Ints, columns: Ints, blocks: Ints, y_m: Floats, chosen: Ints, base: Floats) -> None:
    work = workspace(sweep, 2)
    for row in range(len(chosen)):
        base[row, 0] = shortest_m(sweep, columns, blocks, y_m, first[chosen[row]], first[chosen[row] + 1], work)


@compiled
def _walk(
    sweep: Sweep, course: Course, first: Ints, columns: Ints, blocks: Ints, y_m: Floats, quantities: Ints, chosen: Ints, base: Floats
) -> None:
    walk, layers, order = memory(sweep, course, first, quantities, chosen)
    for row in range(len(chosen)):
        begin, end = first[chosen[row]], first[chosen[row] + 1]
        base[row, 0] = tour_order(sweep, columns, blocks, y_m, begin, end, walk, order)
        base[row, 1] = along_s(course, columns, blocks, y_m, quantities, begin, order[: end - begin], layers)
