"""What ``bintally pick route`` prints and draws."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bintally.layouts import Cart, Ladder, PickList, Place, Request
from warehouse.pick.route import Routed
from warehouse.pick.steps import Taken, end_of, straightened, taken_on
from warehouse.pick.words import aisle_number, details, heading, summary
from warehouse.routing.cart.schedule import Push, Schedule, Stay, loop_names
from warehouse.routing.tour import Point, Tour


@dataclass(frozen=True)
class Shown:
    """Tours as lines for people or for programs, and as pictures of a single list.

    Attributes:
        as_json: one JSON object a tour, else text.
        stops: text names every stop, too.
        plot, slice_plot: files to draw into.
    """

    as_json: bool
    stops: bool
    plot: Path | None
    slice_plot: Path | None

    def __call__(self, request: Request, picks: PickList, cart: Cart | None, found: Sequence[Routed]) -> None:
        """Show the tours of a list."""
        if self.as_json:
            for routed in found:
                print(json.dumps(as_json(request, picks, cart, routed)), flush=True)
        elif self.stops:
            print(heading(request, picks))
            for routed in found:
                print("\n".join([summary(routed, found), *details(request.ladder, picks, cart, routed.found)]))
        else:
            for routed in found:
                print(f"{request.file}  {summary(routed, found)}", flush=True)
        self._draw(request.ladder, picks, cart, found)

    def _draw(self, ladder: Ladder, picks: PickList, cart: Cart | None, found: Sequence[Routed]) -> None:
        if self.plot:
            from warehouse.routing.pictures import draw_tours

            draw_tours(self.plot, ladder, picks, [(routed.policy, routed.found) for routed in found])
        if self.slice_plot:
            from warehouse.pick.slice import draw_one_more

            draw_one_more(self.slice_plot, ladder, picks, cart)


def as_json(request: Request, picks: PickList, cart: Cart | None, routed: Routed) -> dict[str, Any]:
    """A tour for programs; docs/picking.md describes the keys."""
    told: dict[str, Any] = {"file": request.file, "policy": routed.policy}
    if isinstance(routed.found, Tour):
        return told | _tour(request.ladder, picks, routed.found, routed.proven_optimal)
    told |= _schedule(request.ladder, picks, cart, routed.found, routed.proven_optimal)
    return told if routed.pushed_along_s is None else told | {"pushed_along_s": routed.pushed_along_s}


def _tour(ladder: Ladder, picks: PickList, tour: Tour, proven_optimal: bool) -> dict[str, Any]:
    return {
        "length_m": tour.length_m,
        "proven_optimal": proven_optimal,
        "lower_bound_m": tour.lower_bound_m,
        "stops": [_stop(ladder, picks, (pick, int(picks.quantities[pick]))) for pick in tour.stops],
        "path": _path(ladder, tour.path),
        "end": _end(ladder, end_of(ladder, tour)),
    }


def _schedule(ladder: Ladder, picks: PickList, cart: Cart | None, schedule: Schedule, proven_optimal: bool) -> dict[str, Any]:
    schedule = straightened(schedule)
    names, taken = loop_names(schedule), list(taken_on(schedule, picks, cart.hands if cart else None))
    order = dict.fromkeys(pick for walks in taken for walk in walks for pick, _ in walk)
    return {
        "length_m": schedule.pushed_m + schedule.walked_m,
        "proven_optimal": proven_optimal,
        "stops": [_stop(ladder, picks, (pick, int(picks.quantities[pick]))) for pick in order],
        "time_s": schedule.time_s,
        "lower_bound_s": schedule.lower_bound_s,
        "pushed_m": schedule.pushed_m,
        "walked_m": schedule.walked_m,
        "method": schedule.method,
        "end": _end(ladder, end_of(ladder, schedule)),
        "schedule": [
            _push(ladder, picks, step, walks[0])
            if isinstance(step, Push)
            else _stay(ladder, picks, step, walks, [next(names) for _ in walks])
            for step, walks in zip(schedule.steps, taken, strict=True)
        ],
    }


def _push(ladder: Ladder, picks: PickList, push: Push, taken: Sequence[Taken]) -> dict[str, Any]:
    return {
        "do": "push",
        "from": _corner(ladder, push.path[0]),
        "to": _corner(ladder, push.path[-1]),
        "picks": [_stop(ladder, picks, stop) for stop in taken],
        "seconds": push.seconds,
    }


def _stay(ladder: Ladder, picks: PickList, stay: Stay, taken: Sequence[Sequence[Taken]], names: Sequence[str]) -> dict[str, Any]:
    loops = [
        {
            "name": name,
            "picks": [_stop(ladder, picks, stop) for stop in stops],
            "items": loop.items,
            "path": _path(ladder, loop.path),
            "seconds": loop.seconds,
        }
        for name, loop, stops in zip(names, stay.loops, taken, strict=True)
    ]
    return {"do": "park", "at": _corner(ladder, stay.at), "loops": loops, "seconds": stay.seconds}


def _stop(ladder: Ladder, picks: PickList, stop: Taken) -> dict[str, Any]:
    pick, items = stop
    return {
        "article": picks.names[pick],
        "aisle": aisle_number(ladder, int(picks.columns[pick])),
        "block": int(picks.blocks[pick]),
        "y_m": float(picks.y_m[pick]),
        "quantity": items,
    }


def _path(ladder: Ladder, path: Sequence[Point]) -> list[tuple[float, float]]:
    return [(ladder.x_m[point.column], point.y_m) for point in path]


def _corner(ladder: Ladder, point: Point) -> dict[str, Any]:
    return {"x_m": ladder.x_m[point.column], "cross_aisle": ladder.y_m.index(point.y_m)}


def _end(ladder: Ladder, end: Place | None) -> dict[str, Any] | None:
    return None if end is None else {"x_m": ladder.x_m[end.column], "cross_aisle": end.cross_aisle, "walk_m": end.walk_m}
