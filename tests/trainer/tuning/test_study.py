"""The study's database: which addresses are taken, and what is refused."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from bintally.errors import UnavailableError, UsageError
from tests.conftest import free_port
from tests.trainer.tuning.searches import SPACE, search, space, sqlite_url
from trainer.training.settings import TrainSettings
from trainer.tuning.space import space_from
from trainer.tuning.study import database_url


@pytest.mark.parametrize("scheme", ["postgres", "postgresql", "postgresql+psycopg"])
def test_postgresql_is_reached_through_psycopg_and_its_password_is_not_shown(scheme: str) -> None:
    url = database_url(f"{scheme}://ann:secret@host/search")
    assert url.drivername == "postgresql+psycopg"
    assert str(url) == "postgresql+psycopg://ann:***@host/search"


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ("study.db", "not a database URL; for instance sqlite:///"),
        ("mysql://host/search", "mysql is not supported; use sqlite:/// or postgresql://"),
        ("postgresql+psycopg2://host/search", r"postgresql\+psycopg2 is not supported"),
        ("sqlite://", "in memory"),
        ("sqlite:///:memory:", "in memory"),
    ],
)
def test_other_addresses_are_wrong_use(given: str, says: str) -> None:
    with pytest.raises(UsageError, match=says):
        database_url(given)


def test_a_server_that_does_not_answer_is_named_without_its_password(tmp_path: Path) -> None:
    address = f"127.0.0.1:{free_port()}/search"
    with pytest.raises(UnavailableError, match=r"database postgresql\+psycopg://ann:\*\*\*@127.*refused") as error:
        search(f"postgresql://ann:secret@{address}", tmp_path).open()
    assert "secret" not in str(error.value)


def test_a_database_that_is_not_on_the_server_is_named(postgres: str, tmp_path: Path) -> None:
    with pytest.raises(UnavailableError, match='"missing" does not exist'):
        search(postgres.replace("/postgres", "/missing"), tmp_path).open()


def test_a_file_that_is_no_database_is_left_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "study.db").write_text("a letter of two lines, and longer than a header\n" * 40)
    before = (tmp_path / "study.db").read_bytes()
    with pytest.raises(UnavailableError, match=r"study\.db: file is not a database"):
        search(sqlite_url(tmp_path), tmp_path).open()
    assert (tmp_path / "study.db").read_bytes() == before


def test_a_folder_that_is_missing_is_named(tmp_path: Path) -> None:
    with pytest.raises(UnavailableError, match=r"missing/study\.db: unable to open database file"):
        search(sqlite_url(tmp_path / "missing"), tmp_path).open()


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_without_the_right_to_write_is_named(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(UnavailableError, match="unable to open database file"):
        search(sqlite_url(tmp_path), tmp_path).open()


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        (
            {"space": space_from(SPACE.replace("1e-1", "1e-2"), "test", TrainSettings(epochs=3))},
            "learning_rate was 0.0001 to 0.1 .* and is ",
        ),
        ({"space": space(epochs=5)}, "epochs was 3 and is 5"),
        ({"record": {**space().record(), "--data": "digest"}}, "--data was not there and is digest"),
    ],
)
def test_a_study_that_was_begun_with_something_else_is_refused(tmp_path: Path, changed: dict[str, Any], says: str) -> None:
    search(sqlite_url(tmp_path), tmp_path).open()
    with pytest.raises(UsageError, match=f"study test in sqlite:.*: {says}.*another --study"):
        search(sqlite_url(tmp_path), tmp_path, **changed).open()
    search(sqlite_url(tmp_path), tmp_path, **changed, study="another").open()
