"""What is drawn of a tour or a schedule: strands of the walk in the order in which they are walked, and the cart's stands."""

from __future__ import annotations

import string
from dataclasses import dataclass

from bintally.layouts import Ladder, Place
from warehouse.routing.cart.schedule import Push, Schedule, loop_names
from warehouse.routing.tour import Point, Tour


@dataclass(frozen=True)
class Spot:
    """Where a strand begins, turns, picks or ends.

    Attributes:
        x_m, y_m: in the ladder's coordinates.
        pick: index into the pick list if something is picked here.
    """

    x_m: float
    y_m: float
    pick: int | None = None


@dataclass(frozen=True)
class Strand:
    """A part of the walk: a whole tour, a loop away from the cart, or the cart's way from one stand to the next.

    Attributes:
        spots: of the walk; neighbours have the same x or the same y.
        pushed: the cart comes along.
        loop: the loop's name, such as ``B2``; empty if it is none.
    """

    spots: tuple[Spot, ...]
    pushed: bool = False
    loop: str = ""


@dataclass(frozen=True)
class Walk:
    """All strands, each beginning where the one before it ends; and the stands by name."""

    strands: tuple[Strand, ...]
    stands: dict[str, Spot]

    @property
    def order(self) -> dict[int, int]:
        """Each pick's number in the order of first visits, from 1."""
        visits = (spot.pick for strand in self.strands for spot in strand.spots if spot.pick is not None)
        return {pick: number for number, pick in enumerate(dict.fromkeys(visits), 1)}


def walk_of(ladder: Ladder, drawn: Tour | Schedule) -> Walk:
    """The strands of a tour or a schedule, from the depot to the drop-off; none where nothing is to be picked."""
    if isinstance(drawn, Schedule):
        return _scheduled(ladder, drawn)
    if not drawn.path:
        return Walk((), {})
    spots = [_spot(ladder, point) for point in drawn.path]
    return Walk((Strand((*_outside(ladder, ladder.start), *spots, *_outside(ladder, drawn.end))),), {})


def depot_spot(ladder: Ladder, place: Place) -> Spot | None:
    """Where a depot is drawn: outside the ladder, at a distance that the page chooses; None if its intersection is surrounded."""
    x_m, y_m = ladder.x_m[place.column], ladder.y_m[place.cross_aisle]
    if place.cross_aisle in (0, ladder.cross_aisles - 1):
        return Spot(x_m, y_m + (1.0 if place.cross_aisle else -1.0))
    if place.column in (0, ladder.columns - 1):
        return Spot(x_m + (1.0 if place.column else -1.0), y_m)
    return None


def _scheduled(ladder: Ladder, schedule: Schedule) -> Walk:
    if not schedule.steps:
        return Walk((), {})
    stands: dict[str, Spot] = {}
    strands: list[Strand] = []
    names = loop_names(schedule)
    way = [*_outside(ladder, ladder.start), _spot(ladder, _first(schedule))]
    for step in schedule.steps:
        if isinstance(step, Push):
            way += [_spot(ladder, point) for point in step.path]
            continue
        strands.append(Strand(tuple(way), pushed=True))
        way = [_spot(ladder, step.at)]
        for loop, name in zip(step.loops, names, strict=False):
            stands[name.rstrip(string.digits)] = way[0]
            strands.append(Strand(tuple(_spot(ladder, point) for point in loop.path), loop=name))
    way += _outside(ladder, _end(ladder, way[-1]))
    return Walk((*strands, Strand(tuple(way), pushed=True)), stands)


def _first(schedule: Schedule) -> Point:
    step = schedule.steps[0]
    return step.path[0] if isinstance(step, Push) else step.at


def _end(ladder: Ladder, last: Spot) -> Place:
    here = [end for end in ladder.ends if (ladder.x_m[end.column], ladder.y_m[end.cross_aisle]) == (last.x_m, last.y_m)]
    return min(here, key=lambda end: end.walk_m)


def _outside(ladder: Ladder, place: Place) -> list[Spot]:
    spot = depot_spot(ladder, place)
    return [] if spot is None else [spot]


def _spot(ladder: Ladder, point: Point) -> Spot:
    return Spot(ladder.x_m[point.column], point.y_m, point.pick)
