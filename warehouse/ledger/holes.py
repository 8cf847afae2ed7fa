"""Which events never came: gaps that stations own up to, and numbers of their epochs that are missing."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from bintally.messages import Range
from warehouse.ledger import paging
from warehouse.ledger.facts import position
from warehouse.ledger.paging import Order, Page
from warehouse.ledger.tables import COUNTS, EPOCH_BASES, EPOCHS, GAPS

_GAPS = Order("gaps", [GAPS.c.number], descending=True)
_EPOCHS = Order("epochs", [EPOCHS.c.source, EPOCHS.c.epoch], descending=True)


@dataclass(frozen=True)
class Gap:
    """A range of events that a station gave up.

    Attributes:
        missing: how many of them the ledger does not hold. A station names more where it cannot know what had arrived, and among them its
            earlier gap events that it merged into this one. None: retention has taken events of this range away, nobody knows any more.
    """

    number: int
    source: str
    event_id: str
    epoch: str
    first: int
    last: int
    reason: str
    received_at: datetime
    missing: int | None = None


@dataclass(frozen=True)
class Epoch:
    """The events between two starts of an agent.

    Attributes:
        highest: the greatest number that arrived.
        held: how many arrived; those between are on their way, given up, or lost.
    """

    source: str
    epoch: str
    highest: int
    held: int
    last_at: datetime

    @property
    def missing(self) -> int:
        """How many below the greatest did not arrive."""
        return self.highest - self.held


def gaps(tx: sa.Connection, *, source: str | None = None, cursor: str | None = None, limit: int = 100) -> Page[Gap]:
    """What stations, or one, gave up, newest first: one row for each range of a gap event.

    Raises:
        InputError: the cursor is none of this list's.
        UsageError: the limit is out of range.
    """
    query = sa.select(GAPS)
    if source is not None:
        query = query.where(GAPS.c.source == source)
    found = paging.page(tx, query, _GAPS, cursor, limit, lambda row: Gap(*row[: len(GAPS.c)]))
    return replace(found, rows=[replace(gap, missing=_missing(tx, gap)) for gap in found.rows])


def epochs(tx: sa.Connection, *, source: str | None = None, cursor: str | None = None, limit: int = 100) -> Page[Epoch]:
    """Stations' epochs that have holes, the newest of each station first.

    Raises:
        InputError: the cursor is none of this list's.
        UsageError: the limit is out of range.
    """
    query = sa.select(EPOCHS).where(EPOCHS.c.highest > EPOCHS.c.held)
    if source is not None:
        query = query.where(EPOCHS.c.source == source)
    return paging.page(tx, query, _EPOCHS, cursor, limit, lambda row: Epoch(*row[: len(EPOCHS.c)]))


def missing(tx: sa.Connection, source: str, epoch: str) -> list[Range]:
    """The numbers of an epoch below its greatest that did not arrive, above those that retention took away."""
    before = _taken_away(tx, source, epoch)
    held = sorted({number for number in _held(tx, source, epoch) if number > before})
    steps = zip([before, *held], held, strict=False)
    return [Range(epoch=epoch, first=last + 1, last=number - 1) for last, number in steps if number > last + 1]


def _missing(tx: sa.Connection, gap: Gap) -> int | None:
    if gap.first <= _taken_away(tx, gap.source, gap.epoch):
        return None
    return gap.last - gap.first + 1 - sum(gap.first <= number <= gap.last for number in set(_held(tx, gap.source, gap.epoch)))


def _held(tx: sa.Connection, source: str, epoch: str) -> Iterator[int]:
    for table in (COUNTS, GAPS):
        query = sa.select(table.c.event_id).where(table.c.source == source, table.c.event_id.startswith(f"{epoch}-", autoescape=True))
        for event_id in tx.execute(query).scalars():
            yield position(event_id)[1]


def _taken_away(tx: sa.Connection, source: str, epoch: str) -> int:
    found: Any = tx.execute(sa.select(EPOCH_BASES.c.highest).where(EPOCH_BASES.c.source == source, EPOCH_BASES.c.epoch == epoch)).scalar()
    return int(found or 0)
