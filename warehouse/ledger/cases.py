"""Discrepancies as people see them and what they do about them: somebody goes to look, and says what is in the bin.

open ──assign──▶ recount ──settle──▶ settled
  ▲──release───────┘                    ▲
  └──────────────settle─────────────────┘        counts and books settle, too: warehouse.ledger.judging
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

import sqlalchemy as sa

from bintally.errors import InputError, UsageError
from warehouse.ledger import audit, paging
from warehouse.ledger.case_rows import SETTLED, Case, Change, case_from, is_open, write
from warehouse.ledger.corrections import Correction, correct
from warehouse.ledger.names import check_name
from warehouse.ledger.paging import Order, Page
from warehouse.ledger.places import Place
from warehouse.ledger.tables import BINS, COUNTS, DISCREPANCIES, PLACES
from warehouse.ledger.turns import take_turn

By = Literal["cost", "age", "changed"]
_ORDERS: dict[By, Order] = {
    "cost": Order("cases by cost", [DISCREPANCIES.c.cost, DISCREPANCIES.c.number], descending=True),
    "age": Order("cases by age", [DISCREPANCIES.c.number], descending=False),
    "changed": Order("cases by change", [DISCREPANCIES.c.changed_at, DISCREPANCIES.c.number], descending=True),
}


@dataclass(frozen=True)
class Listed:
    """A discrepancy, and what is needed to look into it.

    Attributes:
        article: that lies in the bin.
        evidence: the station's name of the picture that shows it best.
    """

    case: Case
    place: Place | None
    article: str | None
    evidence: str | None


def page(
    tx: sa.Connection,
    *,
    state: Literal["open", "recount", "settled", "unsettled"] | None = None,
    site: str | None = None,
    zone: str | None = None,
    kind: str | None = None,
    order: By = "cost",
    cursor: str | None = None,
    limit: int = 100,
) -> Page[Listed]:
    """Discrepancies.

    Args:
        tx: any transaction.
        state: only those; ``unsettled``: open or recount.
        site: only this site's.
        zone: only those of bins in this zone.
        kind: only of this kind.
        order: the costliest first, the oldest first, or the one that changed last first.
        cursor: of the page before.
        limit: how many.

    Raises:
        InputError: the cursor is none of this list's.
        UsageError: the limit is out of range.
    """
    query = _query()
    if state in ("open", "recount"):
        query = query.where(is_open(), DISCREPANCIES.c.state == state)
    elif state is not None:
        query = query.where(DISCREPANCIES.c.state == SETTLED if state == SETTLED else is_open())
    for column, wanted in ((DISCREPANCIES.c.site, site), (PLACES.c.zone, zone), (DISCREPANCIES.c.kind, kind)):
        if wanted is not None:
            query = query.where(column == wanted)
    return paging.page(tx, query, _ORDERS[order], cursor, limit, _listed)


def case(tx: sa.Connection, number: int) -> Listed:
    """One discrepancy.

    Raises:
        InputError: there is none of this number.
    """
    row = tx.execute(_query().where(DISCREPANCIES.c.number == number)).one_or_none() if 0 < number < 2**63 else None
    if row is None:
        raise InputError(f"discrepancy {number}: there is none of this number")
    return _listed(row)


def assign(tx: sa.Connection, number: int, to: str, who: str, now: datetime) -> Case:
    """Send somebody to look; who was sent before need not go.

    Raises:
        InputError: there is none of this number, or nobody is named.
        UsageError: it is settled.
    """
    check_name("to", to, 200)
    found = _held(tx, number)
    return write(tx, [Change(found, "assigned", who, {"state": "recount", "assigned_to": to})], now)[0]


def release(tx: sa.Connection, number: int, who: str, now: datetime) -> Case:
    """Nobody goes to look after all.

    Raises:
        InputError: there is none of this number.
        UsageError: nobody was sent, or it is settled.
    """
    found = _held(tx, number)
    if found.state != "recount":
        raise UsageError(f"discrepancy {number}: is open; only one that somebody was sent to can be released")
    return write(tx, [Change(found, "released", who, {"state": "open", "assigned_to": None})], now)[0]


def settle(tx: sa.Connection, number: int, quantity: int, who: str, now: datetime, origin: str = "page") -> Case:
    """Say what is in the bin: the discrepancy is settled, and the books are corrected to it.

    Args:
        tx: of ``Ledger.begin``.
        number: of the discrepancy.
        quantity: that somebody found.
        who: found it.
        now: aware, UTC.
        origin: of the correction: page, api or recount.

    Raises:
        InputError: there is none of this number, or the quantity is none.
        UsageError: it is settled.
    """
    found = _held(tx, number)
    name = {"source": found.source, "event_id": found.event_id}
    correct(tx, Correction(found.site, found.bin, quantity, who, now, origin, f"discrepancy {number}", **name), now)
    return case(tx, number).case


def history(tx: sa.Connection, number: int) -> list[audit.Line]:
    """All that happened to a discrepancy, oldest first."""
    return audit.of_discrepancy(tx, number)


def _held(tx: sa.Connection, number: int) -> Case:
    """A discrepancy that is not settled, and that nobody else changes until the transaction's end."""
    take_turn(tx, case(tx, number).case.site)
    found = case(tx, number).case
    if found.state == SETTLED:
        raise UsageError(f"discrepancy {number}: is settled already ({found.outcome}, by {found.settled_by}); nothing was changed")
    return found


def _query() -> sa.Select[Any]:
    table = DISCREPANCIES
    at = (PLACES.c.site == table.c.site) & (PLACES.c.bin == table.c.bin)
    of = (BINS.c.site == table.c.site) & (BINS.c.bin == table.c.bin)
    shown = (COUNTS.c.source == table.c.source) & (COUNTS.c.event_id == table.c.event_id)
    joined = table.outerjoin(PLACES, at).outerjoin(BINS, of).outerjoin(COUNTS, shown)
    return sa.select(table, PLACES, BINS.c.article, COUNTS.c.evidence).select_from(joined)


def _listed(row: sa.Row[Any]) -> Listed:
    found = row._mapping  # noqa: SLF001 # its documented name
    place = {name: found[PLACES.c[name]] for name in PLACES.c.keys()}  # noqa: SIM118 # a collection of columns, no dict
    return Listed(case_from(found), None if place["site"] is None else Place(**place), found[BINS.c.article], found[COUNTS.c.evidence])
