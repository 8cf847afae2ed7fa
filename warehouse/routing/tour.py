"""A picker's tour."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

from bintally.layouts import Ladder, PickList, Place


@dataclass(frozen=True)
class Point:
    """Where a tour begins, turns, picks or ends.

    Attributes:
        column, y_m: in the ladder's coordinates.
        pick: index into the pick list if something is picked here, else None.
    """

    column: int
    y_m: float
    pick: int | None = None


@dataclass(frozen=True)
class Tour:
    """A walk from the ladder's start to one of its ends that reaches every pick.

    Attributes:
        policy: what made it: ``optimal``, ``s-shape``, …
        length_m: of the whole walk, from the depot to the drop-off.
        proven_optimal: no shorter tour exists.
        path: the walk, point by point. Two points that follow each other lie in the same column, or at the same cross aisle; each pick
            is named once, the first time that it is reached. For a list without picks nobody walks: no path, length 0.
        end: the drop-off that was chosen.
        lower_bound_m: what no tour can undercut, if known; the length itself if proven.
    """

    policy: str
    length_m: float
    proven_optimal: bool
    path: tuple[Point, ...]
    end: Place
    lower_bound_m: float | None = None

    @property
    def stops(self) -> tuple[int, ...]:
        """The picks in the order in which they are reached, as indices into the pick list."""
        return tuple(point.pick for point in self.path if point.pick is not None)


def path_length_m(ladder: Ladder, path: Sequence[Point]) -> float:
    """The length of a walk between intersections and picks, without the ways to the depots.

    Raises:
        ValueError: two points that follow each other are not joined by an aisle or a cross aisle: the walk is not one.
    """
    total = 0.0
    for a, b in itertools.pairwise(path):
        if a.column == b.column and (ladder.aisles[a.column] or a.y_m == b.y_m):
            total += abs(a.y_m - b.y_m)
        elif a.y_m == b.y_m and a.y_m in ladder.y_m:
            total += abs(ladder.x_m[a.column] - ladder.x_m[b.column])
        else:
            raise ValueError(f"no way leads from {a} to {b}")
    return total


def shortest_way(ladder: Ladder, a: Point, b: Point) -> list[Point]:
    """A shortest walk between two points that lie in aisles, or one of them at a depot; ``b`` included, ``a`` not."""
    if a.column == b.column or a.y_m == b.y_m in ladder.y_m:
        return [b]
    crossings = [point.y_m for point in (a, b) if not ladder.aisles[point.column]] or ladder.y_m
    y = min(crossings, key=lambda y: abs(a.y_m - y) + abs(b.y_m - y))
    turns = [Point(a.column, y), Point(b.column, y)]
    return [*(turn for turn in turns if (turn.column, turn.y_m) not in ((a.column, a.y_m), (b.column, b.y_m))), b]


def check_tour(ladder: Ladder, picks: PickList, tour: Tour) -> None:
    """Walk a tour and compare.

    Raises:
        ValueError: it does not begin or end where it must, leaves picks out, or is not as long as it says.
    """
    if not len(picks):
        if tour.path or tour.length_m:
            raise ValueError("nothing is to be picked, and yet somebody walks")
        return
    if not tour.path:
        raise ValueError("nobody walks, and yet something is to be picked")
    for point in tour.path:
        if not (0 <= point.column < ladder.columns and 0 <= point.y_m <= ladder.y_m[-1]):
            raise ValueError(f"{point} is outside the ladder")
    first, last = tour.path[0], tour.path[-1]
    if (first.column, first.y_m) != (ladder.start.column, ladder.y_m[ladder.start.cross_aisle]):
        raise ValueError(f"the tour begins at {first}, not at {ladder.start}")
    if tour.end not in ladder.ends or (last.column, last.y_m) != (tour.end.column, ladder.y_m[tour.end.cross_aisle]):
        raise ValueError(f"the tour ends at {last}, not at {tour.end}")
    if sorted(tour.stops) != list(range(len(picks))):
        raise ValueError(f"the tour picks {tour.stops} of {len(picks)}")
    for point in tour.path:
        if point.pick is not None and (point.column, point.y_m) != (picks.columns[point.pick], picks.y_m[point.pick]):
            raise ValueError(f"pick {point.pick} does not lie at {point}")
    length = ladder.start.walk_m + path_length_m(ladder, tour.path) + tour.end.walk_m
    if not abs(length - tour.length_m) <= 1e-6 * max(1.0, length):  # so that NaN fails, too
        raise ValueError(f"the tour is {length} m long, not {tour.length_m}")
