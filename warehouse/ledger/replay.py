"""Make the views anew from the facts: ``epoch``, ``sighting``, ``bin`` and ``discrepancy`` come to the same rows, or are put right.

Bins' facts go through ``fold`` again, by turn and number. Discrepancies are not raised again, by rules that may have changed since: what was
raised, and what people did about it, are facts themselves, lines of ``audit``, and each line says which columns it changed.
Where retention took facts away, a view begins with what it left in ``bin_base`` and ``epoch_base``.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import groupby
from typing import Any

import sqlalchemy as sa

from bintally.topics import decode
from warehouse.discrepancies.rules import Rules
from warehouse.ledger import audit, books, fold, views
from warehouse.ledger.engine import among, insert
from warehouse.ledger.fold import View
from warehouse.ledger.judging import wrong_share
from warehouse.ledger.tables import (
    AUDIT,
    BIN_BASES,
    BINS,
    COUNTS,
    DISCREPANCIES,
    EPOCH_BASES,
    EPOCHS,
    EXPECTATIONS,
    GAPS,
    PLACES,
    SIGHTINGS,
    SITES,
    STATIONS,
)

_MOST = 1000
_EPOCH = 22


@dataclass(frozen=True)
class Rows:
    """A view that was made anew.

    Attributes:
        made: rows that it has.
        changed: of them those that were not there, or stood otherwise, and those that had no business there.
    """

    made: int
    changed: int


@dataclass(frozen=True)
class Replayed:
    """What replay made."""

    epochs: Rows
    bins: Rows
    discrepancies: Rows


def replay(tx: sa.Connection, rules: Rules = books.RULES) -> Replayed:
    """Make all views anew; nobody else writes meanwhile.

    Args:
        tx: of ``Ledger.begin``.
        rules: for the share of wrong bins where a site has none of its own.
    """
    if tx.dialect.name == "postgresql":
        tx.execute(sa.text("LOCK TABLE site IN EXCLUSIVE MODE"))
    _meet(tx)
    epochs = _put(tx, EPOCHS, _epochs(tx))
    bins = [_bins(tx, site, rules) for site in _sites(tx)]
    return Replayed(epochs, Rows(sum(one.made for one in bins), sum(one.changed for one in bins)), _put(tx, DISCREPANCIES, _cases(tx)))


def _meet(tx: sa.Connection) -> None:
    """Sites, stations and sightings that counts tell of; those that only retention took the counts of stay."""
    seen = sa.select(COUNTS.c.site, COUNTS.c.bin, COUNTS.c.source).distinct().where(sa.true())  # SQLite: "ON" needs a WHERE before it
    tx.execute(insert(tx, SIGHTINGS).from_select(["site", "bin", "source"], seen).on_conflict_do_nothing())
    last = sa.select(COUNTS.c.source, COUNTS.c.site, sa.func.max(COUNTS.c.received_at)).group_by(COUNTS.c.source, COUNTS.c.site)
    for source, site, at in tx.execute(last).all():
        row = {"source": source, "site": site, "station": decode(source.split("/")[1]), "counted_at": at}
        tx.execute(insert(tx, STATIONS).values(row).on_conflict_do_nothing())
        tx.execute(insert(tx, SITES).values(site=site).on_conflict_do_nothing())


def _sites(tx: sa.Connection) -> list[str]:
    return list(tx.execute(sa.select(SITES.c.site).order_by(SITES.c.site)).scalars())


def _epochs(tx: sa.Connection) -> Iterator[dict[str, Any]]:
    """Rows of ``epoch``: how many events there are, and up to which."""
    gaps = sa.select(GAPS.c.source, GAPS.c.event_id, sa.func.min(GAPS.c.received_at).label("received_at")).group_by(
        GAPS.c.source, GAPS.c.event_id
    )
    events = sa.select(COUNTS.c.source, COUNTS.c.event_id, COUNTS.c.received_at).union_all(gaps).subquery()
    epoch = sa.func.substr(events.c.event_id, 1, _EPOCH).label("epoch")
    seq = sa.cast(sa.func.substr(events.c.event_id, _EPOCH + 2), sa.BigInteger)
    held = sa.select(
        events.c.source, epoch, sa.func.max(seq).label("highest"), sa.func.count().label("held"), sa.func.max(events.c.received_at)
    ).group_by(events.c.source, epoch)
    bases = {(row.source, row.epoch): row for row in tx.execute(sa.select(EPOCH_BASES))}
    for source, name, highest, number, last_at in tx.execute(held).all():
        base = bases.pop((source, name), None)
        if base is not None:
            highest, number, last_at = max(highest, base.highest), number + base.held, max(last_at, base.last_at)  # noqa: PLW2901
        yield {"source": source, "epoch": name, "highest": highest, "held": number, "last_at": last_at}
    yield from (dict(row._mapping) for row in bases.values())  # noqa: SLF001 # its documented name


def _bins(tx: sa.Connection, site: str, rules: Rules) -> Rows:
    share, changed = wrong_share(tx, site, rules), 0
    names: set[str] = set()
    for some in views.chunks(_views(tx, site), _MOST):
        before = views.load(tx, site, [view.bin for view in some])
        known = {view.bin for view in some if before[view.bin] != View(site, view.bin)}
        wanted = [fold.judged(view, share) for view in some]
        others = [view for view in wanted if view != before[view.bin] or view.bin not in known]
        views.save(tx, others)
        changed += sum(view != before[view.bin] for view in others)
        names.update(view.bin for view in wanted)
    return Rows(len(names), changed + _drop_strangers(tx, site, names))


def _drop_strangers(tx: sa.Connection, site: str, names: set[str]) -> int:
    strangers = [name for name in tx.execute(sa.select(BINS.c.bin).where(BINS.c.site == site)).scalars().all() if name not in names]
    tx.execute(sa.delete(BINS).where(BINS.c.site == site, among(tx, BINS.c.bin, strangers)))
    return len(strangers)


def _views(tx: sa.Connection, site: str) -> Iterator[View]:
    """The bins of a site by their facts, not judged yet."""
    bases = {row.bin: row for row in tx.execute(sa.select(BIN_BASES).where(BIN_BASES.c.site == site))}
    left = bases.keys() | set(tx.execute(sa.select(PLACES.c.bin).where(PLACES.c.site == site)).scalars())
    for bin_, facts in groupby(_facts(tx, site), key=lambda fact: fact[0]):
        left.discard(bin_)
        view, since = _base(bases.get(bin_), site, bin_)
        for _, turn, _, is_count, row in facts:
            if turn > since:
                view = fold.counted(view, row) if is_count else books.booked(tx, view, row)
        yield view
    for bin_ in sorted(left):
        yield _base(bases.get(bin_), site, bin_)[0]


def _base(row: Any, site: str, bin_: str) -> tuple[View, int]:
    return (View(site, bin_), -1) if row is None else (views.from_json(row.view), row.turn)


def _facts(tx: sa.Connection, site: str) -> Iterator[tuple[str, int, int, bool, Mapping[str, Any]]]:
    """(bin, turn, number, whether it is a count, row), by the first three."""
    return heapq.merge(_rows(tx, COUNTS, site, is_count=True), _rows(tx, EXPECTATIONS, site, is_count=False), key=lambda fact: fact[:3])


def _rows(tx: sa.Connection, table: sa.Table, site: str, *, is_count: bool) -> Iterator[tuple[str, int, int, bool, Mapping[str, Any]]]:
    # by code points, as Python compares, whatever the database's language is
    by_name = table.c.bin.collate("C") if tx.dialect.name == "postgresql" else table.c.bin
    query = sa.select(table).where(table.c.site == site).order_by(by_name, table.c.turn, table.c.number)
    for row in tx.execute(query.execution_options(yield_per=_MOST)).mappings():
        yield row["bin"], row["turn"], row["number"], is_count, dict(row)


def _cases(tx: sa.Connection) -> Iterator[dict[str, Any]]:
    """Rows of ``discrepancy``: of each, the columns that its lines changed, the last word holding."""
    lines = tx.execute(
        sa.select(AUDIT.c.discrepancy, AUDIT.c.detail).where(AUDIT.c.discrepancy.is_not(None)).order_by(AUDIT.c.discrepancy, AUDIT.c.number)
    )
    for number, of_case in groupby(lines.all(), key=lambda line: line[0]):
        columns: dict[str, Any] = {"number": number}
        for _, detail in of_case:
            columns.update(audit.from_text(detail))
        yield columns


def _put(tx: sa.Connection, table: sa.Table, wanted: Iterable[Mapping[str, Any]]) -> Rows:
    """Make a table hold these rows, and no others."""
    keys = [column.name for column in table.primary_key]
    before = {tuple(row[key] for key in keys): dict(row) for row in tx.execute(sa.select(table)).mappings()}
    made = {tuple(row[key] for key in keys): dict(row) for row in wanted}
    others = [row for key, row in made.items() if row != before.get(key)]
    strangers = [key for key in before if key not in made]
    for key in strangers + [tuple(row[key] for key in keys) for row in others]:
        tx.execute(sa.delete(table).where(*(table.c[name] == value for name, value in zip(keys, key, strict=True))))
    if others:
        tx.execute(sa.insert(table), others)
    return Rows(len(made), len(others) + len(strangers))
