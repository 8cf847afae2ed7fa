"""Pages of long lists: a page begins after the last row of the one before, so rows that come meanwhile shift nothing.

Source: Winand, SQL Performance Explained (2012), chapter 7, the seek method.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, TypeVar

import sqlalchemy as sa

from bintally.errors import InputError, UsageError
from warehouse.ledger.times import Utc

_Any = TypeVar("_Any")
MOST = 1000


@dataclass(frozen=True)
class Page(Generic[_Any]):
    """Some rows of a list.

    Attributes:
        cursor: where the next page begins; None: this is the last one.
    """

    rows: Sequence[_Any]
    cursor: str | None


@dataclass(frozen=True)
class Order:
    """By which columns a list is ordered; together they are unique and never null.

    Attributes:
        name: of the order; a cursor of another one is refused.
        descending: all of them.
    """

    name: str
    keys: Sequence[sa.ColumnElement[Any]]
    descending: bool


def page(tx: sa.Connection, query: sa.Select[Any], order: Order, cursor: str | None, limit: int, make: Callable[[Any], _Any]) -> Page[_Any]:
    """Read one page.

    Args:
        tx: any transaction.
        query: without order.
        order: its columns need not be among those that the query reads.
        cursor: of the page before; None: the first page.
        limit: how many rows, 1 to 1000.
        make: what a row becomes.

    Raises:
        InputError: the cursor is none of this list's.
        UsageError: the limit is out of range.
    """
    if not 1 <= limit <= MOST:
        raise UsageError(f"limit = {limit}: must be 1 to {MOST}")
    keys = [key.label(f"key_{number}") for number, key in enumerate(order.keys)]
    query = query.add_columns(*keys).order_by(*(key.desc() if order.descending else key.asc() for key in order.keys)).limit(limit + 1)
    if cursor is not None:
        at = sa.tuple_(*(sa.literal(value, key.type) for value, key in zip(_read(cursor, order), order.keys, strict=True)))
        here = sa.tuple_(*order.keys)
        query = query.where(here < at if order.descending else here > at)
    rows = tx.execute(query).all()
    last = rows[limit - 1][-len(keys) :] if len(rows) > limit else None
    return Page([make(row) for row in rows[:limit]], None if last is None else _write(last, order))


def _write(values: Sequence[Any], order: Order) -> str:
    plain = [value.isoformat() if isinstance(value, datetime) else value for value in values]
    return base64.urlsafe_b64encode(json.dumps([order.name, *plain]).encode()).decode().rstrip("=")


def _read(cursor: str, order: Order) -> list[Any]:
    try:
        name, *values = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
        found = [_value(value, key.type) for value, key in zip(values, order.keys, strict=True)] if name == order.name else None
    except (ValueError, TypeError, RecursionError) as error:
        raise InputError(f"cursor {cursor[:80]!r}: none that this list in this order gave; begin without one") from error
    if found is None:
        raise InputError(f"cursor {cursor[:80]!r}: of another list, or of another order; begin without one")
    return found


def _value(value: Any, kind: sa.types.TypeEngine[Any]) -> Any:
    if isinstance(kind, Utc):
        time = datetime.fromisoformat(value)
        if time.tzinfo is None:
            raise ValueError(value)
        return time
    wanted = kind.python_type
    if isinstance(value, bool) or not isinstance(value, (int, float) if wanted is float else wanted):
        raise TypeError(value)
    if isinstance(value, int) and abs(value) >= 2**63:
        raise ValueError(value)
    return value
