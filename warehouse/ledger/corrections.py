"""Corrections: somebody looked into a bin and says what is in it. The books are held to that from then on."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from bintally.errors import InputError
from warehouse.discrepancies.rules import Rules
from warehouse.ledger import books, views
from warehouse.ledger.case_rows import SETTLED, Change, open_cases, write
from warehouse.ledger.engine import insert
from warehouse.ledger.fold import CORRECTION, View
from warehouse.ledger.names import check_name, check_quantity, check_time
from warehouse.ledger.tables import CORRECTIONS
from warehouse.ledger.turns import take_turn

ORIGINS = ("page", "api", "recount", "station", "audit")


@dataclass(frozen=True)
class Correction:
    """What somebody found in a bin.

    Attributes:
        at: when they looked; an older one than what the books say since then is kept, and changes nothing.
        origin: page, api, recount, station, or audit: of a bin that was drawn at random.
        key: names it once and for all; one that is there already changes nothing.
        source: with ``event_id``: the count that it speaks of.

    Raises:
        InputError: a value is out of range.
    """

    site: str
    bin: str
    quantity: int
    by: str
    at: datetime
    origin: str
    key: str
    source: str | None = None
    event_id: str | None = None

    def __post_init__(self) -> None:
        """Check the values."""
        for what, value, most in (("site", self.site, 200), ("bin", self.bin, 255), ("by", self.by, 200), ("key", self.key, 400)):
            check_name(what, value, most)
        check_quantity("quantity", self.quantity)
        if self.origin not in ORIGINS:
            raise InputError(f"origin = {self.origin!r}: must be one of {', '.join(ORIGINS)}")
        if (self.source is None) != (self.event_id is None):
            raise InputError("source and event_id: name a count together, or neither is given")


def correct(tx: sa.Connection, correction: Correction, now: datetime, rules: Rules = books.RULES) -> bool:
    """Take a correction in: it becomes what the books are held to, and settles the bin's discrepancy.

    Args:
        tx: of ``Ledger.begin``.
        correction: what was found.
        now: aware, UTC.
        rules: when a discrepancy is opened and settled.

    Returns:
        False where it was there already.

    Raises:
        InputError: it is of a day to come.
    """
    check_time("at", correction.at, now)
    turn = take_turn(tx, correction.site)
    if not _keep(tx, correction):
        return False
    view = views.load(tx, correction.site, [correction.bin])[correction.bin]
    if view.expected_at is None or correction.at >= view.expected_at:
        _settle(tx, view, correction, now)
        row = _expectation(view, correction, turn)
        books.book(tx, correction.site, {view.bin: view}, [row], rules, now, superseding=False)
    return True


def _keep(tx: sa.Connection, correction: Correction) -> bool:
    query = insert(tx, CORRECTIONS).values(**vars(correction)).on_conflict_do_nothing().returning(CORRECTIONS.c.number)
    return tx.execute(query).scalar() is not None


def _settle(tx: sa.Connection, view: View, correction: Correction, now: datetime) -> None:
    for case in open_cases(tx, view.site, [view.bin]).values():
        outcome = "books right" if correction.quantity == case.expected else "books wrong"
        columns = {"state": SETTLED, "settled_by": correction.by, "outcome": outcome, "found": correction.quantity}
        write(tx, [Change(case, "settled", correction.by, columns)], now)


def _expectation(view: View, correction: Correction, turn: int) -> dict[str, Any]:
    return {
        "site": correction.site,
        "bin": correction.bin,
        "quantity": correction.quantity,
        "article": view.article,
        "value": view.value,
        "at": correction.at,
        "origin": CORRECTION,
        "by": correction.by,
        "turn": turn,
    }
