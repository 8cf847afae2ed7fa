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
from warehouse.ledger import fold, sightings, stations, views
from warehouse.ledger.engine import insert
from warehouse.ledger.facts import count_row, gap_rows, position, text
from warehouse.ledger.judging import settle_views
from warehouse.ledger.tables import COUNTS, EPOCHS, GAPS
from warehouse.ledger.turns import take_turns

Key = tuple[str, str]
"""``(source, id)``: names an event once and for all."""


@dataclass(frozen=True)
class Arrived:
    """An event, and the station that it came from."""

    station: Station
    event: CountEvent | GapEvent


def take(tx: sa.Connection, arrived: Sequence[Arrived], rules: Rules, now: datetime) -> set[Key]:
    """Take events in, with all that follows from them; those that are in the ledger already change nothing.

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
    turns = take_turns(tx, (text(one.station.site) for one in arrived))
    events: dict[Key, Arrived] = {}
    for one in arrived:
        events.setdefault((one.event.source, one.event.id), one)
    counts = {
        key: count_row(one.station, one.event, turns[text(one.station.site)], now)
        for key, one in events.items()
        if isinstance(one.event, CountEvent)
    }
    gaps = [row for one in events.values() if isinstance(one.event, GapEvent) for row in gap_rows(one.event, now)]
    fresh = _new_counts(tx, list(counts.values())) | _new_gaps(tx, gaps)
    _epochs(tx, fresh, now)
    stations.counted(tx, {events[key].station for key in fresh if key in counts}, now)
    for site in turns:
        _follow(tx, site, [row for key, row in counts.items() if key in fresh and row["site"] == site], rules, now)
    return fresh


def _follow(tx: sa.Connection, site: str, counts: Sequence[dict[str, Any]], rules: Rules, now: datetime) -> None:
    """The views of the counted bins, and what follows."""
    before = views.load(tx, site, dict.fromkeys(count["bin"] for count in counts))
    after = dict(before)
    for count in counts:
        after[count["bin"]] = fold.counted(after[count["bin"]], count)
    changed = {bin_: view for bin_, view in after.items() if view is not before[bin_]}
    if changed:
        settle_views(tx, site, changed, rules, now)
    strangers = sightings.see(tx, site, {(count["source"], count["bin"]) for count in counts})
    sightings.tell(tx, ((source, bin_) for source, bin_ in strangers if after[bin_].expected is not None), after, now)


def _new_counts(tx: sa.Connection, rows: Sequence[dict[str, Any]]) -> set[Key]:
    """Append counts; those that are new.

    They are found by their turn, behind all numbers of before: RETURNING would need one long statement for all rows, which takes thrice as long.
    """
    if not rows:
        return set()
    last = tx.execute(sa.select(sa.func.max(COUNTS.c.number))).scalar() or 0
    tx.execute(insert(tx, COUNTS).on_conflict_do_nothing(), rows)
    turns = {(row["site"], row["turn"]) for row in rows}
    new = sa.select(COUNTS.c.source, COUNTS.c.event_id, COUNTS.c.site, COUNTS.c.turn).where(COUNTS.c.number > last)
    return {(row.source, row.event_id) for row in tx.execute(new) if (row.site, row.turn) in turns}


def _new_gaps(tx: sa.Connection, rows: Sequence[dict[str, Any]]) -> set[Key]:
    if not rows:
        return set()
    statement = insert(tx, GAPS).on_conflict_do_nothing().returning(GAPS.c.source, GAPS.c.event_id)
    return {(source, event_id) for source, event_id in tx.execute(statement, rows)}


def _epochs(tx: sa.Connection, fresh: Iterable[Key], now: datetime) -> None:
    """Count what is new to each epoch."""
    numbers: dict[Key, list[int]] = {}
    for source, event_id in fresh:
        epoch, number = position(event_id)
        numbers.setdefault((source, epoch), []).append(number)
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
