"""The outbox's file: held by one agent, opened, checked, replaced where it is damaged; each change is one transaction."""

from __future__ import annotations

import fcntl
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timezone
from pathlib import Path
from typing import TextIO, TypeVar, cast

import structlog

from agent.delivery.marks import Marks
from agent.delivery.store import Reason, Totals, Transaction, make_tables
from bintally.errors import UnavailableError, UsageError
from bintally.files import make_folder
from bintally.messages import Range, new_epoch

_CHECK_BELOW_BYTES = 64 * 2**20
"""A larger file is not checked whole at the start, so that the first count does not wait for it."""
_WAL_BYTES = 4 * 2**20
_Any = TypeVar("_Any")
log = structlog.get_logger()


class OutboxFile:
    """The database ``outbox.sqlite`` of a state folder, its marks, and the lock that keeps other agents out.

    What was committed and is missing (an older copy was put back, the file was damaged) is told in a gap when the file is opened.

    Args:
        folder: of the station's state.
        source: the station's; the file is bound to it.
        clock: monotonic seconds.

    Attributes:
        epoch: of this start.
        marks: how far each epoch went.
        totals: what the file holds.
        position: of the newest event.

    Raises:
        UsageError: another agent holds it, or it belongs to another station.
        UnavailableError: the folder cannot be written to.
    """

    def __init__(self, folder: Path, source: str, clock: Callable[[], float]) -> None:
        make_folder(folder)
        self.path, self._folder, self._source, self._clock = folder / "outbox.sqlite", folder, source, clock
        self._lock = threading.Lock()
        self._db: sqlite3.Connection | None = None
        self.epoch, self.totals, self.position = new_epoch(), Totals(), 0
        self._given_up: list[Range] = []
        self._running_base_s, self._opened_s = 0.0, clock()
        self._lock_file = _hold(folder / "agent.lock")
        try:
            self.marks = Marks(folder / "marks")
            with self._translated():
                self._open_or_replace()
            self.marks.begin(self.epoch)
            self.marks.set(self.totals.seq)
        except BaseException:
            self._close_file()
            self._lock_file.close()
            raise

    def close(self) -> None:
        """Close the file and let another agent have it."""
        with self._lock:
            self._close_file()
            self.marks.close()
            self._lock_file.close()

    def running_s(self) -> float:
        """How long agents ran with this state folder, in seconds."""
        return self._running_base_s + self._clock() - self._opened_s

    def take_given_up(self) -> list[Range]:
        """What transactions gave up since the last call."""
        with self._lock:
            given_up, self._given_up = self._given_up, []
        return given_up

    def run(self, work: Callable[[sqlite3.Connection], _Any]) -> _Any:
        """Run ``work`` alone; where the file turns out to be damaged, once more with a new one."""
        with self._lock, self._translated():
            try:
                return work(self._opened())
            except sqlite3.DatabaseError as error:
                if not _is_damage(error):
                    raise
                self._replace(error)
            return work(self._opened())

    def _opened(self) -> sqlite3.Connection:
        """The connection; opens the file again where a damaged one could not be replaced because the disk was full."""
        if self._db is None:
            self._open("damaged")
        return cast(sqlite3.Connection, self._db)

    @contextmanager
    def transaction(self, db: sqlite3.Connection, *, sync: bool = True) -> Iterator[Transaction]:
        """Change the file inside ``run``: all of it, or nothing where an exception comes through.

        Args:
            db: as ``run`` gives it.
            sync: whether it must survive a power cut.
        """
        db.execute(f"PRAGMA synchronous={'FULL' if sync else 'NORMAL'}")
        transaction = Transaction(db, self._source, self.epoch, self.totals, self.running_s())
        db.execute("BEGIN IMMEDIATE")
        try:
            yield transaction
            transaction.save()
            db.execute("COMMIT")
        except BaseException:
            if db.in_transaction:  # SQLite has rolled back already where the disk is full
                db.execute("ROLLBACK")
            raise
        self.totals = transaction.totals
        self.position = max(self.position, transaction.position)
        self.marks.set(self.totals.seq)
        self._given_up += transaction.given_up

    def _close_file(self) -> None:
        if self._db is not None:
            self._db.close()
            self._db = None

    def _open_or_replace(self) -> None:
        try:
            self._open("restored")
        except sqlite3.DatabaseError as error:
            if not _is_damage(error):
                raise
            self._replace(error)

    def _open(self, reason: Reason) -> None:
        """Open the file, begin the epoch, and tell what the marks know and the file does not."""
        db = sqlite3.connect(self.path, check_same_thread=False, isolation_level=None)
        try:
            db.execute("PRAGMA journal_mode=WAL")
            db.execute(f"PRAGMA journal_size_limit={_WAL_BYTES}")
            if self.path.stat().st_size < _CHECK_BELOW_BYTES:
                _check(db)
            make_tables(db, str(self._folder), self._source)
            self._running_base_s, depth, size = db.execute("SELECT running_s, depth, bytes FROM totals").fetchone()
            self._opened_s = self._clock()
            self.totals = Totals(self.totals.seq, depth, size)
            self._keep_positions(db)
            with self.transaction(db) as transaction:
                transaction.begin_epoch()
                lost = []
                for epoch, high in self.marks.read().items():
                    known = 0 if reason == "damaged" else transaction.last_seq(epoch) or 0
                    if high > known:
                        lost.append(Range(epoch=epoch, first=known + 1, last=high))
                        transaction.learn(epoch, high)
                transaction.tell_gap(lost, reason)
        except BaseException:
            db.close()
            raise
        self._db = db

    def _keep_positions(self, db: sqlite3.Connection) -> None:
        """Positions only grow, in a new file, too: whoever reads behind a position must not miss what comes."""
        row = db.execute("SELECT seq FROM sqlite_sequence WHERE name = 'event'").fetchone()
        self.position = max(self.position, row[0] if row else 0)
        if row is None:
            db.execute("INSERT INTO sqlite_sequence (name, seq) VALUES ('event', ?)", (self.position,))

    def _replace(self, error: sqlite3.DatabaseError) -> None:
        """Move a damaged file aside, with all that belongs to it, and begin a new one."""
        self._close_file()
        aside = f"{self.path.name}.damaged-{datetime.now(timezone.utc):%Y%m%dT%H%M%S.%fZ}"
        log.error("outbox damaged, moved aside; a new one begins", file=str(self.path), aside=aside, reason=str(error))
        for ending in ("", "-wal", "-shm"):
            path = self._folder / f"{self.path.name}{ending}"
            if path.exists():
                path.rename(self._folder / f"{aside}{ending}")
        self._open("damaged")

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except (sqlite3.Error, OSError) as error:
            raise UnavailableError(
                f"{self.path}: the outbox cannot be used ({error}); free disk space or check the file, counting stops here"
            ) from error


def _check(db: sqlite3.Connection) -> None:
    (found,) = db.execute("PRAGMA quick_check(1)").fetchone()
    if found != "ok":
        raise sqlite3.DatabaseError(f"malformed: {found}")


def _is_damage(error: sqlite3.DatabaseError) -> bool:
    return "malformed" in str(error) or "not a database" in str(error)


def _hold(path: Path) -> TextIO:
    try:
        handle = path.open("a")
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise UsageError(f"{path}: another agent uses this state folder; stop it or give this one its own --state-dir") from error
    except OSError as error:
        raise UnavailableError(f"{path}: cannot be written ({error.strerror}); choose another --state-dir") from error
    return handle
