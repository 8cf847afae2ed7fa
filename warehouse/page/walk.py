"""Recount tours for the page. What plans them is loaded when it is first asked for, and may be missing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from typing import TYPE_CHECKING

from warehouse.api.routes.walks import planning
from warehouse.ledger import Ledger, cases
from warehouse.ledger.cases import Listed
from warehouse.page.recounts import Asked, Tour

if TYPE_CHECKING:
    from warehouse.walks.from_ledger import PlannedRecounts


def assigned(ledger: Ledger, site: str, who: str) -> list[Listed]:
    """What somebody has been sent to, by place."""
    found: list[Listed] = []
    cursor = None
    with ledger.read() as tx:
        while True:
            page = cases.page(tx, state="recount", site=site, order="age", cursor=cursor, limit=1000)
            found.extend(one for one in page.rows if one.case.assigned_to == who)
            cursor = page.cursor
            if cursor is None:
                return sorted(found, key=_by_place)


def plan_mine(ledger: Ledger, site: str, stops: Iterable[Listed]) -> PlannedRecounts:
    """The shortest way to all of them that have a place.

    Raises:
        RefusedError: others plan, or the planners are not installed.
        InputError: the site has no layout, or no router takes it.
    """
    with planning():
        from bintally.layouts.cart import LONGEST_S
        from warehouse.walks.from_ledger import PlannedRecounts, hall_of
        from warehouse.walks.recounts import Limits, Task, recount_tour
        from warehouse.walks.stock import shelf_at

        with ledger.read() as tx:
            hall = hall_of(tx, site)
        listed = {one.case.number: one for one in stops}
        tasks = [Task(number, one.case.bin, shelf_at(hall, one.place), one.case.cost) for number, one in listed.items()]
        return PlannedRecounts(recount_tour(tasks, hall.ladder, Limits(LONGEST_S)), hall.ladder, listed)


def plan_open(ledger: Ledger, site: str, asked: Asked, who: str) -> PlannedRecounts:
    """A tour to the costliest discrepancies that nobody else goes to.

    Raises:
        RefusedError, InputError: as ``plan_mine``.
    """
    with planning():
        from warehouse.walks.from_ledger import plan_recounts
        from warehouse.walks.recounts import Limits

        return plan_recounts(ledger, site, Limits(60 * asked.minutes, asked.walk_m_s, asked.look_s), who)


def as_tour(planned: PlannedRecounts) -> Tour:
    """For the page; those that no walk reaches come last."""
    tour, stops = planned.tour, [planned.listed[task.number] for task in planned.tour.stops]
    reasons = Counter(str(out.reason) for out in tour.left_out)
    return Tour(stops, tour.walk.length_m, tour.walk.time_s, tour.cost, reasons)


def with_unreached(tour: Tour, planned: PlannedRecounts) -> Tour:
    """What somebody has been sent to stays with them, even if no walk leads there."""
    lost = [planned.listed[out.task.number] for out in planned.tour.left_out]
    return replace(tour, stops=[*tour.stops, *lost])


def picture(planned: PlannedRecounts, site: str) -> str:
    """The way, as SVG."""
    from warehouse.walks.pictures import svg

    return svg(planned.ladder, f"Recounts: {site}", planned.tour.walk)


def _by_place(one: Listed) -> tuple[bool, int, int, float, str]:
    if one.place is None:
        return True, 0, 0, 0.0, one.case.bin
    return False, one.place.aisle, one.place.block, one.place.position_m, one.case.bin
