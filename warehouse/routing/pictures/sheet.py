"""From metres to the page: everything here is in points, 1/72 inch, so that text and lines keep their sizes on every layout."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from bintally.layouts import Ladder, PickList
from warehouse.routing.pictures.lanes import Run, spread
from warehouse.routing.pictures.walks import Spot

LANE = 6.0
"""From lane to lane."""
LINE = 8.5
"""From one label's line to the next."""
LETTER = 5.0
"""Width of a label's letter, with a margin for fonts other than ours."""
OUTSIDE = 26.0
"""From the ladder's edge to a depot, whatever its distance is."""
_TALL, _LONGEST = 560.0, 5000.0


@dataclass(frozen=True)
class Room:
    """What a picture needs beside the centre lines.

    Attributes:
        aisle, cross_aisle: half the width of its lanes, with a margin.
        label: width of the widest pick label.
    """

    aisle: float
    cross_aisle: float
    label: float


@dataclass(frozen=True)
class Sheet:
    """A ladder's place on the page; the first aisle's crossing with the front cross aisle is (0, 0).

    Attributes:
        ladder: the warehouse.
        room: for lanes and labels.
        across, along: points a metre, from aisle to aisle and along aisles.
    """

    ladder: Ladder
    room: Room
    across: float
    along: float

    @property
    def width(self) -> float:
        """From the first column to the last."""
        return self.x(self.ladder.x_m[-1])

    @property
    def height(self) -> float:
        """From the front cross aisle to the back."""
        return self.y(self.ladder.y_m[-1])

    @property
    def edge(self) -> float:
        """From the first column's centre line to the outer edge of its shelves; the same at the last."""
        return self.room.aisle + self.room.label

    def x(self, x_m: float) -> float:
        """Of a column or a spot in a cross aisle; whatever is outside lies at the same distance."""
        first, last = self.ladder.x_m[0], self.ladder.x_m[-1]
        return (min(max(x_m, first), last) - first) * self.across + (self.edge + OUTSIDE) * ((x_m > last) - (x_m < first))

    def y(self, y_m: float) -> float:
        """Of a cross aisle or a spot in an aisle; whatever is outside lies at the same distance."""
        last = self.ladder.y_m[-1]
        return min(max(y_m, 0.0), last) * self.along + OUTSIDE * ((y_m > last) - (y_m < 0))

    def spot(self, spot: Spot) -> tuple[float, float]:
        """Of a place."""
        return self.x(spot.x_m), self.y(spot.y_m)

    def run(self, run: Run) -> Run:
        """A run, in points."""
        track, end = (self.x, self.y) if run.upright else (self.y, self.x)
        return replace(
            run, track=track(run.track), start=end(run.start), stop=end(run.stop), visits=tuple((end(at), pick) for at, pick in run.visits)
        )

    def shelves(self) -> Iterator[tuple[float, float, float, float]]:
        """Left, bottom, width and height of the shelves on both sides of each sub-aisle."""
        x = [self.x(x_m) for x_m, aisle in zip(self.ladder.x_m, self.ladder.aisles, strict=True) if aisle]
        gaps = [b - a for a, b in itertools.pairwise(x)]
        depths = [max(2.0, min(2 * self.room.label, gap / 2 - self.room.aisle - 0.4)) for gap in gaps]
        for at, left, right in zip(x, [self.room.label, *depths], [*depths, self.room.label], strict=True):
            for low, high in itertools.pairwise(map(self.y, self.ladder.y_m)):
                bottom, tall = low + self.room.cross_aisle, high - low - 2 * self.room.cross_aisle
                yield at - self.room.aisle - left, bottom, left, tall
                yield at + self.room.aisle, bottom, right, tall

    def labels(self, picks: PickList) -> dict[int, tuple[float, float]]:
        """Where each pick's label begins, on the right of its aisle, or ends, on the left; moved as little as the others leave room for."""
        found: dict[int, tuple[float, float]] = {}
        for (column, block), group in itertools.groupby(range(len(picks)), lambda pick: (picks.columns[pick], picks.blocks[pick])):
            here = list(group)
            heights = [self.y(float(picks.y_m[pick])) for pick in here]
            margin = self.room.cross_aisle + LINE / 2
            low, high = self.y(self.ladder.y_m[block]) + margin, self.y(self.ladder.y_m[block + 1]) - margin
            for side, chosen in zip((1, -1), _sides(heights), strict=True):
                x = self.x(self.ladder.x_m[column]) + side * (self.room.aisle + 2.5)
                placed = spread([heights[index] for index in chosen], LINE, low, high)
                found |= {here[index]: (x, y) for index, y in zip(chosen, placed, strict=True)}
        return found


def sheet_of(ladder: Ladder, lists: Sequence[PickList], room: Room) -> Sheet:
    """The scale of a picture.

    Both directions are drawn to the same scale, the one at which the narrowest pair of aisles has room for lanes and labels. Only where aisles
    would then be too short for their labels, or far too long for a page, they are stretched or compressed along their whole length.

    Args:
        ladder: the warehouse.
        lists: whose labels need room.
        room: what lanes and labels take beside each aisle.
    """
    length_m = ladder.y_m[-1]
    across = 2 * (room.aisle + room.label) / pitch_m(ladder)
    across = min(across, _LONGEST / max(ladder.x_m[-1] - ladder.x_m[0], 1e-9))
    crowds: Mapping[int, int] = {block: max(_largest_crowd(picks, block) for picks in lists) for block in range(ladder.blocks)}
    needs = [2 * room.cross_aisle + LINE * max(2, 1 + -(-crowds[block] // 2)) for block in crowds]
    least = max(need / (b - a) for need, (a, b) in zip(needs, itertools.pairwise(ladder.y_m), strict=True))
    along = min(max(across, least), max(least, _TALL / length_m), _LONGEST / length_m)
    return Sheet(ladder, room, across, along)


def pitch_m(ladder: Ladder) -> float:
    """The narrowest distance between two aisles; of a single aisle, 3 m, so that its picture has a width."""
    x_m = [x for x, aisle in zip(ladder.x_m, ladder.aisles, strict=True) if aisle]
    return min((b - a for a, b in itertools.pairwise(x_m)), default=3.0)


def _largest_crowd(picks: PickList, block: int) -> int:
    columns = picks.columns[picks.blocks == block].tolist()
    return max((columns.count(column) for column in set(columns)), default=0)


def _sides(heights: Sequence[float]) -> tuple[list[int], list[int]]:
    """Which labels stand on the right and which on the left: right unless the label below is too near, left if it is freer there."""
    right: list[int] = []
    left: list[int] = []
    for index, height in enumerate(heights):
        free_right, free_left = (height - heights[side[-1]] if side else float("inf") for side in (right, left))
        (right if free_right >= LINE or free_right >= free_left else left).append(index)
    return right, left
