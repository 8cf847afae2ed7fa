"""Counts that the ledger has not acknowledged yet, in a SQLite file that survives a kill at any moment."""

from __future__ import annotations

import fcntl
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from bintally.errors import UnavailableError, UsageError
from bintally.files import make_folder
from bintally.messages import CountEvent, Range, new_epoch
from bintally.topics import Station

_SCHEMA = """
CREATE TABLE IF NOT EXISTS owner (source TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS event (
    position INTEGER PRIMARY KEY AUTOINCREMENT,
    epoch TEXT NOT NULL,
    seq INTEGER NOT NULL,
    payload BLOB NOT NULL,
    UNIQUE (epoch, seq)
);
CREATE TABLE IF NOT EXISTS counted_file (folder TEXT NOT NULL, file TEXT NOT NULL, PRIMARY KEY (folder, file)) WITHOUT ROWID;
"""


@dataclass(frozen=True)
class Pending:
    """An event that waits: its place in the queue, its name, and what to publish."""

    position: int
    epoch: str
    seq: int
    payload: bytes


class Outbox:
    """The queue of one station, held by one agent at a time.

    Every public method may be called from any thread. An event is committed, with full sync, before ``add`` returns.
    """

    def __init__(self, folder: Path, station: Station) -> None:
        """Open or make the outbox in ``folder``.

        Raises:
            UsageError: another agent holds it, or it belongs to another station.
            UnavailableError: the folder cannot be written to, or the file is damaged.
        """
        make_folder(folder)
        self._path = folder / "outbox.sqlite"
        self._lock = threading.Lock()
        self.epoch = new_epoch()
        self._seq = 0
        self._lock_file = _hold(folder / "agent.lock")
        try:
            self._open(folder, station)
        except BaseException:
            self._lock_file.close()
            raise

    def _open(self, folder: Path, station: Station) -> None:
        with self._translated():
            self._db = sqlite3.connect(self._path, check_same_thread=False, isolation_level=None)
            self._db.execute("PRAGMA journal_mode=WAL")
            self._db.execute("PRAGMA synchronous=FULL")
            self._db.executescript(_SCHEMA)
            owner = self._db.execute("SELECT source FROM owner").fetchone()
            if owner is None:
                self._db.execute("INSERT INTO owner VALUES (?)", (station.source,))
            elif owner[0] != station.source:
                self._db.close()
                raise UsageError(
                    f"{folder}: holds the counts of station {owner[0]}, not of {station.source}; give this one its own --state-dir"
                )

    def add(self, make: Callable[[str], CountEvent], folder: str | None = None, file: str | None = None) -> CountEvent:
        """Commit one count.

        Args:
            make: gets the new event's id and returns the event.
            folder: with ``file``, remembers in the same step that this image of this folder was counted.
            file: see ``folder``.

        Raises:
            UnavailableError: it could not be committed (disk full); nothing was.
        """
        with self._lock, self._translated():
            event = make(f"{self.epoch}-{self._seq + 1}")
            self._db.execute("BEGIN IMMEDIATE")
            try:
                payload = event.model_dump_json().encode()
                self._db.execute("INSERT INTO event (epoch, seq, payload) VALUES (?, ?, ?)", (self.epoch, self._seq + 1, payload))
                if file is not None:
                    self._db.execute("INSERT OR IGNORE INTO counted_file VALUES (?, ?)", (folder, file))
                self._db.execute("COMMIT")
            except BaseException:
                if self._db.in_transaction:  # SQLite has rolled back already where the disk is full
                    self._db.execute("ROLLBACK")
                raise
            self._seq += 1
        return event

    def was_counted(self, folder: str, file: str) -> bool:
        """Whether an image of a folder has been counted, in this run or an earlier one."""
        with self._lock, self._translated():
            return self._db.execute("SELECT 1 FROM counted_file WHERE folder = ? AND file = ?", (folder, file)).fetchone() is not None

    def after(self, position: int, limit: int) -> list[Pending]:
        """The oldest events behind a position, at most ``limit``."""
        with self._lock, self._translated():
            rows = self._db.execute(
                "SELECT position, epoch, seq, payload FROM event WHERE position > ? ORDER BY position LIMIT ?", (position, limit)
            )
            return [Pending(*row) for row in rows]

    def forget(self, ranges: list[Range]) -> int:
        """Remove acknowledged events; unknown ones are passed over. Returns how many were removed."""
        with self._lock, self._translated():
            self._db.execute("BEGIN IMMEDIATE")
            removed = 0
            for one in ranges:
                found = self._db.execute("DELETE FROM event WHERE epoch = ? AND seq BETWEEN ? AND ?", (one.epoch, one.first, one.last))
                removed += found.rowcount
            self._db.execute("COMMIT")
        return removed

    def depth(self) -> int:
        """How many events wait."""
        with self._lock, self._translated():
            return int(self._db.execute("SELECT count(*) FROM event").fetchone()[0])

    def close(self) -> None:
        """Close the file and let another agent have it."""
        with self._lock:
            self._db.close()
            self._lock_file.close()

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            raise UnavailableError(
                f"{self._path}: the outbox cannot be used ({error}); free disk space or check the file, counting stops here"
            ) from error


def _hold(path: Path) -> TextIO:
    try:
        handle = path.open("a")
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise UsageError(f"{path}: another agent uses this state folder; stop it or give this one its own --state-dir") from error
    except OSError as error:
        raise UnavailableError(f"{path}: cannot be written ({error.strerror}); choose another --state-dir") from error
    return handle
