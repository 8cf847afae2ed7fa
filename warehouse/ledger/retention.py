"""Take old facts away, in steps, so that nobody waits long; what had followed from them stays.

Before counts go, the views of their bins are written to ``bin_base`` as they stand, with the site's turn: from there replay goes on, with the
facts that come later, to the same rows. The same with ``epoch_base`` for the numbers of events.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from bintally.errors import UsageError
from warehouse.ledger import audit, views
from warehouse.ledger.case_rows import SETTLED, is_open
from warehouse.ledger.engine import among, insert
from warehouse.ledger.facts import position
from warehouse.ledger.ledger import Ledger
from warehouse.ledger.tables import AUDIT, BIN_BASES, BINS, CORRECTIONS, COUNTS, DEAD_LETTERS, DISCREPANCIES, EPOCH_BASES, SITES
from warehouse.ledger.turns import take_turn

_STEP = 5000
_WHO = "retention"


@dataclass(frozen=True)
class Limits:
    """How long facts are kept, in days; None: for ever.

    Attributes:
        counts: but the newest of each bin, and those that an open discrepancy or a correction names.
        letters: dead letters, since they came last.
        audit: settled discrepancies with their lines, and lines of no discrepancy.

    Raises:
        UsageError: a limit is not above 0.
    """

    counts: float | None = None
    letters: float | None = None
    audit: float | None = None

    def __post_init__(self) -> None:
        """Check the limits."""
        for name, days in vars(self).items():
            if days is not None and not 0 < days < 100_000:
                raise UsageError(f"{name} = {days}: must be a number of days above 0 and below 100000")


@dataclass(frozen=True)
class Removed:
    """How many rows went, or would go."""

    counts: int = 0
    letters: int = 0
    discrepancies: int = 0
    audit: int = 0


def remove(ledger: Ledger, limits: Limits, now: datetime, *, dry_run: bool = False, step: int = _STEP) -> Removed:
    """Take away what is older than the limits.

    Args:
        ledger: each step is a transaction of its own.
        limits: how old.
        now: aware, UTC.
        dry_run: only count.
        step: counts that go in one transaction.

    Raises:
        UnavailableError: the database failed; the steps before stay done, and the rest is done the next time.
    """
    ends = {name: None if days is None else now - timedelta(days=days) for name, days in vars(limits).items()}
    if dry_run:
        with ledger.read() as tx:
            return Removed(*(_number(tx, table, wanted) for table, wanted in _others(ends, counts=True)))
    counts = 0 if ends["counts"] is None else _remove_counts(ledger, ends["counts"], step)
    with ledger.begin() as tx:
        found = Removed(counts, *(_number(tx, table, wanted) for table, wanted in _others(ends)))
        for table, wanted in reversed(_others(ends)):  # the lines of a discrepancy before itself
            tx.execute(sa.delete(table).where(wanted))
        if found != Removed():
            text = f"{found.counts} counts, {found.letters} dead letters, {found.discrepancies} discrepancies, {found.audit} lines of audit"
            audit.note(tx, _WHO, "removed", text, now)
    return found


def _others(ends: dict[str, datetime | None], *, counts: bool = False) -> list[tuple[sa.Table, sa.ColumnElement[bool]]]:
    """Tables, and what is to go from them."""

    def older(column: sa.ColumnElement[Any], end: datetime | None) -> sa.ColumnElement[bool]:
        return sa.false() if end is None else column < end

    settled = (DISCREPANCIES.c.state == SETTLED) & older(DISCREPANCIES.c.changed_at, ends["audit"])
    of_settled = AUDIT.c.discrepancy.in_(sa.select(DISCREPANCIES.c.number).where(settled))
    return [
        *([(COUNTS, _spare(ends["counts"]))] if counts else []),
        (DEAD_LETTERS, older(DEAD_LETTERS.c.last_at, ends["letters"])),
        (DISCREPANCIES, settled),
        (AUDIT, of_settled | (AUDIT.c.discrepancy.is_(None) & older(AUDIT.c.at, ends["audit"]))),
    ]


def _number(tx: sa.Connection, table: sa.Table, wanted: sa.ColumnElement[bool]) -> int:
    return int(tx.execute(sa.select(sa.func.count()).select_from(table).where(wanted)).scalar_one())


def _spare(end: datetime | None) -> sa.ColumnElement[bool]:
    """Counts that may go."""
    if end is None:
        return sa.false()

    def named(table: sa.Table, *more: Any) -> sa.ColumnElement[bool]:
        return sa.exists().where(*(table.c[name] == COUNTS.c[name] for name in ("site", "bin", "source", "event_id")), *more)

    return (COUNTS.c.received_at < end) & ~named(BINS) & ~named(DISCREPANCIES, is_open()) & ~named(CORRECTIONS)


def _remove_counts(ledger: Ledger, end: datetime, step: int) -> int:
    with ledger.read() as tx:
        sites = list(tx.execute(sa.select(SITES.c.site).order_by(SITES.c.site)).scalars())
    removed = 0
    for site in sites:
        last, found = 0, step
        while found == step:
            with ledger.begin() as tx:
                last, found = _remove_some(tx, site, end, last, step)
            removed += found
    return removed


def _remove_some(tx: sa.Connection, site: str, end: datetime, last: int, step: int) -> tuple[int, int]:
    """Take the next counts of a site away.

    Returns:
        The number of the last one, and how many.
    """
    turn = take_turn(tx, site)
    columns = (COUNTS.c.number, COUNTS.c.source, COUNTS.c.event_id, COUNTS.c.bin, COUNTS.c.received_at)
    query = sa.select(*columns).where(COUNTS.c.site == site, COUNTS.c.number > last, _spare(end)).order_by(COUNTS.c.number).limit(step)
    rows = tx.execute(query).all()
    if not rows:
        return last, 0
    _keep_epochs(tx, rows)
    _keep_bins(tx, site, {row.bin for row in rows}, turn)
    tx.execute(sa.delete(COUNTS).where(among(tx, COUNTS.c.number, [row.number for row in rows])))
    return rows[-1].number, len(rows)


def _keep_bins(tx: sa.Connection, site: str, bins: set[str], turn: int) -> None:
    new = insert(tx, BIN_BASES)
    query = new.on_conflict_do_update(
        index_elements=[BIN_BASES.c.site, BIN_BASES.c.bin], set_={"turn": new.excluded.turn, "view": new.excluded.view}
    )
    rows = [{"site": site, "bin": bin_, "turn": turn, "view": views.as_json(view)} for bin_, view in views.load(tx, site, bins).items()]
    tx.execute(query, rows)


def _keep_epochs(tx: sa.Connection, rows: Sequence[Any]) -> None:
    held: Counter[tuple[str, str]] = Counter()
    highest: dict[tuple[str, str], int] = {}
    last_at: dict[tuple[str, str], datetime] = {}
    for row in rows:
        epoch, number = position(row.event_id)
        key = (row.source, epoch)
        held[key] += 1
        highest[key] = max(number, highest.get(key, 0))
        last_at[key] = max(row.received_at, last_at.get(key, row.received_at))
    new, table = insert(tx, EPOCH_BASES), EPOCH_BASES.c
    change = {
        "held": table.held + new.excluded.held,
        "highest": sa.case((new.excluded.highest > table.highest, new.excluded.highest), else_=table.highest),
        "last_at": sa.case((new.excluded.last_at > table.last_at, new.excluded.last_at), else_=table.last_at),
    }
    values = [
        {"source": key[0], "epoch": key[1], "held": number, "highest": highest[key], "last_at": last_at[key]}
        for key, number in held.items()
    ]
    tx.execute(new.on_conflict_do_update(index_elements=[table.source, table.epoch], set_=change), values)
