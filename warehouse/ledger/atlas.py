"""What the page shows of a whole site at once, in one query each."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from bintally.messages.discrepancy import DiscrepancyKind, DiscrepancyState
from bintally.topics import encode
from warehouse.ledger.audit import Line
from warehouse.ledger.case_rows import is_open
from warehouse.ledger.places import Place
from warehouse.ledger.tables import AUDIT, BINS, DISCREPANCIES, EPOCHS, PLACES, SITES


@dataclass(frozen=True)
class Cell:
    """A bin on the map.

    Attributes:
        place: where it is; None: nobody said so.
        taken_at: of its newest count; None: it was never counted.
        expected: what the books say; None: nothing.
        kind, state: of its open discrepancy; None: there is none.
    """

    bin: str
    place: Place | None
    taken_at: datetime | None
    expected: int | None
    kind: DiscrepancyKind | None
    state: DiscrepancyState | None


def sites(tx: sa.Connection) -> list[str]:
    """All sites of which something is known, by name."""
    return list(tx.execute(sa.select(SITES.c.site).order_by(SITES.c.site)).scalars())


def zones(tx: sa.Connection, site: str) -> list[str]:
    """A site's zones, by name."""
    query = sa.select(PLACES.c.zone).where(PLACES.c.site == site, PLACES.c.zone != "").distinct().order_by(PLACES.c.zone)
    return list(tx.execute(query).scalars())


def cells(tx: sa.Connection, site: str, zone: str | None = None) -> list[Cell]:
    """A site's bins by name, or those of one zone."""
    at = (PLACES.c.site == BINS.c.site) & (PLACES.c.bin == BINS.c.bin)
    of = (DISCREPANCIES.c.site == BINS.c.site) & (DISCREPANCIES.c.bin == BINS.c.bin) & is_open()
    place = (PLACES.c.aisle, PLACES.c.position_m, PLACES.c.block, PLACES.c.zone)
    query = sa.select(BINS.c.bin, BINS.c.taken_at, BINS.c.expected, DISCREPANCIES.c.kind, DISCREPANCIES.c.state, *place)
    query = query.select_from(BINS.outerjoin(PLACES, at).outerjoin(DISCREPANCIES, of)).where(BINS.c.site == site)
    if zone is not None:
        query = query.where(PLACES.c.zone == zone)
    rows = tx.execute(query.order_by(BINS.c.bin))
    return [
        Cell(bin_, None if spot[0] is None else Place(site, bin_, *spot), taken_at, expected, kind, state)
        for bin_, taken_at, expected, kind, state, *spot in rows
    ]


def missing(tx: sa.Connection, site: str) -> dict[str, int]:
    """By the source of each station that has such, events that did not arrive: they are on their way, given up, or lost."""
    lacking = sa.func.sum(EPOCHS.c.highest - EPOCHS.c.held)
    query = sa.select(EPOCHS.c.source, lacking).where(EPOCHS.c.source.startswith(f"{encode(site)}/", autoescape=True))
    return {source: int(number) for source, number in tx.execute(query.group_by(EPOCHS.c.source)) if number}


def log(tx: sa.Connection, site: str | None, limit: int) -> list[Line]:
    """The newest lines of who did what, newest first, without what counts and books did.

    Args:
        tx: any transaction.
        site: only what was done to its discrepancies; None: everything.
        limit: how many.
    """
    query = sa.select(AUDIT).where(AUDIT.c.who.not_in(("counts", "books")))
    if site is not None:
        query = query.join(DISCREPANCIES, AUDIT.c.discrepancy == DISCREPANCIES.c.number).where(DISCREPANCIES.c.site == site)
    return [Line(**row) for row in tx.execute(query.order_by(AUDIT.c.number.desc()).limit(limit)).mappings()]
