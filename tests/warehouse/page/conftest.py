"""A ledger of two sites, with its page."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.warehouse.api.world import HERE, THERE, fill
from tests.warehouse.page.visiting import Shop
from warehouse.ledger import Ledger


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file to be copied."""
    path = tmp_path_factory.mktemp("template") / "ledger.db"
    with Ledger(f"sqlite:///{path}") as ledger:
        for station in (HERE, THERE):
            fill(ledger, station)
    return path


@pytest.fixture
def shop(template: Path, tmp_path: Path) -> Iterator[Shop]:
    with Ledger(f"sqlite:///{shutil.copy(template, tmp_path)}", wait_s=0.2) as ledger:
        yield Shop(ledger, tmp_path / "evidence")
