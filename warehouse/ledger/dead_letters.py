"""Dead letters: what came and could not be read. Each is kept once, and how often it came."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

import sqlalchemy as sa

from warehouse.ledger.engine import insert
from warehouse.ledger.facts import text
from warehouse.ledger.tables import DEAD_LETTERS


class Letter(Protocol):
    """A message that could not be read, and why."""

    @property
    def topic(self) -> str: ...
    @property
    def payload(self) -> bytes: ...
    @property
    def reason(self) -> str: ...


@dataclass(frozen=True)
class Kept:
    """A dead letter as it is kept.

    Attributes:
        digest: SHA-256 of topic, NUL, payload, hex; names it.
        times: how often it came.
    """

    digest: str
    topic: str
    payload: bytes
    reason: str
    times: int
    first_at: datetime
    last_at: datetime


def keep(tx: sa.Connection, letters: Iterable[Letter], now: datetime) -> None:
    """Keep letters; one that came before is counted again."""
    rows: dict[str, dict[str, Any]] = {}
    for letter in letters:
        row = _row(letter, now)
        rows.setdefault(row["digest"], row)["times"] += 1
    if not rows:
        return
    new = insert(tx, DEAD_LETTERS)
    change = {"times": DEAD_LETTERS.c.times + new.excluded.times, "last_at": new.excluded.last_at, "reason": new.excluded.reason}
    query = new.on_conflict_do_update(index_elements=[DEAD_LETTERS.c.digest], set_=change)
    tx.execute(query, [rows[digest] for digest in sorted(rows)])


def newest(tx: sa.Connection, limit: int = 100) -> list[Kept]:
    """The letters that came last, newest first."""
    query = sa.select(DEAD_LETTERS).order_by(DEAD_LETTERS.c.last_at.desc(), DEAD_LETTERS.c.digest).limit(limit)
    return [Kept(**row) for row in tx.execute(query).mappings()]


def _row(letter: Letter, now: datetime) -> dict[str, Any]:
    topic = letter.topic.encode("utf-8", "replace")
    return {
        "digest": hashlib.sha256(topic + b"\0" + letter.payload).hexdigest(),
        "topic": text(topic.decode()),
        "payload": letter.payload,
        "reason": text(letter.reason.encode("utf-8", "replace").decode()),
        "times": 0,
        "first_at": now,
        "last_at": now,
    }
