"""What a picker does within a block: S-shape, return, midpoint, largest gap, combined.

He comes from the depot, so that he stands at the front of the farthest block, and at the back of every nearer one. A sub-aisle where
nothing is to be picked is never entered. With one block, each is the textbook's policy.

Source: Roodbergen & de Koster, IJPR 39 (2001) 1865-1883 (S-shape, largest gap, combined); Hall, IIE Transactions 25 (1993)
76-87, and Petersen, IJOPM 17 (1997) 1098-1111 (return and midpoint, for one block; with several blocks these two are ours).
"""

from __future__ import annotations

import itertools
from collections.abc import Callable

from warehouse.routing.policies.walk import Block, Walk

FromFront = Callable[[list[float], float], int]
"""Of n picks, given by their distances from the front and the length of the sub-aisle, how many are picked from the front; the rest is
picked from the back."""


def s_shape(walk: Walk, block: Block) -> None:
    """Walk through each sub-aisle; turn round in the last one, if that is needed to end at the front."""
    *columns, last = walk.sweep(block)
    for column in columns:
        walk.along_to(column)
        walk.through(block)
    walk.along_to(last)
    if walk.here.y_m == block.front:
        _turn_round(walk, block)
    else:
        walk.through(block)


def return_(walk: Walk, block: Block) -> None:
    """Enter and leave each sub-aisle by the front; a picker at the back first walks down the aisle where he stands."""
    walk.up_to(block.front)
    for column in walk.sweep(block):
        walk.along_to(column)
        _turn_round(walk, block)


def midpoint(walk: Walk, block: Block) -> None:
    """Pick up to the middle of each sub-aisle from the front, and what lies behind it from the back."""
    _around(walk, block, lambda depths, length: sum(depth <= length / 2 for depth in depths))


def largest_gap(walk: Walk, block: Block) -> None:
    """Leave out the largest gap of each sub-aisle, between two picks or between a pick and an end; of equal ones, the nearest."""
    _around(walk, block, _before_largest_gap)


def _before_largest_gap(depths: list[float], length: float) -> int:
    gaps = [b - a for a, b in itertools.pairwise([0.0, *depths, length])]
    return gaps.index(max(gaps))


def combined(walk: Walk, block: Block) -> None:
    """Either walk through a sub-aisle or turn round in it, whichever makes the way through the block shortest.

    The dynamic programme has two states after each sub-aisle: the picker stands at its front, or at its back. Which cross aisle he
    takes from one to the next makes no difference to the length.
    """
    columns = walk.sweep(block)
    length = abs(block.back - block.front)
    states: dict[float, tuple[float, tuple[float, ...]]] = {walk.here.y_m: (0.0, ())}
    for column in columns:
        y_m = walk.left(block, column)
        turning = {block.front: 2 * abs(y_m[-1] - block.front), block.back: 2 * abs(block.back - y_m[0])}
        states = {
            end: min((metres + (turning[end] if end == side else length), (*ends, end)) for side, (metres, ends) in states.items())
            for end in (block.front, block.back)
        }
    _, ends = states[block.front]
    for column, end in zip(columns, ends, strict=True):
        walk.along_to(column)
        if end == walk.here.y_m:
            _turn_round(walk, block)
        else:
            walk.through(block)


def _around(walk: Walk, block: Block, from_front: FromFront) -> None:
    """Walk round the block, and enter sub-aisles from both ends.

    The first sub-aisle of the farthest block and the last of every block are walked through.
    """
    columns = walk.sweep(block)
    if walk.here.y_m == block.front:
        walk.along_to(columns[0])
        if len(columns) == 1:
            _turn_round(walk, block)
            return
        walk.through(block)
        columns = walk.sweep(block)
    *columns, last = columns
    for column in columns:
        y_m = walk.left(block, column)
        count = from_front([abs(y - block.front) for y in y_m], abs(block.back - block.front))
        if count < len(y_m):
            walk.along_to(column)
            walk.there_and_back(y_m[count])
    walk.along_to(last)
    walk.through(block)
    for column in walk.sweep(block):
        walk.along_to(column)
        _turn_round(walk, block)


def _turn_round(walk: Walk, block: Block) -> None:
    """Pick what is left in the sub-aisle at whose front or back the picker stands, and come back."""
    y_m = walk.left(block, walk.here.column)
    if y_m:
        walk.there_and_back(y_m[-1] if walk.here.y_m == block.front else y_m[0])
