"""Copy a ledger in SQLite to a file while it is written to, and put such a file back. PostgreSQL brings its own tools for both."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import sqlalchemy as sa

from bintally.errors import InputError, UnavailableError, UsageError
from bintally.files import write_with
from warehouse.ledger.engine import open_engine


def backup(url: str, file: Path) -> int:
    """Copy a ledger to a file, whole and of one moment; writers go on meanwhile. The copy is checked before it takes the file's name.

    Args:
        url: of the ledger.
        file: replaced if it is there.

    Returns:
        How many counts the copy holds.

    Raises:
        UsageError: the ledger is in no SQLite file.
        UnavailableError: it cannot be read, or the copy cannot be written or is damaged.
    """
    database = _file_of(url, f"pg_dump --format=custom --file={file} {url}")
    if not database.is_file():
        raise UnavailableError(f"{database}: there is no such ledger; check --ledger")
    if file.exists() and file.samefile(database):
        raise UsageError(f"{file}: is the ledger itself; choose another file for the copy")
    write_with(file, lambda copy: _copy(database, copy), 0o600)
    with _told(file), closing(_read_only(file)) as connection:
        return _counts(connection)


def restore(file: Path, url: str) -> int:
    """Put a backup to where a ledger is to be; nothing is there yet.

    Args:
        file: that ``backup`` made.
        url: of the ledger that is to be.

    Returns:
        How many counts it holds.

    Raises:
        UsageError: the URL is of no SQLite file, or a ledger is there already.
        InputError: the file is no backup of a ledger, or damaged.
        UnavailableError: it cannot be read or written.
    """
    database = _file_of(url, f"pg_restore --dbname={url} {file}")
    for there in (database, *(database.with_name(database.name + suffix) for suffix in ("-wal", "-shm", "-journal"))):
        if there.exists():
            raise UsageError(f"{there}: is there already, and is not overwritten; move it away, or name another file")
    with _read(file), closing(_read_only(file)) as connection:
        _check(connection)
        counts = _counts(connection)
    write_with(database, lambda copy: _copy(file, copy), 0o600)
    return counts


def _copy(source: Path, to: Path) -> None:
    with _told(source), closing(_read_only(source)) as connection, closing(sqlite3.connect(to)) as copy:
        connection.backup(copy)  # in one go: with pauses, each write in between would begin it anew
        copy.execute("PRAGMA journal_mode=DELETE")  # one file, without a log beside it
        _check(copy)


def _check(connection: sqlite3.Connection) -> None:
    (found,) = connection.execute("PRAGMA integrity_check(1)").fetchone()
    if found != "ok":
        raise sqlite3.DatabaseError(found)
    if connection.execute("SELECT count(*) FROM sqlite_schema WHERE name = 'count_event'").fetchone() != (1,):
        raise sqlite3.DatabaseError("it holds no counts, so it is no ledger")


def _counts(connection: sqlite3.Connection) -> int:
    (number,) = connection.execute("SELECT count(*) FROM count_event").fetchone()
    return int(number)


def _read_only(file: Path) -> sqlite3.Connection:
    return sqlite3.connect(f"{file.absolute().as_uri()}?mode=ro", uri=True, timeout=30)


def _file_of(url: str, tool: str) -> Path:
    engine = open_engine(url)
    engine.dispose()
    if engine.dialect.name != "sqlite":
        raise UsageError(f"--ledger: PostgreSQL has its own tools for this, while it runs: {_hidden(tool, engine.url)}")
    if engine.url.database in (None, "", ":memory:"):
        raise UsageError("--ledger: a database in memory cannot be copied; name a file, for instance sqlite:///ledger.db")
    return Path(str(engine.url.database))


def _hidden(tool: str, url: sa.URL) -> str:
    """The command without the password; the tools ask for it, or read it from ~/.pgpass."""
    words = tool.split(" ")
    shown = str(sa.URL.create("postgresql", url.username, None, url.host, url.port, url.database))
    return " ".join(
        word if "://" not in word else f"{word.partition('=')[0]}={shown}" if word.startswith("--") else shown for word in words
    )


@contextmanager
def _told(file: Path) -> Iterator[None]:
    try:
        yield
    except sqlite3.Error as error:
        raise UnavailableError(f"{file}: cannot be copied ({error}); check that it is a ledger, and that there is space") from error


@contextmanager
def _read(file: Path) -> Iterator[None]:
    if not os.access(file, os.R_OK):
        raise UnavailableError(f"{file}: cannot be read; check the path and its rights")
    try:
        yield
    except sqlite3.Error as error:
        raise InputError(f"{file}: is no whole backup of a ledger ({error}); take another one") from error
