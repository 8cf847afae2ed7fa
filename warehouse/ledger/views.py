"""Bins' views, out of the database and into it."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from itertools import islice
from typing import Any, TypeVar

import sqlalchemy as sa

from warehouse.discrepancies.belief import Belief
from warehouse.ledger.engine import among, insert
from warehouse.ledger.fold import COUNTED, View
from warehouse.ledger.tables import BINS

_Any = TypeVar("_Any")
_MOST = 1000
NAMES = View._fields
"""Columns of ``bin``."""
BOOKED = tuple(name for name in NAMES if name not in COUNTED)
"""Those that a change of the books may change."""


def load(tx: sa.Connection, site: str, bins: Collection[str]) -> dict[str, View]:
    """The views of bins, an empty one for those of which nothing is known. Take the site's turn first."""
    found = {bin_: View(site, bin_) for bin_ in bins}
    for row in tx.execute(sa.select(BINS).where(BINS.c.site == site, among(tx, BINS.c.bin, bins))).mappings():
        found[row["bin"]] = from_row(row)
    return found


def save(tx: sa.Connection, views: Iterable[View], columns: Sequence[str] = NAMES) -> None:
    """Write views, or only some of their columns."""
    new = insert(tx, BINS)
    change = {name: new.excluded[name] for name in columns if name not in ("site", "bin")}
    query = new.on_conflict_do_update(index_elements=[BINS.c.site, BINS.c.bin], set_=change)
    for some in chunks(views, _MOST):
        rows = map(_as_row, some)
        tx.execute(query, [{name: row[name] for name in columns} for row in rows])


def from_row(row: sa.RowMapping | Mapping[str, Any]) -> View:
    """A row of ``bin`` as a view."""
    kept = row["belief"]
    return View(**{**{name: row[name] for name in NAMES}, "belief": kept and Belief.from_json(kept)})


def as_json(view: View) -> dict[str, Any]:
    """A view as ``bin_base`` keeps it."""
    return {name: value.isoformat() if isinstance(value, datetime) else value for name, value in _as_row(view).items()}


def from_json(kept: Mapping[str, Any]) -> View:
    """What ``as_json`` gave; names of columns that are times end with ``_at``."""
    return from_row({name: datetime.fromisoformat(value) if name.endswith("_at") and value else value for name, value in kept.items()})


def chunks(given: Iterable[_Any], size: int) -> Iterator[Sequence[_Any]]:
    """``given`` in lists of at most ``size``."""
    left = iter(given)
    while some := list(islice(left, size)):
        yield some


def _as_row(view: View) -> dict[str, Any]:
    return {**view._asdict(), "belief": None if view.belief is None else view.belief.as_json()}
