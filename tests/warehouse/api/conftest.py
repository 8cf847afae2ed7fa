"""A ledger of two sites, in each database: filled once, then copied for each test."""

from __future__ import annotations

import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest
import structlog

from tests.fakes.postgres import postgres
from tests.warehouse.api.asking import Asking
from tests.warehouse.api.world import HERE, THERE, fill
from warehouse.ledger import Ledger

__all__ = ["postgres"]
DATABASES = ["sqlite", "postgresql"]
_TEMPLATE = "api_template"


@pytest.fixture(autouse=True)
def _own_log() -> Iterator[None]:
    """A command that is called here logs to this test's standard error, which is gone after it."""
    yield
    structlog.reset_defaults()


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file to be copied."""
    path = tmp_path_factory.mktemp("template") / "ledger.db"
    _filled(f"sqlite:///{path}")
    return path


@pytest.fixture(scope="session")
def postgres_template(postgres: str) -> str:
    """The server, with a database to be copied."""
    _run(postgres, f"CREATE DATABASE {_TEMPLATE}")
    _filled(postgres.replace("/postgres", f"/{_TEMPLATE}"))
    return postgres


@contextmanager
def asking(request: pytest.FixtureRequest, kind: str, folder: Path) -> Iterator[Asking]:
    """Who asks a ledger of two sites, and waits for hardly any lock."""
    if kind == "sqlite":
        url = f"sqlite:///{shutil.copy(request.getfixturevalue('sqlite_template'), folder)}"
    else:
        server: str = request.getfixturevalue("postgres_template")
        name = f"api_{uuid.uuid4().hex}"
        _run(server, f"CREATE DATABASE {name} TEMPLATE {_TEMPLATE}")
        url = server.replace("/postgres", f"/{name}")
    with Ledger(url, wait_s=0.2) as ledger:
        yield Asking(ledger, folder / "evidence")


@pytest.fixture(params=DATABASES)
def api(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Asking]:
    """In each database, for tests that change what is there."""
    with asking(request, request.param, tmp_path) as found:
        yield found


@pytest.fixture
def lite(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Asking]:
    """In SQLite, for tests of what no database decides."""
    with asking(request, "sqlite", tmp_path) as found:
        yield found


@pytest.fixture(scope="module", params=DATABASES)
def shared(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Asking]:
    """In each database, one for all tests that only read."""
    with asking(request, request.param, tmp_path_factory.mktemp("shared")) as found:
        yield found


def _filled(url: str) -> None:
    with Ledger(url) as ledger:
        for station in (HERE, THERE):
            fill(ledger, station)


def _run(server: str, statement: str) -> None:
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(statement)
