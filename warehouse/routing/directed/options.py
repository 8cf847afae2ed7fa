"""What a picker may do in each sub-aisle and along each cross aisle, once the walk's order is left out.

A flow is the number of passages up a sub-aisle (or to the right along a cross aisle) less those down (or to the left). Two opposite
passages more than a flow asks for only join what lies at the two ends; so where the flow is not 0 they are never worth while, and where it
is 0 one pair is enough.

A sub-aisle with picks is served by any passage or, in the words of Ratliff & Rosenthal (1983), from one end as far as the last pick and
back, or from both ends with the largest gap between two picks left out. Walking in and back needs both directions and a turn inside, so
that it is left to two-way aisles in which one may turn; in all others a passage is the only way.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from bintally.layouts import Ladder, PickList

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]

# What an option joins to the intersection where it begins (below, or on the left) and to the one where it leads.
NOTHING, LEADS_ON, APART = 0, 1, 2


class Option(NamedTuple):
    """One way to use a sub-aisle, or a cross aisle between two columns.

    Attributes:
        flow: passages up or to the right, less those down or to the left.
        length_m: of all walking.
        joins: ``LEADS_ON``: both ends; ``APART``: something is done from the far end, without a passage; ``NOTHING``: neither.
        touches: something is done from the near end.
        turns_m: y where one turns: of the excursion from the front, and of the one from the back; NaN for none.
    """

    flow: int
    length_m: float
    joins: int
    touches: bool
    turns_m: tuple[float, float] = (np.nan, np.nan)


UNUSED = Option(0, 0.0, NOTHING, touches=False)


@dataclass(frozen=True)
class Served:
    """A list, sorted into its ladder.

    Attributes:
        corners: intersections (column, cross aisle) where a pick lies.
        inside: y of the picks between two intersections, increasing, by column and block.
    """

    corners: frozenset[tuple[int, int]]
    inside: dict[tuple[int, int], list[float]]


def served(ladder: Ladder, picks: PickList) -> Served:
    """Where something must be done."""
    corners, inside = set(), dict[tuple[int, int], list[float]]()
    for column, block, y_m in zip(picks.columns.tolist(), picks.blocks.tolist(), picks.y_m.tolist(), strict=True):
        if y_m in ladder.y_m:
            corners.add((column, ladder.y_m.index(y_m)))
        else:
            inside.setdefault((column, block), []).append(y_m)
    return Served(frozenset(corners), {sub_aisle: sorted(y_m) for sub_aisle, y_m in inside.items()})


def across_options(ladder: Ladder, column: int, cross_aisle: int, most: int) -> list[Option]:
    """Of the cross aisle from a column to the next, with flows up to ``most`` either way."""
    if column + 1 == ladder.columns:
        return [UNUSED]
    length_m = ladder.x_m[column + 1] - ladder.x_m[column]
    return [UNUSED, *_passages(length_m, ladder.ways.cross_aisles[cross_aisle], most)]


def aisle_options(ladder: Ladder, places: list[float], column: int, block: int, most: int) -> list[Option]:
    """Of a sub-aisle with picks at ``places``; block h - 1 stands for the wall behind the last cross aisle."""
    if block == ladder.blocks or not ladder.aisles[column]:
        return [UNUSED]
    low, high = ladder.y_m[block], ladder.y_m[block + 1]
    passages = list(_passages(high - low, ladder.ways.columns[column], most))
    if not places:
        return [UNUSED, *passages]
    if ladder.ways.columns[column] or not ladder.ways.turn_in_aisles:
        return passages
    return [*passages, *_excursions(low, high, places)]


def _passages(length_m: float, way: int, most: int) -> Iterator[Option]:
    for flow in range(-most if way <= 0 else 1, most + 1 if way >= 0 else 0):
        if flow:
            yield Option(flow, abs(flow) * length_m, LEADS_ON, touches=True)
    if not way:
        yield Option(0, 2 * length_m, LEADS_ON, touches=True)


def _excursions(low: float, high: float, places: list[float]) -> Iterator[Option]:
    yield Option(0, 2 * (places[-1] - low), NOTHING, touches=True, turns_m=(places[-1], np.nan))
    yield Option(0, 2 * (high - places[0]), APART, touches=False, turns_m=(np.nan, places[0]))
    if len(places) > 1:
        before, after = max(itertools.pairwise(places), key=lambda gap: gap[1] - gap[0])
        yield Option(0, 2 * (before - low + high - after), APART, touches=True, turns_m=(before, after))
