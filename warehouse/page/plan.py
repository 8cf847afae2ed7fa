"""Where each bin is on the map (pure): aisles as columns, shelves on both sides of each, blocks behind one another, the front below.

Bins with the same place stand side by side, half of them on each side of the aisle.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from warehouse.ledger.atlas import Cell
from warehouse.ledger.places import Place

PITCH, LANE, BACKS, CROSS = 12, 16, 4, 16
"""From one bin to the next; widths of an aisle, between shelves back to back, and of a cross aisle between blocks."""
_MOST_ROWS = 300
_SAME_M = 1e-6


@dataclass(frozen=True)
class Plan:
    """A picture's measures.

    Attributes:
        width, height: in units.
        spots: x and y of the upper left corner of each bin.
        aisles: number → x of its middle.
    """

    width: int
    height: int
    spots: Mapping[str, tuple[int, int]]
    aisles: Mapping[int, int]


def plan(cells: Iterable[Cell]) -> Plan:
    """Lay out the bins that have a place."""
    places = [cell.place for cell in cells if cell.place is not None]
    step_m, first_m = row_m(places), min((place.position_m for place in places), default=0.0)
    slots: dict[tuple[int, int, int], list[str]] = {}
    for place in places:
        slots.setdefault((place.block, int((place.position_m - first_m) / step_m + 0.5), place.aisle), []).append(place.bin)
    left = _sides(slots)
    aisles = _columns(left)
    floors, height = _floors(slots)
    spots = {}
    for (block, row, aisle), bins in slots.items():
        y = floors[block] - row * PITCH - PITCH
        here = (len(bins) + 1) // 2
        for number, bin_ in enumerate(sorted(bins)):
            # the first half stands left of the aisle, counted from it outwards, the others right of it
            outwards = -(number + 1) * PITCH - LANE // 2 if number < here else (number - here) * PITCH + LANE // 2
            spots[bin_] = aisles[aisle] + outwards, y
    width = max((aisles[aisle] + right * PITCH + LANE // 2 for aisle, (_, right) in left.items()), default=0)
    return Plan(width, height, spots, aisles)


def row_m(places: Sequence[Place]) -> float:
    """Metres from one row to the next: the smallest step between two bins of an aisle, but not so small that the map gets too tall."""
    along: dict[tuple[int, int], set[float]] = {}
    for place in places:
        along.setdefault((place.aisle, place.block), set()).add(place.position_m)
    steps = [after - before for one in along.values() for before, after in pairwise(sorted(one)) if after - before > _SAME_M]
    longest = max((place.position_m for place in places), default=0.0)
    return max(min(steps, default=1.0), longest / _MOST_ROWS, _SAME_M)


def _sides(slots: Mapping[tuple[int, int, int], Sequence[str]]) -> dict[int, tuple[int, int]]:
    """Of each aisle, how many bins stand beside one another left and right of it."""
    most: dict[int, int] = {}
    for (_, _, aisle), bins in slots.items():
        most[aisle] = max(most.get(aisle, 0), len(bins))
    return {aisle: ((count + 1) // 2, count // 2) for aisle, count in sorted(most.items())}


def _columns(sides: Mapping[int, tuple[int, int]]) -> dict[int, int]:
    x, found = 0, {}
    for aisle, (left, right) in sides.items():
        found[aisle] = x + left * PITCH + LANE // 2
        x = found[aisle] + LANE // 2 + right * PITCH + BACKS
    return found


def _floors(slots: Iterable[tuple[int, int, int]]) -> tuple[dict[int, int], int]:
    """The lower edge of each block, the front one at the bottom; and the height of all."""
    rows: dict[int, int] = {}
    for block, row, _ in slots:
        rows[block] = max(rows.get(block, 0), row + 1)
    height = sum(rows.values()) * PITCH + CROSS * max(0, len(rows) - 1)
    floors, y = {}, height
    for block in sorted(rows):
        floors[block] = y
        y -= rows[block] * PITCH + CROSS
    return floors, height
