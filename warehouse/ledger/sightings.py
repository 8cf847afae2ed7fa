"""Which stations count which bins, and what they are to be told of the books."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from datetime import datetime

import sqlalchemy as sa

from bintally.errors import InputError, UsageError
from bintally.messages import Expected
from bintally.topics import Station, decode
from warehouse.ledger import deliveries
from warehouse.ledger.engine import among
from warehouse.ledger.fold import View
from warehouse.ledger.tables import SIGHTINGS

Pair = tuple[str, str]
"""(source, bin)."""


def see(tx: sa.Connection, site: str, pairs: Collection[Pair]) -> set[Pair]:
    """Stations counted bins of a site, whose turn was taken.

    Returns:
        The pairs that were never seen before.
    """
    new = set(pairs) - of_bins(tx, site, {bin_ for _, bin_ in pairs})
    if new:
        tx.execute(sa.insert(SIGHTINGS), [{"site": site, "bin": bin_, "source": source} for source, bin_ in sorted(new)])
    return new


def of_bins(tx: sa.Connection, site: str, bins: Collection[str]) -> set[Pair]:
    """The stations that have counted these bins."""
    query = sa.select(SIGHTINGS.c.source, SIGHTINGS.c.bin).where(SIGHTINGS.c.site == site, among(tx, SIGHTINGS.c.bin, bins))
    return {(source, bin_) for source, bin_ in tx.execute(query)}


def tell(tx: sa.Connection, pairs: Iterable[Pair], views: Mapping[str, View], now: datetime) -> None:
    """Publish what the books expect to stations; where they expect nothing, what was published is taken back."""
    wanted = []
    for source, bin_ in sorted(pairs):
        topic = _topic(source, bin_)
        if topic is not None:
            wanted.append((topic, _payload(views[bin_])))
    deliveries.enqueue_all(tx, "expected", wanted, now)


def _topic(source: str, bin_: str) -> str | None:
    """The bin's topic of a station; None where the name is too long for one, so that no station listens there either."""
    try:
        return Station(*map(decode, source.split("/"))).named("expected", bin_)
    except (InputError, UsageError):
        return None


def _payload(view: View) -> str:
    if view.expected is None:
        return ""
    return Expected(quantity=view.expected, at=view.expected_at).model_dump_json()
