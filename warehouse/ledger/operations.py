"""How the ledger itself gets on: what ``/metrics`` tells."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from warehouse.ledger.tables import DEAD_LETTERS, DELIVERIES, DISCREPANCIES, EPOCHS, STATIONS


@dataclass(frozen=True)
class Figures:
    """The ledger at one moment.

    Attributes:
        received: events that ever arrived, each once.
        missing: events of stations that are on their way, were given up, or are lost.
        dead_letters: messages that could not be read, those that came again, too.
        waiting: deliveries that have not left yet, by kind.
        failing: those of them that were tried without success, by kind.
        discrepancies: that are not settled, by kind and state.
        stations: that ever said something.
        counted_at: when the newest count was received.
    """

    received: int
    missing: int
    dead_letters: int
    waiting: dict[str, int]
    failing: dict[str, int]
    discrepancies: dict[tuple[str, str], int]
    stations: int
    counted_at: datetime | None


def figures(tx: sa.Connection) -> Figures:
    """Look at small tables only: a scrape every few seconds must not cost what a report does."""
    held, highest = tx.execute(sa.select(sa.func.sum(EPOCHS.c.held), sa.func.sum(EPOCHS.c.highest))).one()
    failed = sa.func.sum(sa.case((DELIVERIES.c.attempts > 0, 1), else_=0))
    deliveries = tx.execute(sa.select(DELIVERIES.c.kind, sa.func.count(), failed).group_by(DELIVERIES.c.kind)).all()
    case = DISCREPANCIES.c
    cases = sa.select(case.kind, case.state, sa.func.count()).where(sa.text("state <> 'settled'")).group_by(case.kind, case.state)
    stations, counted_at = tx.execute(sa.select(sa.func.count(), sa.func.max(STATIONS.c.counted_at))).one()
    return Figures(
        received=int(held or 0),
        missing=int(highest or 0) - int(held or 0),
        dead_letters=int(tx.execute(sa.select(sa.func.sum(DEAD_LETTERS.c.times))).scalar() or 0),
        waiting={kind: int(number) for kind, number, _ in deliveries},
        failing={kind: int(number) for kind, _, number in deliveries},
        discrepancies={(kind, state): int(number) for kind, state, number in tx.execute(cases)},
        stations=int(stations),
        counted_at=counted_at,
    )


def answers(tx: sa.Connection) -> None:
    """Ask the database for anything: for ``/healthz``."""
    tx.execute(sa.select(sa.literal(1)))
