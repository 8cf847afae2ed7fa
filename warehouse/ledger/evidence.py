"""What the ledger knows of pictures: which bin one shows, and which must not go yet."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from warehouse.ledger.tables import CORRECTIONS, COUNTS, DISCREPANCIES

Key = tuple[str, str]
"""``(source, event_id)`` of a count."""


def bin_shown(tx: sa.Connection, source: str, event_id: str) -> str | None:
    """The bin of a count; None where the count is not here, or not yet."""
    query = sa.select(COUNTS.c.bin).where(COUNTS.c.source == source, COUNTS.c.event_id == event_id)
    return tx.execute(query).scalar_one_or_none()


def shown_by_open(tx: sa.Connection) -> set[Key]:
    """The counts that show open discrepancies best."""
    return _keys(tx, sa.select(DISCREPANCIES.c.source, DISCREPANCIES.c.event_id).where(sa.text("state <> 'settled'")))


def corrected(tx: sa.Connection) -> set[Key]:
    """The counts of which somebody said what the bin held: a trainer learns from them."""
    return _keys(tx, sa.select(CORRECTIONS.c.source, CORRECTIONS.c.event_id).where(CORRECTIONS.c.event_id.is_not(None)))


def _keys(tx: sa.Connection, query: sa.Select[Any]) -> set[Key]:
    return {(source, event_id) for source, event_id in tx.execute(query) if source is not None}
