"""Webhooks: who wants to hear of discrepancies over HTTP."""

from __future__ import annotations

from dataclasses import dataclass, field

import sqlalchemy as sa

from bintally.errors import UsageError
from warehouse.ledger.engine import insert
from warehouse.ledger.tables import DELIVERIES, WEBHOOKS

MOST = 100
"""Each has a thread of its own in the listener."""


@dataclass(frozen=True)
class Webhook:
    """A receiver.

    Attributes:
        secret: it signs with; ``warehouse.deliveries.signing``.
        site: whose discrepancies; None for all.
    """

    name: str
    url: str
    secret: str = field(repr=False)
    site: str | None = None


@dataclass(frozen=True)
class Backlog:
    """What a webhook has not taken yet.

    Attributes:
        waiting: messages.
        error: why the newest one that failed did.
    """

    waiting: int
    error: str | None


def add(tx: sa.Connection, hook: Webhook) -> None:
    """Let a receiver hear of what happens from now on.

    Raises:
        UsageError: there is one of that name, or there are too many.
    """
    if len(all_of(tx)) >= MOST:
        raise UsageError(f"webhook {hook.name!r}: there are {MOST} already; remove one first")
    new = insert(tx, WEBHOOKS).values(**vars(hook)).on_conflict_do_nothing().returning(WEBHOOKS.c.name)
    if tx.execute(new).first() is None:
        raise UsageError(f"webhook {hook.name!r}: there is one of that name; remove it first, or choose another name")


def remove(tx: sa.Connection, name: str) -> bool:
    """Take a receiver away, with what it has not taken yet; returns whether there was one."""
    tx.execute(sa.delete(DELIVERIES).where(DELIVERIES.c.kind == "webhook", DELIVERIES.c.target == name))
    return tx.execute(sa.delete(WEBHOOKS).where(WEBHOOKS.c.name == name)).rowcount > 0


def all_of(tx: sa.Connection) -> list[Webhook]:
    """All receivers, by name."""
    return [Webhook(**row) for row in tx.execute(sa.select(WEBHOOKS).order_by(WEBHOOKS.c.name)).mappings()]


def find(tx: sa.Connection, name: str) -> Webhook | None:
    """One receiver."""
    row = tx.execute(sa.select(WEBHOOKS).where(WEBHOOKS.c.name == name)).mappings().one_or_none()
    return None if row is None else Webhook(**row)


def backlog(tx: sa.Connection, name: str) -> Backlog:
    """What it has not taken yet."""
    own = (DELIVERIES.c.kind == "webhook", DELIVERIES.c.target == name)
    newest = sa.select(DELIVERIES.c.error).where(*own, DELIVERIES.c.error.is_not(None)).order_by(DELIVERIES.c.next_at.desc()).limit(1)
    return Backlog(tx.execute(sa.select(sa.func.count()).where(*own)).scalar_one(), tx.execute(newest).scalar())
