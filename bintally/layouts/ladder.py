"""The rope ladder: aisles joined by cross aisles.

Coordinates in metres, along the centre lines: x grows from the first aisle to the last, y from the front cross aisle (0) to the back.
An intersection is a column's crossing with a cross aisle; the stretch of an aisle between two cross aisles is a sub-aisle; the sub-aisles
between the same two cross aisles are a block. Widths of cross aisles and entry distances are part of the coordinates, and known to
nobody behind the readers of files.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass

from bintally.errors import InputError


@dataclass(frozen=True)
class Place:
    """A depot or a drop-off.

    Attributes:
        column, cross_aisle: the intersection where it is reached.
        walk_m: from that intersection to it, with the cart if there is one.
    """

    column: int
    cross_aisle: int
    walk_m: float = 0.0


@dataclass(frozen=True)
class Ways:
    """Rules that make the ladder a directed graph.

    Attributes:
        columns: of each column: 0 both ways, 1 only towards the back, -1 only towards the front.
        cross_aisles: of each cross aisle: 0 both ways, 1 only towards the last column, -1 only towards the first.
        turn_in_aisles: whether one may turn round inside a sub-aisle.
    """

    columns: tuple[int, ...]
    cross_aisles: tuple[int, ...]
    turn_in_aisles: bool = True

    @property
    def free(self) -> bool:
        """No rule forbids anything."""
        return self.turn_in_aisles and not any(self.columns) and not any(self.cross_aisles)


@dataclass(frozen=True)
class Ladder:
    """A warehouse of m columns and h cross aisles.

    Attributes:
        x_m: of the columns, increasing.
        y_m: of the cross aisles, increasing, the first is 0.
        start: where tours begin.
        ends: where they may end; the best one is chosen.
        aisles: which columns are aisles; the others are only there because a depot lies between two aisles, and have no sub-aisles.
        ways: one-way rules and turning bans.

    Raises:
        InputError: the numbers make no ladder.
    """

    x_m: tuple[float, ...]
    y_m: tuple[float, ...]
    start: Place
    ends: tuple[Place, ...]
    aisles: tuple[bool, ...]
    ways: Ways

    def __post_init__(self) -> None:
        if len(self.y_m) < 2:
            raise InputError(f"a layout needs at least 2 cross aisles, this one has {len(self.y_m)}")
        for name, values in (("columns", self.x_m), ("cross aisles", self.y_m)):
            # written so that NaN fails, too
            if not values or not all(a < b for a, b in itertools.pairwise(values)) or not all(abs(v) < 1e9 for v in values):
                raise InputError(f"the coordinates of the {name} must be finite and grow from one to the next: {list(values)}")
        if len(self.aisles) != len(self.x_m) or len(self.ways.columns) != len(self.x_m) or len(self.ways.cross_aisles) != len(self.y_m):
            raise InputError("aisles and ways must have one entry a column, or a cross aisle")
        if self.y_m[0] != 0:
            raise InputError(f"the first cross aisle lies at {self.y_m[0]:g} m: y is counted from it, so it must be 0")
        if not {*self.ways.columns, *self.ways.cross_aisles} <= {-1, 0, 1}:
            raise InputError(f"ways are 0, 1 or -1, not {[*self.ways.columns, *self.ways.cross_aisles]}")
        if not any(self.aisles):
            raise InputError("a layout needs at least one aisle")
        if not self.ends:
            raise InputError("a layout needs at least one place where tours end")
        for place in (self.start, *self.ends):
            if not (0 <= place.column < len(self.x_m) and 0 <= place.cross_aisle < len(self.y_m) and 0 <= place.walk_m < 1e9):
                raise InputError(
                    f"{place} is nowhere: there are {len(self.x_m)} columns and {len(self.y_m)} cross aisles, counted from 0, "
                    "and walk_m is a length"
                )

    @property
    def columns(self) -> int:
        """m, columns without an aisle among them."""
        return len(self.x_m)

    @property
    def cross_aisles(self) -> int:
        """h."""
        return len(self.y_m)

    @property
    def blocks(self) -> int:
        """h - 1."""
        return len(self.y_m) - 1

    def distance_m(self, a: tuple[int, float], b: tuple[int, float]) -> float:
        """The shortest walk between two points, each a column and its y, where nothing is one-way."""
        along, across = abs(a[1] - b[1]), abs(self.x_m[a[0]] - self.x_m[b[0]])
        if self.aisles[a[0]] and self.aisles[b[0]]:
            return along if a[0] == b[0] else across + min(abs(a[1] - y) + abs(b[1] - y) for y in self.y_m)
        if self.aisles[a[0]] or self.aisles[b[0]] or along == 0:
            return across + along
        # two depots between aisles, at different cross aisles: some aisle joins them
        pairs = zip(self.x_m, self.aisles, strict=True)
        return along + min(abs(self.x_m[a[0]] - x) + abs(self.x_m[b[0]] - x) for x, aisle in pairs if aisle)
