"""From planned walks to what is told of them (pure, but for the pictures' temporary files)."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from bintally.layouts import Ladder
from warehouse.ledger.cases import Listed
from warehouse.ledger.places import Place
from warehouse.pick.steps import Taken, taken_on
from warehouse.routing.cart.schedule import Push, Schedule, loop_names
from warehouse.routing.tour import Point
from warehouse.walks.admit import Refused
from warehouse.walks.models import Lack, LeftOut, Loop, NotServed, PickList, PickLists, PickStop, Recounts, RecountStop, Step
from warehouse.walks.pictures import svg
from warehouse.walks.recounts import RecountTour
from warehouse.walks.serve import PickedList, Served
from warehouse.walks.tours import at

_TITLE = 60


def pick_lists(site: str, served: Served, ladder: Ladder, pictures: bool) -> PickLists:
    """Pick lists, and the orders that are in none."""
    lists = [_pick_list(one, f"List {number}", ladder, pictures) for number, one in enumerate(served.lists, 1)]
    return PickLists(
        site=site,
        lists=lists,
        not_served=[_not_served(one) for one in served.refused],
        length_m=sum(one.length_m for one in lists),
        seconds=sum(one.seconds for one in lists),
    )


def recount_list(site: str, tour: RecountTour, listed: Mapping[int, Listed], ladder: Ladder, pictures: bool) -> Recounts:
    """A recount tour.

    Args:
        site: its name.
        tour: through it.
        listed: the discrepancies by number.
        ladder: the warehouse.
        pictures: draw it.
    """
    return Recounts(
        site=site,
        length_m=tour.walk.length_m,
        seconds=tour.walk.time_s,
        proven_optimal=tour.walk.found.proven_optimal,
        cost=tour.cost,
        stops=[_recount_stop(listed[task.number]) for task in tour.stops],
        left_out=[LeftOut(number=out.task.number, bin=out.task.bin, cost=out.task.cost, reason=out.reason) for out in tour.left_out],
        picture=svg(ladder, f"Recounts: {site}", tour.walk) if pictures else None,
    )


def _recount_stop(found: Listed) -> RecountStop:
    case = found.case
    same = {name: getattr(case, name) for name in ("number", "kind", "expected", "likely", "p_wrong", "cost")}
    return RecountStop(**_spot(found.place, case.bin), **same, article=found.article)


def _not_served(refused: Refused) -> NotServed:
    return NotServed(order=refused.order, lacks=[Lack(**{**vars(lack), "bins": list(lack.bins)}) for lack in refused.lacks])


def _pick_list(one: PickedList, title: str, ladder: Ladder, pictures: bool) -> PickList:
    stops = [
        PickStop(**_spot(stop.bin.place, stop.bin.name), article=stop.bin.article, quantity=stop.quantity, order=stop.order)
        for stop in one.stops
    ]
    return PickList(
        orders=list(one.orders),
        length_m=one.walk.length_m,
        seconds=one.walk.time_s,
        proven_optimal=one.walk.found.proven_optimal,
        stops=stops,
        schedule=list(_steps(one, ladder, one.walk.found)) if isinstance(one.walk.found, Schedule) else None,
        picture=svg(ladder, textwrap.shorten(f"{title}: {', '.join(one.orders)}", _TITLE, placeholder=" …"), one.walk)
        if pictures
        else None,
    )


def _spot(place: Place | None, name: str) -> dict[str, Any]:
    """Of a bin that is on a walk, so that its place is known."""
    if place is None:
        raise ValueError(f"bin {name} is on a walk and has no place")
    return {"bin": name, "zone": place.zone, "aisle": place.aisle, "block": place.block, "position_m": place.position_m}


def _steps(one: PickedList, ladder: Ladder, schedule: Schedule) -> Iterator[Step]:
    picks, names = one.walk.picks, loop_names(schedule)
    here: dict[tuple[int, float], dict[str, None]] = {}
    for stop in one.stops:
        if stop.bin.shelf:
            here.setdefault(at(stop.bin.shelf), {})[stop.bin.name] = None

    def bins(taken: Sequence[Taken]) -> list[str]:
        return [name for pick, _ in taken for name in here[int(picks.columns[pick]), float(picks.y_m[pick])]]

    for step, taken in zip(schedule.steps, taken_on(schedule, picks, one.walk.hands), strict=True):
        if isinstance(step, Push):
            yield Step(do="push", **_corner(ladder, step.path[-1]), bins=bins(taken[0]), seconds=step.seconds)
        else:
            each = zip(step.loops, taken, strict=True)
            loops = [Loop(name=next(names), bins=bins(stops), items=loop.items, seconds=loop.seconds) for loop, stops in each]
            yield Step(do="park", **_corner(ladder, step.at), loops=loops, seconds=step.seconds)


def _corner(ladder: Ladder, point: Point) -> dict[str, Any]:
    return {"x_m": ladder.x_m[point.column], "cross_aisle": ladder.y_m.index(point.y_m)}
