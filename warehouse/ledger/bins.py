"""Bins as they stand: newest count, books, place, and what is wrong."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import sqlalchemy as sa

from warehouse.ledger import paging, views
from warehouse.ledger.case_rows import Case, case_from, is_open
from warehouse.ledger.fold import View
from warehouse.ledger.paging import Order, Page
from warehouse.ledger.places import Place
from warehouse.ledger.tables import BINS, DISCREPANCIES, PLACES

_ORDERS = {
    "name": Order("bins", [BINS.c.site, BINS.c.bin], descending=False),
    "cost": Order("bins by cost", [BINS.c.cost, BINS.c.site, BINS.c.bin], descending=True),
}


@dataclass(frozen=True)
class Bin:
    """A bin.

    Attributes:
        view: what was counted, what the books say, and how sure it is that they are wrong.
        place: where it is, if that is known.
        case: its open discrepancy, if there is one.
    """

    view: View
    place: Place | None
    case: Case | None


def bins(
    tx: sa.Connection,
    site: str | None = None,
    *,
    zone: str | None = None,
    article: str | None = None,
    order: Literal["name", "cost"] = "name",
    cursor: str | None = None,
    limit: int = 100,
) -> Page[Bin]:
    """Bins that were counted, booked, or put to a place.

    Args:
        tx: any transaction.
        site: only this site's.
        zone: only those whose place is in this zone.
        article: only those that hold this article.
        order: by site and name, or the greatest expected cost first.
        cursor: of the page before.
        limit: how many.

    Raises:
        InputError: the cursor is none of this list's.
        UsageError: the limit is out of range.
    """
    query = _query()
    for column, wanted in ((BINS.c.site, site), (PLACES.c.zone, zone), (BINS.c.article, article)):
        if wanted is not None:
            query = query.where(column == wanted)
    return paging.page(tx, query, _ORDERS[order], cursor, limit, _bin)


def bin_of(tx: sa.Connection, site: str, bin: str) -> Bin | None:  # noqa: A002 # the field's word
    """One bin; None where nothing is known of it."""
    row = tx.execute(_query().where(BINS.c.site == site, BINS.c.bin == bin)).one_or_none()
    return None if row is None else _bin(row)


def _query() -> sa.Select[Any]:
    at = (PLACES.c.site == BINS.c.site) & (PLACES.c.bin == BINS.c.bin)
    of = (DISCREPANCIES.c.site == BINS.c.site) & (DISCREPANCIES.c.bin == BINS.c.bin) & is_open()
    return sa.select(BINS, PLACES, DISCREPANCIES).select_from(BINS.outerjoin(PLACES, at).outerjoin(DISCREPANCIES, of))


def _bin(row: sa.Row[Any]) -> Bin:
    found = row._mapping  # noqa: SLF001 # its documented name
    view = views.from_row({name: found[BINS.c[name]] for name in views.NAMES})
    place = {name: found[PLACES.c[name]] for name in PLACES.c.keys()}  # noqa: SIM118 # a collection of columns, no dict
    case = None if found[DISCREPANCIES.c.number] is None else case_from(found)
    return Bin(view, None if place["site"] is None else Place(**place), case)
