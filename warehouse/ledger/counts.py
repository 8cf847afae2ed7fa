"""Counts as they came, newest first."""

from __future__ import annotations

from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from warehouse.ledger.paging import Order, Page
from warehouse.ledger.paging import page as one_page
from warehouse.ledger.tables import COUNTS


@dataclass(frozen=True)
class Count:
    """A count event; the columns of its table."""

    number: int
    source: str
    event_id: str
    site: str
    bin: str
    counted: int | None
    at_least: int | None
    unsure: bool
    confidence: float
    probabilities: list[float] | None
    taken_at: datetime
    trigger: str
    frames: int
    file: str | None
    evidence: str | None
    verification: dict[str, Any] | None
    model: str
    model_digest: str | None
    received_at: datetime


_COLUMNS = [COUNTS.c[field.name] for field in fields(Count)]
_ORDER = Order("counts", [COUNTS.c.number], descending=True)


def page(
    tx: sa.Connection,
    *,
    site: str | None = None,
    bin: str | None = None,  # noqa: A002 # the field's word
    source: str | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
    cursor: str | None = None,
    limit: int = 100,
) -> Page[Count]:
    """Counts, the newest to arrive first.

    Args:
        tx: any transaction.
        site: only this site's.
        bin: only of this bin.
        source: only this station's, ``{site}/{station}``, percent-encoded.
        since: received then or later.
        until: received before then.
        cursor: of the page before.
        limit: how many.

    Raises:
        InputError: the cursor is none of this list's.
        UsageError: the limit is out of range.
    """
    query = sa.select(*_COLUMNS)
    for column, wanted in ((COUNTS.c.site, site), (COUNTS.c.bin, bin), (COUNTS.c.source, source)):
        if wanted is not None:
            query = query.where(column == wanted)
    if since is not None:
        query = query.where(COUNTS.c.received_at >= since)
    if until is not None:
        query = query.where(COUNTS.c.received_at < until)
    return one_page(tx, query, _ORDER, cursor, limit, _count)


def count(tx: sa.Connection, source: str, event_id: str) -> Count | None:
    """One count by its name."""
    row = tx.execute(sa.select(*_COLUMNS).where(COUNTS.c.source == source, COUNTS.c.event_id == event_id)).one_or_none()
    return None if row is None else _count(row)


def _count(row: Any) -> Count:
    return Count(*row[: len(_COLUMNS)])
