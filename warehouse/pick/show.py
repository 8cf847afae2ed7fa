"""What ``bintally pick route`` prints and draws."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bintally.layouts import Cart, Ladder, PickList, Request
from warehouse.pick.route import Routed
from warehouse.routing.cart.schedule import Push, Stay
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
                print(json.dumps(as_json(request, picks, routed)), flush=True)
        elif self.stops:
            print(_heading(request, picks))
            for routed in found:
                print("\n".join([_line(routed), *_details(request.ladder, picks, routed)]))
        else:
            for routed in found:
                print(f"{request.file}  {_line(routed)}", flush=True)
        self._draw(request.ladder, picks, cart, found)

    def _draw(self, ladder: Ladder, picks: PickList, cart: Cart | None, found: Sequence[Routed]) -> None:
        if self.plot:
            from warehouse.routing.pictures import draw_tours

            draw_tours(self.plot, ladder, picks, [(routed.policy, routed.found) for routed in found])
        if self.slice_plot:
            from warehouse.pick.slice import draw_one_more

            draw_one_more(self.slice_plot, ladder, picks, cart)


def as_json(request: Request, picks: PickList, routed: Routed) -> dict[str, Any]:
    """A tour for programs; lengths in metres, times in seconds, positions from the front cross aisle's centre line."""
    ladder = request.ladder
    found: dict[str, Any] = {"file": request.file, "policy": routed.policy}
    if isinstance(routed.found, Tour):
        tour = routed.found
        return found | {
            "length_m": tour.length_m,
            "proven_optimal": routed.proven_optimal,
            "lower_bound_m": tour.lower_bound_m,
            "stops": [_stop(ladder, picks, pick) for pick in tour.stops],
        }
    schedule = routed.found
    order = dict.fromkeys(pick for step in schedule.steps for pick in _picked(step))
    return found | {
        "length_m": schedule.pushed_m + schedule.walked_m,
        "proven_optimal": routed.proven_optimal,
        "stops": [_stop(ladder, picks, pick) for pick in order],
        "time_s": schedule.time_s,
        "lower_bound_s": schedule.lower_bound_s,
        "pushed_m": schedule.pushed_m,
        "walked_m": schedule.walked_m,
        "method": schedule.method,
        "schedule": [_step(ladder, picks, step) for step in schedule.steps],
    }


def _picked(step: Push | Stay) -> list[int]:
    paths = [step.path] if isinstance(step, Push) else [loop.path for loop in step.loops]
    return [point.pick for path in paths for point in path if point.pick is not None]


def _stop(ladder: Ladder, picks: PickList, pick: int) -> dict[str, Any]:
    return {
        "article": picks.names[pick],
        "aisle": aisle_number(ladder, int(picks.columns[pick])),
        "block": int(picks.blocks[pick]),
        "position_m": float(picks.y_m[pick]),
        "quantity": int(picks.quantities[pick]),
    }


def _step(ladder: Ladder, picks: PickList, step: Push | Stay) -> dict[str, Any]:
    if isinstance(step, Push):
        a, b = step.path[0], step.path[-1]
        picked = [_stop(ladder, picks, pick) for pick in _picked(step)]
        return {"do": "push", "from": _corner(ladder, a), "to": _corner(ladder, b), "picks": picked, "seconds": step.seconds}
    loops = [
        {
            "picks": [_stop(ladder, picks, point.pick) for point in loop.path if point.pick is not None],
            "items": loop.items,
            "seconds": loop.seconds,
        }
        for loop in step.loops
    ]
    return {"do": "park", "at": _corner(ladder, step.at), "loops": loops, "seconds": step.seconds}


def _corner(ladder: Ladder, point: Point) -> dict[str, Any]:
    return {"x_m": ladder.x_m[point.column], "cross_aisle": ladder.y_m.index(point.y_m)}


def aisle_number(ladder: Ladder, column: int) -> int:
    """An aisle's number in the user's file, where depots between aisles are not counted."""
    return sum(ladder.aisles[:column])


def _heading(request: Request, picks: PickList) -> str:
    ladder = request.ladder
    size = f"{sum(ladder.aisles)} aisles, {ladder.cross_aisles} cross aisles"
    return f"{request.file}: {len(picks)} places, {int(picks.quantities.sum())} items; {size}"


def _line(routed: Routed) -> str:
    if isinstance(routed.found, Tour):
        tour = routed.found
        return f"{routed.policy:<14} {tour.length_m:10.2f} m  {_proof(routed, tour.length_m, tour.lower_bound_m)}".rstrip()
    schedule = routed.found
    proof = _proof(routed, schedule.time_s, schedule.lower_bound_s)
    metres = f"{schedule.pushed_m:.1f} m with the cart, {schedule.walked_m:.1f} m without"
    return f"{routed.policy:<14} {schedule.time_s:10.2f} s  {metres}{', ' if proof else ''}{proof}"


def _proof(routed: Routed, value: float, bound: float | None) -> str:
    if routed.proven_optimal:
        return "none is shorter"
    if bound is None or bound <= 0 or routed.policy != "optimal":
        return ""
    return f"at most {max(value / bound - 1, 0):.2%} above the optimum"


def _details(ladder: Ladder, picks: PickList, routed: Routed) -> list[str]:
    if isinstance(routed.found, Tour):
        return [f"  {number:>3}  {_place(ladder, picks, pick)}" for number, pick in enumerate(routed.found.stops, 1)]
    lines = []
    for number, step in enumerate(routed.found.steps, 1):
        if isinstance(step, Push):
            lines.append(f"  {number:>3}  push to {_name(ladder, step.path[-1])}  ({step.seconds:.1f} s)")
            lines += [f"         {_place(ladder, picks, pick)}" for pick in _picked(step)]
        else:
            lines.append(f"  {number:>3}  park at {_name(ladder, step.at)}  ({step.seconds:.1f} s)")
            for index, loop in enumerate(step.loops, 1):
                lines.append(f"       loop {index}: {loop.items} items  ({loop.seconds:.1f} s)")
                lines += [f"         {_place(ladder, picks, point.pick)}" for point in loop.path if point.pick is not None]
    return lines


def _place(ladder: Ladder, picks: PickList, pick: int) -> str:
    quantity = int(picks.quantities[pick])
    items = f" ×{quantity}" if quantity > 1 else ""
    return f"aisle {aisle_number(ladder, int(picks.columns[pick])):>3}, {picks.y_m[pick]:7.2f} m  {picks.names[pick]}{items}"


def _name(ladder: Ladder, point: Point) -> str:
    row = ladder.y_m.index(point.y_m)
    where = "front" if row == 0 else "back" if row == ladder.cross_aisles - 1 else f"cross aisle {row}"
    return f"aisle {aisle_number(ladder, point.column)}, {where}" if ladder.aisles[point.column] else f"the depot, {where}"
