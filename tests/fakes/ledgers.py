"""What stands in a ledger, for tests of what is sent to it; and a listener in a thread."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import sqlalchemy as sa

from tests.fakes.programs import PATIENCE_S
from warehouse.discrepancies.rules import Rules
from warehouse.ledger import Ledger
from warehouse.ledger.tables import COUNTS, GAPS
from warehouse.subscriber import Subscriber
from warehouse.wms.receive import receive


def counts(ledger: Ledger) -> list[dict[str, Any]]:
    """All counts, oldest first."""
    return _rows(ledger, COUNTS)


def gaps(ledger: Ledger) -> list[dict[str, Any]]:
    """All ranges that stations gave up, oldest first."""
    return _rows(ledger, GAPS)


@contextmanager
def listening(url: str, ledger: Ledger, site: str) -> Iterator[None]:
    """Take a site's counts in, for as long as the block lasts."""
    subscriber = Subscriber(url, "listener", site=site, patience_s=PATIENCE_S)

    def run() -> None:
        with subscriber:
            for _ in receive(subscriber, ledger, Rules()):
                pass

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    try:
        yield
    finally:
        subscriber.stop()
        thread.join(PATIENCE_S)


def _rows(ledger: Ledger, table: sa.Table) -> list[dict[str, Any]]:
    with ledger.read() as tx:
        return [dict(row) for row in tx.execute(sa.select(table).order_by(table.c.number)).mappings()]
