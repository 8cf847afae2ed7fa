"""The order in which blocks are visited, common to all policies but aisle-by-aisle.

Source: what the heuristics of Roodbergen & de Koster have in common; Routing methods for warehouses with multiple cross aisles, IJPR 39
(2001) 1865-1883. They put the depot at the front, left; docs/policies.md says how that is carried over to a depot elsewhere.
"""

from __future__ import annotations

from collections.abc import Callable

from bintally.layouts import Ladder
from warehouse.routing.policies.walk import Block, Walk

Serve = Callable[[Walk, Block], None]
"""Picks all that is left in a block; it begins at its front or at its back, and ends at its front."""


def block_by_block(walk: Walk, serve: Serve) -> None:
    """Walk up the left pick aisle to the farthest block, and come back through one block after the other.

    The left pick aisle is the outermost one with picks, on the side that is nearer to the picker.
    """
    for wing in _wings(walk.ladder):
        filled = [block for block in wing if walk.columns(block)]
        if not filled:
            continue
        columns = sorted({column for block in filled for column in walk.columns(block)})
        x_m, here = walk.ladder.x_m, walk.here.column
        walk.along_to(min(columns[0], columns[-1], key=lambda column: abs(x_m[column] - x_m[here])))
        walk.up_to(filled[-1].front)
        for block in reversed(wing[: wing.index(filled[-1]) + 1]):
            if walk.columns(block):
                serve(walk, block)
            walk.up_to(block.front)


def _wings(ladder: Ladder) -> tuple[list[Block], list[Block]]:
    """The blocks on either side of the depot's cross aisle, each from the nearest to the farthest."""
    row, y_m = ladder.start.cross_aisle, ladder.y_m
    behind = [Block(index, y_m[index], y_m[index + 1]) for index in range(row, ladder.blocks)]
    before = [Block(index, y_m[index + 1], y_m[index]) for index in reversed(range(row))]
    return behind, before
