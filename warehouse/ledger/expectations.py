"""What the books say, bin by bin. Only what they say anew is appended."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

import sqlalchemy as sa

from bintally.errors import InputError
from warehouse.discrepancies.rules import Rules
from warehouse.ledger import audit, books, views
from warehouse.ledger.fold import View
from warehouse.ledger.names import check_name, check_quantity, check_time
from warehouse.ledger.turns import take_turns

_DEAREST = 1e9


@dataclass(frozen=True)
class Row:
    """What the books say of one bin.

    Attributes:
        quantity: 0 to a million; None: they no longer speak of it.
        at: from when on; counts from before do not speak of it. None: from now on.
        article: that lies there.
        value: what one item too many or too few costs.

    Raises:
        InputError: a value is out of range.
    """

    site: str
    bin: str
    quantity: int | None
    at: datetime | None = None
    article: str | None = None
    value: float = 1.0

    def __post_init__(self) -> None:
        """Check the values."""
        check_name("site", self.site, 200)
        check_name("bin", self.bin, 255)
        if self.quantity is not None:
            check_quantity("quantity", self.quantity)
        if self.article is not None:
            check_name("article", self.article, 200)
        if not (math.isfinite(self.value) and 0 <= self.value <= _DEAREST):
            raise InputError(f"value = {self.value}: must be 0 to {_DEAREST:.0f}")


@dataclass(frozen=True)
class Imported:
    """What became of an import's rows.

    Attributes:
        changed: the books say something else than before.
        same: they say what they said before, whatever was corrected since.
        late: they said something newer already.
    """

    changed: int = 0
    same: int = 0
    late: int = 0


def expect(
    tx: sa.Connection,
    rows: Iterable[Row],
    by: str,
    origin: Literal["csv", "http", "api"],
    now: datetime,
    rules: Rules = books.RULES,
) -> Imported:
    """Take in what the books say: discrepancies of bins of which they say something else are superseded, and their stations are told.

    Args:
        tx: of ``Ledger.begin``.
        rows: at most one a bin.
        by: who imports them.
        origin: how they came.
        now: aware, UTC.
        rules: when a discrepancy is opened and settled.

    Raises:
        InputError: a bin is named twice, or a row is of a day to come; nothing is imported.
    """
    check_name("by", by, 200)
    wanted: dict[str, dict[str, Row]] = {}
    for row in rows:
        check_time(f"bin {row.bin!r}: at", row.at or now, now)
        if wanted.setdefault(row.site, {}).setdefault(row.bin, row) is not row:
            raise InputError(f"bin {row.bin!r} of site {row.site!r}: is named twice; the books say one thing of a bin")
    turns = take_turns(tx, wanted)
    done = Imported()
    for site, of_site in wanted.items():
        found = _import(tx, site, of_site, {"origin": origin, "by": by, "turn": turns[site]}, now, rules)
        audit.note(tx, by, "expected", f"{site}: {found.changed} changed, {found.same} the same, {found.late} late; {origin}", now)
        done = Imported(done.changed + found.changed, done.same + found.same, done.late + found.late)
    return done


def _import(tx: sa.Connection, site: str, rows: dict[str, Row], import_: dict[str, Any], now: datetime, rules: Rules) -> Imported:
    before = views.load(tx, site, rows)
    late = {bin_ for bin_, row in rows.items() if _is_late(before[bin_], row.at or now)}
    news = [row for bin_, row in rows.items() if bin_ not in late and _is_news(before[bin_], row)]
    books.book(tx, site, before, [{**vars(row), "at": row.at or now, **import_} for row in news], rules, now)
    return Imported(len(news), len(rows) - len(news) - len(late), len(late))


def _is_late(view: View, at: datetime) -> bool:
    return view.booked_at is not None and at < view.booked_at


def _is_news(view: View, row: Row) -> bool:
    if view.booked_at is None:
        return row.quantity is not None
    return (row.quantity, row.article, row.value) != (view.booked, view.article, view.value)
