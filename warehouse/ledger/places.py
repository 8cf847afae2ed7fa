"""Where bins are: their places, and the layout of each site."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from bintally.errors import InputError
from bintally.layouts.files import parse_layout
from bintally.layouts.hall import Hall
from warehouse.ledger import audit, views
from warehouse.ledger.engine import insert
from warehouse.ledger.names import check_name
from warehouse.ledger.tables import BINS, PLACES, SITES
from warehouse.ledger.turns import take_turn, take_turns

_MOST = 1000
_GREATEST = 10_000


@dataclass(frozen=True)
class Place:
    """Where a bin is; docs/layouts.md says how aisles, blocks and positions are counted.

    Attributes:
        zone: for people, may be empty.
        position_m: from the block's first position.

    Raises:
        InputError: a value is out of range.
    """

    site: str
    bin: str
    aisle: int
    position_m: float
    block: int = 0
    zone: str = ""

    def __post_init__(self) -> None:
        """Check the values."""
        check_name("site", self.site, 200)
        check_name("bin", self.bin, 255)
        if self.zone:
            check_name("zone", self.zone, 200)
        if not (0 <= self.aisle < _GREATEST and 0 <= self.block < _GREATEST):
            raise InputError(f"aisle = {self.aisle}, block = {self.block}: are counted from 0, up to {_GREATEST}")
        if not (math.isfinite(self.position_m) and self.position_m >= 0):
            raise InputError(f"position_m = {self.position_m}: must be metres, 0 or more")


def import_places(tx: sa.Connection, rows: Iterable[Place], by: str, now: datetime) -> int:
    """Put bins to their places; one that has a place already is moved.

    Returns:
        How many.

    Raises:
        InputError: a bin is named twice, or its site's layout has no such place; nothing is imported.
    """
    wanted: dict[tuple[str, str], Place] = {}
    for row in rows:
        if wanted.setdefault((row.site, row.bin), row) is not row:
            raise InputError(f"bin {row.bin!r} of site {row.site!r}: is named twice; a bin has one place")
    sites = sorted({site for site, _ in wanted})
    take_turns(tx, sites)
    for site in sites:
        _put(tx, site, [place for place in wanted.values() if place.site == site])
        audit.note(tx, by, "places", f"{site}: {sum(place.site == site for place in wanted.values())} places", now)
    return len(wanted)


def places(tx: sa.Connection, site: str) -> dict[str, Place]:
    """Bin → its place."""
    rows = tx.execute(sa.select(PLACES).where(PLACES.c.site == site).order_by(PLACES.c.bin))
    return {row.bin: Place(row.site, row.bin, row.aisle, row.position_m, row.block, row.zone) for row in rows}


def import_layout(tx: sa.Connection, site: str, text: str, by: str, now: datetime) -> None:
    """Keep a site's layout, a file of docs/layouts.md.

    Raises:
        InputError: it is no layout, or a bin's place is not in it; nothing is changed.
    """
    check_name("site", site, 200)
    hall = parse_layout(text, f"layout of site {site!r}")
    take_turn(tx, site)
    _check(hall, places(tx, site).values())
    tx.execute(sa.update(SITES).where(SITES.c.site == site).values(layout=text))
    audit.note(tx, by, "layout", f"{site}: {len(text)} characters", now)


def layout(tx: sa.Connection, site: str) -> str | None:
    """A site's layout as it was imported."""
    text: str | None = tx.execute(sa.select(SITES.c.layout).where(SITES.c.site == site)).scalar()
    return text


def _put(tx: sa.Connection, site: str, rows: Sequence[Place]) -> None:
    text = layout(tx, site)
    if text is not None:
        _check(parse_layout(text, f"layout of site {site!r}"), rows)
    new = insert(tx, PLACES)
    change = {name: new.excluded[name] for name in ("zone", "aisle", "block", "position_m")}
    query = new.on_conflict_do_update(index_elements=[PLACES.c.site, PLACES.c.bin], set_=change)
    known = insert(tx, BINS).on_conflict_do_nothing()
    for some in views.chunks(rows, _MOST):
        tx.execute(query, [vars(place) for place in some])
        tx.execute(known, [{"site": place.site, "bin": place.bin} for place in some])


def _check(hall: Hall, rows: Iterable[Place]) -> None:
    for place in rows:
        hall.shelf(f"bin {place.bin!r}", place.aisle, place.block, place.position_m)
