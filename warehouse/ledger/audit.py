"""Who did what, and when; of discrepancies, every change, so that replay can make them anew."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from warehouse.ledger.facts import text
from warehouse.ledger.tables import AUDIT


@dataclass(frozen=True)
class Line:
    """A line of the log.

    Attributes:
        who: a person, 'counts', or 'books'.
        discrepancy: its number, where the line is of one; ``detail`` is then a JSON object of the columns that changed.
    """

    number: int
    at: datetime
    who: str
    what: str
    discrepancy: int | None
    detail: str


def note(tx: sa.Connection, who: str, what: str, detail: str, now: datetime) -> None:
    """Write a line that is of no discrepancy."""
    tx.execute(sa.insert(AUDIT).values(at=now, who=text(who), what=what, detail=text(detail)))


def changed(tx: sa.Connection, lines: Sequence[tuple[int, str, str, Mapping[str, Any]]], now: datetime) -> None:
    """Write (number, who, what, changed columns) of discrepancies."""
    if lines:
        rows = [
            {"at": now, "who": text(who), "what": what, "discrepancy": number, "detail": as_text(columns)}
            for number, who, what, columns in lines
        ]
        tx.execute(sa.insert(AUDIT), rows)


def of_discrepancy(tx: sa.Connection, number: int) -> list[Line]:
    """A discrepancy's lines, oldest first."""
    query = sa.select(AUDIT).where(AUDIT.c.discrepancy == number).order_by(AUDIT.c.number)
    return [Line(**row) for row in tx.execute(query).mappings()]


def as_text(columns: Mapping[str, Any]) -> str:
    """Changed columns as ``detail``."""
    return json.dumps({name: value.isoformat() if isinstance(value, datetime) else value for name, value in columns.items()})


def from_text(detail: str) -> dict[str, Any]:
    """What ``as_text`` wrote; names of columns that are times end with ``_at``."""
    columns: dict[str, Any] = json.loads(detail)
    return {name: datetime.fromisoformat(value) if name.endswith("_at") and value else value for name, value in columns.items()}
