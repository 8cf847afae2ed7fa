"""Which bins hold an article, for who plans pick lists."""

from __future__ import annotations

from collections.abc import Iterable

import sqlalchemy as sa

from warehouse.ledger import views
from warehouse.ledger.fold import View
from warehouse.ledger.places import Place
from warehouse.ledger.tables import BINS, PLACES

_MOST = 500


def holding(tx: sa.Connection, site: str, articles: Iterable[str]) -> list[tuple[View, Place | None]]:
    """The bins that hold one of these articles by the books, and where they are."""
    at = (PLACES.c.site == BINS.c.site) & (PLACES.c.bin == BINS.c.bin)
    query = sa.select(BINS, PLACES).select_from(BINS.outerjoin(PLACES, at)).where(BINS.c.site == site, BINS.c.expected.is_not(None))
    found = []
    for some in views.chunks(sorted(set(articles)), _MOST):
        for row in tx.execute(query.where(BINS.c.article.in_(some)).order_by(BINS.c.bin)).mappings():
            view = views.from_row({name: row[BINS.c[name]] for name in views.NAMES})
            place = {column.name: row[column] for column in PLACES.c}
            found.append((view, None if place["site"] is None else Place(**place)))
    return found
