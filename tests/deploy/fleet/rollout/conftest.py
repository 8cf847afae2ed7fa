"""Fixtures of the roll-outs' tests."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa
import structlog

from deploy.fleet.rollout import tables
from deploy.fleet.rollout.store import Store
from tests.fakes.postgres import postgres
from tests.fakes.programs import Start, programs

__all__ = ["postgres"]


@pytest.fixture(autouse=True)
def _fast_database(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody cuts the power here, and most of the time would go into waiting for the disk."""
    durable = tables._durable

    def fast(connection: sa.engine.interfaces.DBAPIConnection, record: object) -> None:
        durable(connection, record)
        connection.execute("PRAGMA synchronous=OFF")

    monkeypatch.setattr(tables, "_durable", fast)


@pytest.fixture(autouse=True)
def _own_log() -> Iterator[None]:
    """A command's log goes to this test's standard error, and not to the next one's."""
    yield
    structlog.reset_defaults()


@pytest.fixture
def start() -> Iterator[Start]:
    with programs() as started:
        yield started


@pytest.fixture(params=["sqlite", "postgresql"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    """An empty database of each kind."""
    url = f"sqlite:///{tmp_path / 'fleet.db'}" if request.param == "sqlite" else request.getfixturevalue("postgres")
    store = Store(url)
    yield store
    tables.METADATA.drop_all(store._engine)
    store.close()
