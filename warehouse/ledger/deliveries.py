"""What is to leave the warehouse: an outbox, filled in the same transaction as what it tells of, emptied by ``warehouse.deliveries``.

A delivery is claimed before it is tried: ``due`` puts its next attempt off by ``CLAIM``, so that of several couriers on one database one
has it, and another takes it over where that one died. Of one topic, nothing is given out while something older is claimed or waits for
its next attempt: an older quantity can never come after a newer one, whoever delivers. Webhooks are not kept in order, so that one
event that a receiver refuses holds up no other.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

import sqlalchemy as sa

from bintally import topics
from bintally.messages import DiscrepancyEvent
from warehouse.ledger.engine import among
from warehouse.ledger.tables import DELIVERIES, WEBHOOKS

Kind = Literal["discrepancy", "expected", "webhook"]
CLAIM = timedelta(seconds=60)
"""For so long a courier has what it claimed; it must not try later."""
_CLAIMING = 9_021_001  # an advisory lock's name
_LONGEST_ERROR = 500


@dataclass(frozen=True)
class Due:
    """A delivery to be tried now.

    Attributes:
        attempts: how often it was tried before.
    """

    number: int
    kind: Kind
    target: str
    payload: str
    attempts: int


def enqueue(tx: sa.Connection, kind: Kind, target: str, payload: str, now: datetime) -> None:
    """Put one thing to be delivered into the outbox.

    Args:
        tx: a transaction that writes.
        kind: ``discrepancy`` and ``expected`` leave over MQTT, the second retained; ``webhook`` over HTTP.
        target: the topic, or the webhook's name.
        payload: JSON; empty for an ``expected`` that is taken back.
        now: aware, UTC.
    """
    enqueue_all(tx, kind, [(target, payload)], now)


def enqueue_all(tx: sa.Connection, kind: Kind, wanted: Iterable[tuple[str, str]], now: datetime) -> None:
    """``enqueue`` for many (target, payload); of an ``expected`` topic only the newest untried one stays."""
    rows = list(wanted)
    if kind == "expected":
        rows = list(dict(rows).items())
        _supersede(tx, [target for target, _ in rows])
    if rows:
        tx.execute(
            sa.insert(DELIVERIES), [{"kind": kind, "target": target, "payload": payload, "next_at": now} for target, payload in rows]
        )


def announce(tx: sa.Connection, events: Sequence[DiscrepancyEvent], now: datetime) -> None:
    """Tell of discrepancies: on their sites' topics, and to every webhook of their sites."""
    if not events:
        return
    written = [(event.data.site, event.model_dump_json()) for event in events]
    enqueue_all(tx, "discrepancy", [(topics.of_site("discrepancy", site), payload) for site, payload in written], now)
    hooks = tx.execute(sa.select(WEBHOOKS.c.name, WEBHOOKS.c.site)).all()
    enqueue_all(tx, "webhook", [(name, payload) for site, payload in written for name, of in hooks if of in (None, site)], now)


def is_due(tx: sa.Connection, kind: Kind, now: datetime, target: str | None = None) -> bool:
    """Whether ``due`` may find something; only reads, and so waits for nobody."""
    wanted = sa.select(DELIVERIES.c.number).where(DELIVERIES.c.kind == kind, DELIVERIES.c.next_at <= now)
    return tx.execute((wanted if target is None else wanted.where(DELIVERIES.c.target == target)).limit(1)).first() is not None


def due(tx: sa.Connection, kind: Kind, now: datetime, most: int, target: str | None = None) -> list[Due]:
    """Claim what is to be tried now, oldest first.

    Args:
        tx: a transaction that writes.
        kind: of which kind.
        now: aware, UTC.
        most: no more than so many.
        target: only this topic's or webhook's.
    """
    table, older = DELIVERIES, DELIVERIES.alias("older")
    wanted = sa.select(table.c.number).where(table.c.kind == kind, table.c.next_at <= now)
    if target is not None:
        wanted = wanted.where(table.c.target == target)
    if kind != "webhook":
        held_up = (older.c.kind == table.c.kind, older.c.target == table.c.target, older.c.number < table.c.number, older.c.next_at > now)
        wanted = wanted.where(~sa.exists().where(*held_up))
    _alone(tx)
    found = tx.scalars(wanted.order_by(table.c.number).limit(most)).all()
    claimed = (
        sa.update(table)
        .where(table.c.number.in_(found))
        .values(next_at=now + CLAIM, attempts=table.c.attempts + 1)
        .returning(table.c.number, table.c.kind, table.c.target, table.c.payload, table.c.attempts)
    )
    rows = sorted(tx.execute(claimed).all(), key=lambda row: row.number)
    return [Due(row.number, row.kind, row.target, row.payload, row.attempts - 1) for row in rows]


def done(tx: sa.Connection, numbers: Collection[int]) -> None:
    """These were delivered."""
    tx.execute(sa.delete(DELIVERIES).where(DELIVERIES.c.number.in_(list(numbers))))


def failed(tx: sa.Connection, number: int, error: str, next_at: datetime) -> None:
    """This one was tried in vain; try again at ``next_at``."""
    tx.execute(sa.update(DELIVERIES).where(DELIVERIES.c.number == number).values(error=error[:_LONGEST_ERROR], next_at=next_at))


def waiting(tx: sa.Connection) -> dict[str, int]:
    """How many deliveries of each kind wait."""
    rows = tx.execute(sa.select(DELIVERIES.c.kind, sa.func.count()).group_by(DELIVERIES.c.kind))
    return {row[0]: row[1] for row in rows}


def _alone(tx: sa.Connection) -> None:
    """Until this transaction's end no other courier claims: two must not see the same rows as free. SQLite's writers are alone anyway."""
    if tx.dialect.name == "postgresql":
        tx.execute(sa.select(sa.func.pg_advisory_xact_lock(_CLAIMING)))


def _supersede(tx: sa.Connection, targets: Sequence[str]) -> None:
    """Forget older quantities that nobody began to deliver."""
    tx.execute(
        sa.delete(DELIVERIES).where(DELIVERIES.c.kind == "expected", DELIVERIES.c.attempts == 0, among(tx, DELIVERIES.c.target, targets))
    )
