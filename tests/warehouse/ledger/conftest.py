"""A fresh ledger of each kind."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from tests.fakes.postgres import postgres
from warehouse.ledger import Ledger, engine
from warehouse.ledger.tables import METADATA

__all__ = ["postgres"]


@pytest.fixture(autouse=True)
def _fast_database(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody cuts the power here, and most of the time would go into waiting for the disk."""
    durable = engine._durable

    def fast(wait_s: float, connection: Any, record: object) -> None:
        durable(wait_s, connection, record)
        connection.execute("PRAGMA synchronous=OFF")

    monkeypatch.setattr(engine, "_durable", fast)


@pytest.fixture(scope="session")
def _template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated SQLite file, to be copied."""
    path = tmp_path_factory.mktemp("template") / "ledger.db"
    Ledger(f"sqlite:///{path}").close()
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return path


@pytest.fixture(scope="session")
def _migrated(postgres: str) -> str:
    Ledger(postgres).close()
    return postgres


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """URL of an empty, migrated ledger."""
    if request.param == "sqlite":
        shutil.copy(request.getfixturevalue("_template"), tmp_path / "ledger.db")
        yield f"sqlite:///{tmp_path / 'ledger.db'}"
        return
    found: str = request.getfixturevalue("_migrated")
    yield found
    empty(found)


@pytest.fixture
def ledger(url: str) -> Iterator[Ledger]:
    with Ledger(url) as opened:
        yield opened


def empty(url: str) -> None:
    """Take all rows out of a ledger."""
    database = engine.open_engine(url)
    with database.begin() as tx:
        for table in METADATA.sorted_tables:
            tx.execute(sa.delete(table))
            if tx.dialect.name == "postgresql" and "number" in table.c:  # TRUNCATE would do it, and take longer than most tests
                tx.execute(sa.text("SELECT setval(pg_get_serial_sequence(:name, 'number'), 1, false)"), {"name": table.name})
    database.dispose()
