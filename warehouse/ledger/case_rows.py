"""Discrepancies' rows. Each change is written with its line in ``audit`` and its announcement, so none can be without the others."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from bintally.messages.base import new_epoch
from bintally.messages.discrepancy import CountName, DiscrepancyData, DiscrepancyEvent, DiscrepancyKind, DiscrepancyState, Outcome
from warehouse.ledger import audit, deliveries
from warehouse.ledger.engine import among
from warehouse.ledger.tables import DISCREPANCIES

SETTLED = "settled"


@dataclass(frozen=True)
class Case:
    """A discrepancy; the columns of its table."""

    number: int
    site: str
    bin: str
    kind: DiscrepancyKind
    state: DiscrepancyState
    expected: int | None
    likely: int | None
    p_wrong: float
    cost: float
    source: str | None
    event_id: str | None
    opened_at: datetime
    changed_at: datetime
    assigned_to: str | None = None
    settled_by: str | None = None
    outcome: Outcome | None = None
    found: int | None = None


_NAMES = tuple(field.name for field in fields(Case))


@dataclass(frozen=True)
class Change:
    """What is to happen to a discrepancy.

    Attributes:
        case: as it stands; with the number 0 it is opened.
        what: for the log: opened, changed, assigned, released, or settled.
        who: a person, 'counts', or 'books'.
        columns: that get new values.
    """

    case: Case
    what: str
    who: str
    columns: Mapping[str, Any]


def open_cases(tx: sa.Connection, site: str, bins: Collection[str]) -> dict[str, Case]:
    """The open discrepancies of these bins. Take the site's turn first."""
    query = sa.select(DISCREPANCIES).where(is_open(), DISCREPANCIES.c.site == site, among(tx, DISCREPANCIES.c.bin, bins))
    return {row["bin"]: case_from(row) for row in tx.execute(query).mappings()}


def case_from(row: sa.RowMapping) -> Case:
    """A discrepancy out of a row that its table's columns are among."""
    return Case(**{name: row[DISCREPANCIES.c[name]] for name in _NAMES})


def is_open() -> sa.TextClause:
    """Not settled, in the words of the partial index: with others it would not be used."""
    return sa.text("discrepancy.state <> 'settled'")


def write(tx: sa.Connection, changes: Sequence[Change], now: datetime) -> list[Case]:
    """Carry changes out, log and announce them.

    Returns:
        The discrepancies as they stand then, in the order of ``changes``.
    """
    opened = iter(_open(tx, [replace(one.case, **one.columns) for one in changes if not one.case.number], now))
    written, lines = [], []
    for one in changes:
        columns = {**one.columns, "changed_at": now}
        case = next(opened) if not one.case.number else replace(one.case, **columns)
        if one.case.number:
            tx.execute(sa.update(DISCREPANCIES).where(DISCREPANCIES.c.number == case.number).values(**columns))
        written.append(case)
        lines.append((case.number, one.who, one.what, columns if one.case.number else _columns(case)))
    audit.changed(tx, lines, now)
    deliveries.announce(tx, [announcement(case) for case in written], now)
    return written


def announcement(case: Case) -> DiscrepancyEvent:
    """A discrepancy's step as it leaves the warehouse."""
    names = [name for name in DiscrepancyData.model_fields if name != "count"]
    count = None if case.source is None or case.event_id is None else CountName(source=case.source, id=case.event_id)
    data = DiscrepancyData(**{name: getattr(case, name) for name in names}, count=count)
    return DiscrepancyEvent(id=new_epoch(), subject=case.bin, time=case.changed_at, data=data)


def _open(tx: sa.Connection, cases: Sequence[Case], now: datetime) -> list[Case]:
    rows = [{**_columns(case), "opened_at": now, "changed_at": now} for case in cases]
    if not rows:
        return []
    table = DISCREPANCIES.c
    query = sa.insert(DISCREPANCIES).returning(table.number, table.site, table.bin)
    numbers = {(site, bin_): number for number, site, bin_ in tx.execute(query, rows)}
    return [replace(case, number=numbers[case.site, case.bin], opened_at=now, changed_at=now) for case in cases]


def _columns(case: Case) -> dict[str, Any]:
    return {name: getattr(case, name) for name in _NAMES if name != "number"}
