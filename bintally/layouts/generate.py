"""Regular ladders and random pick lists, for labels, measurements and tests."""

from __future__ import annotations

import itertools

import numpy as np

from bintally.errors import UsageError
from bintally.layouts.ladder import Ladder, Place, Ways
from bintally.layouts.picks import PickList, Shelf


def regular_ladder(
    aisles: int,
    cross_aisles: int,
    *,
    block_m: float | None = None,
    pitch_m: float = 3.0,
    depot: int = 0,
    row: int = 0,
    end: Place | None = None,
) -> Ladder:
    """A ladder of equal aisles and blocks.

    Args:
        aisles: m.
        cross_aisles: h.
        block_m: length of a sub-aisle; by default 32 m are shared out among the blocks.
        pitch_m: from aisle to aisle.
        depot: the column where tours begin,
        row: and the cross aisle.
        end: where they end, if it is elsewhere.
    """
    length = 32.0 / (cross_aisles - 1) if block_m is None else block_m
    start = Place(depot, row)
    return Ladder(
        x_m=tuple(pitch_m * column for column in range(aisles)),
        y_m=tuple(length * row for row in range(cross_aisles)),
        start=start,
        ends=(end or start,),
        aisles=(True,) * aisles,
        ways=Ways((0,) * aisles, (0,) * cross_aisles),
    )


def uniform_list(rng: np.random.Generator, ladder: Ladder, picks: int, *, most_items: int = 1) -> PickList:
    """Places drawn from everywhere alike, each at a whole or half metre inside its block.

    Args:
        rng: draws them.
        ladder: where.
        picks: how many different places.
        most_items: each place's quantity is drawn from 1 to this.

    Raises:
        UsageError: there are not so many places.
    """
    columns = [column for column, aisle in enumerate(ladder.aisles) if aisle]
    lengths_m = [high - low for low, high in itertools.pairwise(ladder.y_m)]
    steps = [max(1, int(2 * length_m) - 1) for length_m in lengths_m]
    if min(lengths_m) < 0.5 or picks > len(columns) * sum(steps):
        raise UsageError(f"{picks} different places: {len(columns)} aisles with blocks of {lengths_m} m have no room for them")
    found: dict[tuple[int, float], tuple[Shelf, int]] = {}
    while len(found) < picks:
        column, block = int(rng.choice(columns)), int(rng.integers(ladder.blocks))
        y_m = ladder.y_m[block] + 0.5 * int(rng.integers(1, steps[block] + 1))
        found[column, y_m] = (Shelf(f"{column}/{y_m:g}", column, block, y_m), int(rng.integers(1, most_items + 1)))
    return PickList.of(ladder, found.values())
