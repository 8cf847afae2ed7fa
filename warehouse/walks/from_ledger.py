"""Walks of a site as its ledger stands: what is read, and who is sent."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from bintally.errors import InputError, UsageError
from bintally.layouts import Ladder, Order
from bintally.layouts.files import parse_layout
from bintally.layouts.hall import Hall
from warehouse.discrepancies.rules import Rules
from warehouse.ledger import Ledger, cases
from warehouse.ledger.cases import Listed
from warehouse.ledger.judging import wrong_share
from warehouse.ledger.places import layout
from warehouse.ledger.stock import holding
from warehouse.ledger.turns import take_turn
from warehouse.walks.recounts import Limits, RecountTour, Task, recount_tour
from warehouse.walks.serve import Asked, Served, serve
from warehouse.walks.stock import CONFIDENCE, bins_of, shelf_at

MOST_TASKS = 1000
"""The costliest ones; more than anybody looks into in a day."""


@dataclass(frozen=True)
class PlannedRecounts:
    """A recount tour, its warehouse, and its discrepancies by number."""

    tour: RecountTour
    ladder: Ladder
    listed: dict[int, Listed]


def plan_lists(
    ledger: Ledger, site: str, orders: Sequence[Order], asked: Asked, rules: Rules, confidence: float = CONFIDENCE
) -> tuple[Served, Ladder]:
    """Pick lists of a site.

    Args:
        ledger: is read only.
        site: its name.
        orders: the first ones are served first where there is not enough for all.
        asked: how.
        rules: for the share of wrong bins, where the site has no figure of its own.
        confidence: what P(quantity >= picks) must reach.

    Raises:
        InputError: the site has no layout, the confidence is none, or as for `serve`.
        UsageError: as for `serve`.
        UnavailableError: the ledger does not answer.
    """
    with ledger.read() as tx:
        hall = hall_of(tx, site)
        known = holding(tx, site, {article for order in orders for article in order.lines})
        share = wrong_share(tx, site, rules)
    return serve(orders, list(bins_of(known, hall, share, confidence)), hall.ladder, asked), hall.ladder


def plan_recounts(ledger: Ledger, site: str, limits: Limits, person: str | None = None) -> PlannedRecounts:
    """A recount tour of a site.

    Args:
        ledger: is read only.
        site: its name.
        limits: of the tour.
        person: who goes; what others have been sent to is left to them. None: whoever has been sent.

    Raises:
        InputError: the site has no layout, or no router takes it.
        UnavailableError: the ledger does not answer.
    """
    with ledger.read() as tx:
        hall, listed = hall_of(tx, site), _unsettled(tx, site, person)
    tasks = [Task(one.case.number, one.case.bin, shelf_at(hall, one.place), one.case.cost) for one in listed.values()]
    return PlannedRecounts(recount_tour(tasks, hall.ladder, limits), hall.ladder, listed)


def send(ledger: Ledger, site: str, tour: RecountTour, person: str, who: str, now: datetime) -> None:
    """Assign the discrepancies of a tour to who walks it; those that they have been sent to already stay as they are.

    Args:
        ledger: in which they are assigned, all or none.
        site: of the tour.
        tour: of `plan_recounts` for this person.
        person: who goes.
        who: sends them.
        now: aware, UTC.

    Raises:
        InputError: the person's name is none.
        UsageError: one of them was settled, or assigned to somebody else, since the tour was planned.
        UnavailableError: the ledger does not answer.
    """
    with ledger.begin("nobody was sent") as tx:
        take_turn(tx, site)
        for task in tour.stops:
            case = cases.case(tx, task.number).case
            if not _is_for(person, case.state, case.assigned_to):
                raise UsageError(f"discrepancy {task.number}: was settled or taken by somebody else meanwhile; plan the tour again")
            if case.assigned_to != person:
                cases.assign(tx, task.number, person, who, now)


def hall_of(tx: sa.Connection, site: str) -> Hall:
    """A site's layout.

    Raises:
        InputError: it has none.
    """
    text = layout(tx, site)
    if text is None:
        raise InputError(f"site {site!r} has no layout, so nobody knows its ways; import one (docs/layouts.md)")
    return parse_layout(text, f"layout of site {site!r}")


def _unsettled(tx: sa.Connection, site: str, person: str | None) -> dict[int, Listed]:
    """The costliest discrepancies that somebody may be sent to, by number."""
    found: dict[int, Listed] = {}
    cursor = None
    while len(found) < MOST_TASKS:
        page = cases.page(tx, state="unsettled", site=site, order="cost", cursor=cursor)
        found.update({one.case.number: one for one in page.rows if _is_for(person, one.case.state, one.case.assigned_to)})
        cursor = page.cursor
        if cursor is None:
            break
    return found


def _is_for(person: str | None, state: str, assigned_to: str | None) -> bool:
    if state == "settled":
        return False
    return person is None or state == "open" or assigned_to == person
