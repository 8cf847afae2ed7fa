"""A tour or a schedule as text, for people."""

from __future__ import annotations

from collections.abc import Sequence

from bintally.layouts import Cart, Ladder, PickList, Place, Request
from warehouse.pick.route import Routed
from warehouse.pick.steps import Taken, end_of, straightened, taken_on
from warehouse.routing.cart.schedule import Push, Schedule, loop_names
from warehouse.routing.tour import Tour


def heading(request: Request, picks: PickList) -> str:
    """What was asked."""
    ladder = request.ladder
    size = f"{_many(sum(ladder.aisles), 'aisle')}, {ladder.cross_aisles} cross aisles"
    return f"{request.file}: {_many(len(picks), 'place')}, {_many(int(picks.quantities.sum()), 'item')}; {size}"


def summary(routed: Routed, beside: Sequence[Routed] = ()) -> str:
    """How long it is, and how much of that is certain.

    Args:
        routed: a tour or a schedule.
        beside: all of the same list; if the optimum is among them, policies are compared with it.
    """
    found = routed.found
    if isinstance(found, Tour):
        return f"{routed.policy:<14} {found.length_m:10.2f} m  {_proof(routed, found.lower_bound_m, 'shortest', beside)}".rstrip()
    proof = _proof(routed, found.lower_bound_s, "fastest", beside)
    metres = f"{found.pushed_m:.1f} m with the cart, {found.walked_m:.1f} m without"
    along = "" if routed.pushed_along_s is None else f"{routed.pushed_along_s:.2f} s with the cart everywhere"
    return f"{routed.policy:<14} {found.time_s:10.2f} s  {', '.join(filter(None, (metres, proof, along)))}"


def details(ladder: Ladder, picks: PickList, cart: Cart | None, found: Tour | Schedule) -> list[str]:
    """Stop by stop, or step by step; and where it ends, if there is a choice."""
    if isinstance(found, Tour):
        stops = [(pick, int(picks.quantities[pick])) for pick in found.stops]
        lines = [f"  {number:>3}  {_place(ladder, picks, stop)}" for number, stop in enumerate(stops, 1)]
    else:
        lines = _steps(ladder, picks, cart.hands if cart else None, straightened(found))
    end = end_of(ladder, found)
    return lines if end is None or ladder.ends == (ladder.start,) else [*lines, f"  end  {_end(ladder, end)}"]


def aisle_number(ladder: Ladder, column: int) -> int:
    """An aisle's number in the user's file, where depots between aisles are not counted."""
    return sum(ladder.aisles[:column])


def _steps(ladder: Ladder, picks: PickList, hands: int | None, schedule: Schedule) -> list[str]:
    names, lines = loop_names(schedule), []
    for number, (step, taken) in enumerate(zip(schedule.steps, taken_on(schedule, picks, hands), strict=True), 1):
        if isinstance(step, Push):
            to = step.path[-1]
            lines.append(f"  {number:>3}  push to {_corner(ladder, to.column, ladder.y_m.index(to.y_m))}  ({step.seconds:.1f} s)")
            lines += [f"         {_place(ladder, picks, stop)}" for stop in taken[0]]
            continue
        lines.append(f"  {number:>3}  park at {_corner(ladder, step.at.column, ladder.y_m.index(step.at.y_m))}  ({step.seconds:.1f} s)")
        for loop, stops in zip(step.loops, taken, strict=True):
            lines.append(f"       loop {next(names)}: {_many(loop.items, 'item')}  ({loop.seconds:.1f} s)")
            lines += [f"         {_place(ladder, picks, stop)}" for stop in stops]
    return lines


def _proof(routed: Routed, bound: float | None, best: str, beside: Sequence[Routed]) -> str:
    if routed.proven_optimal:
        return f"proven {best}"
    if routed.policy == "optimal":
        return f"at most {_above(routed, bound):.1f} % above the {best}" if bound else ""
    shortest = next((_value(other) for other in beside if other.proven_optimal), None)
    return f"{_above(routed, shortest):.1f} % above the {best}" if shortest else ""


def _above(routed: Routed, least: float) -> float:
    return max(0.0, 100 * (_value(routed) / least - 1))


def _value(routed: Routed) -> float:
    return routed.found.length_m if isinstance(routed.found, Tour) else routed.found.time_s


def _place(ladder: Ladder, picks: PickList, stop: Taken) -> str:
    pick, taken = stop
    there = int(picks.quantities[pick])
    items = f" ×{taken}" if there > 1 else ""
    of = f" of {there}" if taken < there else ""
    return f"aisle {aisle_number(ladder, int(picks.columns[pick])):>3}, {picks.y_m[pick]:7.2f} m from the front  {picks.names[pick]}{items}{of}"


def _corner(ladder: Ladder, column: int, row: int) -> str:
    where = "front" if row == 0 else "back" if row == ladder.cross_aisles - 1 else f"cross aisle {row}"
    if ladder.aisles[column]:
        return f"aisle {aisle_number(ladder, column)}, {where}"
    return f"x = {ladder.x_m[column]:g} m, {where}"


def _end(ladder: Ladder, end: Place) -> str:
    return _corner(ladder, end.column, end.cross_aisle) + (f", and {end.walk_m:g} m to the drop-off" if end.walk_m else "")


def _many(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"
