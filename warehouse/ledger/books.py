"""Take in what the books say of the bins of a site: the rows, the views, the discrepancies, and what stations are told."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from warehouse.discrepancies.rules import Rules
from warehouse.ledger import fold, sightings
from warehouse.ledger.fold import View
from warehouse.ledger.judging import settle_views
from warehouse.ledger.tables import COUNTS, EXPECTATIONS
from warehouse.ledger.views import BOOKED, chunks

RULES = Rules()
_MOST = 1000


def book(
    tx: sa.Connection,
    site: str,
    before: Mapping[str, View],
    rows: Sequence[Mapping[str, Any]],
    rules: Rules,
    now: datetime,
    *,
    superseding: bool = True,
) -> None:
    """Append expectations and all that follows from them.

    Args:
        tx: in which the site's turn was taken.
        site: of all of them.
        before: bin → its view.
        rows: of ``expectation``, at most one a bin.
        rules: when a discrepancy is opened and settled.
        now: aware, UTC.
        superseding: whether another quantity settles the bin's discrepancy; after a correction, that is done.
    """
    for some in chunks(rows, _MOST):
        tx.execute(sa.insert(EXPECTATIONS), list(some))
    after = {row["bin"]: booked(tx, before[row["bin"]], row) for row in rows}
    moved = {bin_ for bin_, view in after.items() if (view.expected, view.expected_at) != (before[bin_].expected, before[bin_].expected_at)}
    settle_views(tx, site, after, rules, now, moved if superseding else (), BOOKED)
    news = {bin_ for bin_ in moved if after[bin_].expected != before[bin_].expected}
    sightings.tell(tx, sightings.of_bins(tx, site, news), after, now)


def booked(tx: sa.Connection, view: View, row: Mapping[str, Any]) -> View:
    """``fold.booked``, with the counts that the new quantity is held against at once."""
    spoken_of = view.taken_at is not None and view.taken_at >= row["at"]
    return fold.booked(view, row, _counts_since(tx, view.site, view.bin, row["at"], row["turn"]) if spoken_of else ())


def _counts_since(tx: sa.Connection, site: str, bin_: str, at: datetime, before_turn: int) -> list[Mapping[str, Any]]:
    """A bin's counts that were taken at a time or later, and came in before a turn, in order."""
    here = (COUNTS.c.site == site, COUNTS.c.bin == bin_, COUNTS.c.turn < before_turn)
    names = ("probabilities", "trigger", "taken_at", "received_at")
    query = sa.select(*(COUNTS.c[name] for name in names)).where(*here).order_by(COUNTS.c.turn, COUNTS.c.number)
    return [dict(zip(names, row, strict=True)) for row in tx.execute(query) if min(row.taken_at, row.received_at) >= at]
