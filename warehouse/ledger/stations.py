"""Stations: what they said of themselves last, and when they last counted."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from bintally.messages import Health, State
from bintally.topics import Station
from warehouse.ledger.engine import insert
from warehouse.ledger.facts import text
from warehouse.ledger.tables import STATIONS


@dataclass(frozen=True)
class Seen:
    """A station as the ledger knows it; None is what it never said."""

    site: str
    station: str
    state: State | None
    state_at: datetime | None
    health: Health | None
    health_at: datetime | None
    counted_at: datetime | None


def state(tx: sa.Connection, station: Station, said: State, now: datetime) -> None:
    """Keep what a station says of its state."""
    _put(tx, [station], {"state": _storable(said), "state_at": now})


def health(tx: sa.Connection, station: Station, said: Health, now: datetime) -> None:
    """Keep what a station says of its health."""
    _put(tx, [station], {"health": _storable(said), "health_at": now})


def counted(tx: sa.Connection, counting: Iterable[Station], now: datetime) -> None:
    """Counts of these stations were received."""
    _put(tx, counting, {"counted_at": now})


def stations(tx: sa.Connection, site: str | None = None) -> list[Seen]:
    """All stations of one site, or of all, by site and name."""
    query = sa.select(STATIONS).order_by(STATIONS.c.site, STATIONS.c.station)
    return [_seen(row) for row in tx.execute(query if site is None else query.where(STATIONS.c.site == site))]


def _put(tx: sa.Connection, whose: Iterable[Station], values: dict[str, Any]) -> None:
    # sorted: two workers that put the same stations must not wait for each other's rows
    names = [{"source": one.source, "site": text(one.site), "station": text(one.station)} for one in sorted(set(whose), key=_source)]
    if names:
        new = insert(tx, STATIONS)
        change = {name: new.excluded[name] for name in values}
        tx.execute(new.on_conflict_do_update(index_elements=[STATIONS.c.source], set_=change), [{**name, **values} for name in names])


def _source(station: Station) -> str:
    return station.source


def _storable(said: State | Health) -> dict[str, Any]:
    return {name: text(value) if isinstance(value, str) else value for name, value in said.model_dump(mode="json").items()}


def _seen(row: Any) -> Seen:
    return Seen(
        site=row.site,
        station=row.station,
        state=row.state and State.model_validate(row.state),
        state_at=row.state_at,
        health=row.health and Health.model_validate(row.health),
        health_at=row.health_at,
        counted_at=row.counted_at,
    )
