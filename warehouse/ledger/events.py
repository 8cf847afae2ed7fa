"""Take counts and gaps in: everything that follows from them, in one transaction."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from bintally.messages import CountEvent, GapEvent
from bintally.topics import Station
from warehouse.discrepancies.rules import Rules
from warehouse.ledger import stations
from warehouse.ledger.engine import insert
from warehouse.ledger.facts import count_row, gap_rows
from warehouse.ledger.tables import COUNTS, EPOCHS, GAPS
from warehouse.ledger.turns import take_turns

Key = tuple[str, str]
"""``(source, id)``: names an event once and for all."""


@dataclass(frozen=True)
class Arrived:
    """An event, and the station that it came from."""

    station: Station
    event: CountEvent | GapEvent


def take(tx: sa.Connection, arrived: Sequence[Arrived], rules: Rules, now: datetime) -> set[Key]:  # noqa: ARG001 # the next step
    """Take events in; those that are in the ledger already change nothing.

    Args:
        tx: of ``Ledger.begin``.
        arrived: in the order in which they arrived.
        rules: when a discrepancy is opened and settled.
        now: aware, UTC.

    Returns:
        ``(source, id)`` of those that were new.
    """
    if not arrived:
        return set()
    turns = take_turns(tx, (one.station.site for one in arrived))
    counts = [count_row(one.station, one.event, turns[one.station.site], now) for one in arrived if isinstance(one.event, CountEvent)]
    gaps = [row for one in arrived if isinstance(one.event, GapEvent) for row in gap_rows(one.event, now)]
    fresh = _new(tx, COUNTS, counts) | _new(tx, GAPS, gaps)
    _epochs(tx, {(one.event.source, one.event.id): one.event for one in arrived}, fresh, now)
    stations.counted(tx, {one.station for one in arrived if (one.event.source, one.event.id) in fresh}, now)
    return fresh


def _new(tx: sa.Connection, table: sa.Table, rows: Sequence[dict[str, Any]]) -> set[Key]:
    if not rows:
        return set()
    # The rows stand beside the statement, not in it: so it is compiled once, and not for each batch.
    statement = insert(tx, table).on_conflict_do_nothing().returning(table.c.source, table.c.event_id)
    return {(source, event_id) for source, event_id in tx.execute(statement, rows)}


def _epochs(tx: sa.Connection, events: dict[Key, CountEvent | GapEvent], fresh: Iterable[Key], now: datetime) -> None:
    """Count what is new to each epoch."""
    numbers: dict[Key, list[int]] = {}
    for key in fresh:
        epoch, number = events[key].position
        numbers.setdefault((events[key].source, epoch), []).append(number)
    if not numbers:
        return
    new = insert(tx, EPOCHS)
    higher = sa.case((new.excluded.highest > EPOCHS.c.highest, new.excluded.highest), else_=EPOCHS.c.highest)
    change = {"highest": higher, "held": EPOCHS.c.held + new.excluded.held, "last_at": new.excluded.last_at}
    rows = [
        {"source": source, "epoch": epoch, "highest": max(found), "held": len(found), "last_at": now}
        for (source, epoch), found in sorted(numbers.items())
    ]
    tx.execute(new.on_conflict_do_update(index_elements=[EPOCHS.c.source, EPOCHS.c.epoch], set_=change), rows)
