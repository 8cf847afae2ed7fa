"""A picker who walks as a policy says, and picks whatever he passes."""

from __future__ import annotations

from dataclasses import dataclass

from bintally.layouts import Ladder, PickList
from warehouse.routing.tour import Point, shortest_way


@dataclass(frozen=True)
class Block:
    """A block as somebody sees it who comes from the depot.

    Attributes:
        index: in the ladder.
        front, back: y of its cross aisles in metres; the front one is nearer to the depot, also where that is the higher y.
    """

    index: int
    front: float
    back: float


class Walk:
    """A walk that begins at the depot.

    It turns, leaves out and comes back as a policy tells it. What is picked is settled here: everything that lies on the way, the first
    time that it is reached.

    Attributes:
        ladder: where.
        path: the walk so far; it ends where the picker stands.
    """

    def __init__(self, ladder: Ladder, picks: PickList) -> None:
        self.ladder = ladder
        self.path: list[Point] = []
        # of each block: column → picks that are left there, in the order of y; columns without any are struck out
        self._left: list[dict[int, list[Point]]] = [{} for _ in range(ladder.blocks)]
        places = zip(picks.columns.tolist(), picks.blocks.tolist(), picks.y_m.tolist(), strict=True)
        for pick, (column, block, y_m) in enumerate(places):
            self._left[block].setdefault(column, []).append(Point(column, y_m, pick))
        self._step(Point(ladder.start.column, ladder.y_m[ladder.start.cross_aisle]))

    @property
    def here(self) -> Point:
        """Where the picker stands."""
        return self.path[-1]

    def columns(self, block: Block) -> list[int]:
        """Where something is left to be picked in the block, in increasing order."""
        return sorted(self._left[block.index])

    def sweep(self, block: Block) -> list[int]:
        """The same columns, from the outermost one that is nearer to the picker to the other outermost one."""
        columns, x_m = self.columns(block), self.ladder.x_m
        here = x_m[self.here.column]
        return columns if not columns or abs(x_m[columns[0]] - here) <= abs(x_m[columns[-1]] - here) else columns[::-1]

    def left(self, block: Block, column: int) -> list[float]:
        """y in metres of what is left to be picked in a sub-aisle, from front to back."""
        y_m = [point.y_m for point in self._left[block.index].get(column, ())]
        return y_m if block.front < block.back else y_m[::-1]

    def aisles(self) -> dict[int, tuple[float, float]]:
        """The lowest and the highest y of what is left to be picked in each column, in increasing order."""
        columns = sorted({column for left in self._left for column in left})
        y_m = {column: [point.y_m for left in self._left for point in left.get(column, ())] for column in columns}
        return {column: (min(values), max(values)) for column, values in y_m.items()}

    def up_to(self, y_m: float) -> None:
        """Walk along the aisle."""
        self._step(Point(self.here.column, y_m))

    def along_to(self, column: int) -> None:
        """Walk along the cross aisle."""
        self._step(Point(column, self.here.y_m))

    def there_and_back(self, y_m: float) -> None:
        """Walk into the aisle and leave it where it was entered."""
        entry = self.here.y_m
        self.up_to(y_m)
        self.up_to(entry)

    def through(self, block: Block) -> None:
        """Walk through the block's whole sub-aisle."""
        self.up_to(block.back if self.here.y_m == block.front else block.front)

    def finish(self) -> int:
        """Walk to the best end, and tell which it is, as an index into the ladder's ends."""
        ladder, here = self.ladder, (self.here.column, self.here.y_m)
        places = [(end.column, ladder.y_m[end.cross_aisle]) for end in ladder.ends]
        best = min(range(len(places)), key=lambda end: ladder.distance_m(here, places[end]) + ladder.ends[end].walk_m)
        for point in shortest_way(ladder, self.here, Point(*places[best])):
            self._step(point)
        return best

    def _step(self, to: Point) -> None:
        """Walk straight on to a corner or a turning point."""
        here = self.path[-1] if self.path else to
        for point in self._in_aisle(here, to) if here.column == to.column else self._in_cross_aisle(here, to):
            self._add(point)
        self._add(to)

    def _in_aisle(self, a: Point, b: Point) -> list[Point]:
        """Take the picks between two points of a column, in the order in which they are reached."""
        low, high = sorted((a.y_m, b.y_m))
        taken = []
        for left in self._left:
            points = left.get(a.column, ())
            passed = [point for point in points if low <= point.y_m <= high]
            if len(passed) == len(points):
                left.pop(a.column, None)
            elif passed:
                left[a.column] = [point for point in points if point not in passed]
            taken += passed
        return taken if a.y_m <= b.y_m else taken[::-1]

    def _in_cross_aisle(self, a: Point, b: Point) -> list[Point]:
        """Take the picks that lie at the intersections between two points of a cross aisle, in the order in which they are reached."""
        low, high = sorted((a.column, b.column))
        there = {
            column
            for left in self._left
            for column, points in left.items()
            if low <= column <= high and a.y_m in (points[0].y_m, points[-1].y_m)
        }
        columns = sorted(there, reverse=a.column > b.column)
        return [point for column in columns for point in self._in_aisle(Point(column, a.y_m), Point(column, a.y_m))]

    def _add(self, point: Point) -> None:
        """Lengthen the path; a corner that is only passed is left out."""
        path = self.path
        if path and point.pick is None and (path[-1].column, path[-1].y_m) == (point.column, point.y_m):
            return
        if len(path) > 1 and path[-1].pick is None and _straight_on(path[-2], path[-1], point):
            path.pop()
        path.append(point)


def _straight_on(a: Point, b: Point, c: Point) -> bool:
    in_aisle = a.column == b.column == c.column and (b.y_m - a.y_m) * (c.y_m - b.y_m) > 0
    in_cross_aisle = a.y_m == b.y_m == c.y_m and (b.column - a.column) * (c.column - b.column) > 0
    return in_aisle or in_cross_aisle
