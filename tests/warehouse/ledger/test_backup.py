"""Backups: of one moment, checked, and never put over a ledger."""

from __future__ import annotations

import sqlite3
import stat
import threading
from pathlib import Path

import pytest

from bintally.errors import InputError, UnavailableError, UsageError
from tests.warehouse.ledger.samples import RULES, at, count
from warehouse.ledger import Ledger, counts
from warehouse.ledger.backup import backup, restore
from warehouse.ledger.events import take

POSTGRES = "postgresql://ann:geheim@db.example/ledger"


@pytest.fixture
def url(tmp_path: Path) -> str:
    """A ledger in SQLite with three counts, open in another program."""
    return f"sqlite:///{tmp_path / 'ledger.db'}"


@pytest.fixture
def lived(url: str) -> Ledger:
    ledger = Ledger(url)
    with ledger.begin() as tx:
        take(tx, [count(number, "A", 3, number) for number in (1, 2, 3)], RULES, at(5))
    return ledger


def test_a_copy_is_whole_and_can_be_put_back(lived: Ledger, url: str, tmp_path: Path) -> None:
    copy = tmp_path / "copy.db"
    assert backup(url, copy) == 3
    assert stat.S_IMODE(copy.stat().st_mode) == 0o600
    with lived.begin() as tx:
        take(tx, [count(4, "A", 3, 4)], RULES, at(6))
    other = f"sqlite:///{tmp_path / 'other.db'}"
    assert restore(copy, other) == 3
    with Ledger(other) as again, again.begin() as tx:
        assert len(counts.page(tx).rows) == 3
        assert len(take(tx, [count(4, "A", 3, 4)], RULES, at(6))) == 1
    assert backup(url, copy) == 4  # replaces the older one
    assert sorted(path.name for path in tmp_path.iterdir() if path.name.startswith(("copy", ".copy"))) == ["copy.db"]
    lived.close()


def test_a_copy_is_of_one_moment_while_others_write(lived: Ledger, url: str, tmp_path: Path) -> None:
    stop = threading.Event()

    def write() -> None:
        number = 10
        while not stop.is_set():
            with lived.begin() as tx:
                take(tx, [count(number, "A", 3, number), count(number + 1, "B", 3, number)], RULES, at(number))
            number += 2

    thread = threading.Thread(target=write)
    thread.start()
    try:
        for number in range(5):
            assert backup(url, tmp_path / f"copy{number}.db") % 2 == 1
    finally:
        stop.set()
        thread.join()
    lived.close()


def test_a_ledger_is_never_overwritten(lived: Ledger, url: str, tmp_path: Path) -> None:
    backup(url, tmp_path / "copy.db")
    with pytest.raises(UsageError, match=r"ledger\.db: is there already, and is not overwritten; move it away"):
        restore(tmp_path / "copy.db", url)
    with pytest.raises(UsageError, match="is the ledger itself"):
        backup(url, tmp_path / "ledger.db")
    (tmp_path / "new.db-wal").write_bytes(b"of an older one")  # SQLite would play it into the new one
    with pytest.raises(UsageError, match=r"new\.db-wal: is there already"):
        restore(tmp_path / "copy.db", f"sqlite:///{tmp_path / 'new.db'}")
    lived.close()


def test_what_is_no_whole_backup_is_refused_and_nothing_is_left(lived: Ledger, url: str, tmp_path: Path) -> None:
    copy, new = tmp_path / "copy.db", tmp_path / "new.db"
    backup(url, copy)
    data = copy.read_bytes()
    (tmp_path / "torn.db").write_bytes(data[: len(data) // 2 // 4096 * 4096])
    (tmp_path / "text.db").write_text("no database" * 1000)
    sqlite3.connect(tmp_path / "other.db").execute("CREATE TABLE x (y)").connection.close()
    (tmp_path / "empty.db").write_bytes(b"")
    for name in ("torn.db", "text.db", "other.db", "empty.db"):
        with pytest.raises(InputError, match=rf"{name}: is no whole backup of a ledger"):
            restore(tmp_path / name, f"sqlite:///{new}")
        assert not new.exists()
    with pytest.raises(UnavailableError, match=r"gone\.db: cannot be read"):
        restore(tmp_path / "gone.db", f"sqlite:///{new}")
    lived.close()


def test_a_ledger_that_is_not_there_cannot_be_copied(url: str, tmp_path: Path) -> None:
    with pytest.raises(UnavailableError, match="there is no such ledger; check --ledger"):
        backup(url, tmp_path / "copy.db")
    assert list(tmp_path.iterdir()) == []


def test_postgresql_has_its_own_tools_and_no_password_is_shown(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"pg_dump --format=custom --file=/x postgresql://ann@db\.example/ledger$") as failure:
        backup(POSTGRES, Path("/x"))
    assert "geheim" not in str(failure.value)
    with pytest.raises(UsageError, match=r"pg_restore --dbname=postgresql://ann@db\.example/ledger /x$"):
        restore(Path("/x"), POSTGRES)
    with pytest.raises(UsageError, match="a database in memory cannot be copied"):
        backup("sqlite://", tmp_path / "copy.db")
