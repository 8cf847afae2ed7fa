"""Counts that the ledger has not acknowledged yet, in a SQLite file that survives a kill at any moment.

What happens when it cannot hold or keep everything, and nothing of it silently:

- It is larger than ``max_bytes``: counts that are not their bin's newest are given up first, then the newest ones, each oldest
  first. Gaps never are; they are merged, so that they stay small.
- Counts waited longer than ``max_age_s``, in seconds of the agent's own running time, so that no clock that is set ages anything:
  they are given up.
- An older copy of the file was put back: what was committed after the copy is missing; the marks beside the file tell how much.
- The file is damaged: it is moved aside and a new one begun; what it held, as far as the marks know, is missing.

All that is given up or missing is told in a ``GapEvent``, which is committed in the same step and delivered like a count.
"""

from __future__ import annotations

import sqlite3
import time
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import structlog

from agent.delivery.file import OutboxFile
from bintally.errors import InputError
from bintally.messages import CountEvent, Range, parse_count
from bintally.topics import Station

log = structlog.get_logger()


@dataclass(frozen=True)
class Pending:
    """An event that waits: its place in the queue, its name, and what to publish."""

    position: int
    epoch: str
    seq: int
    payload: bytes


@dataclass(frozen=True)
class BinState:
    """The newest count of a bin; its position grows with each newer one."""

    position: int
    bin: str
    payload: bytes


class Outbox:
    """The queue of one station, held by one agent at a time.

    Every public method may be called from any thread, and raises UnavailableError where the file cannot be used; then nothing was
    changed, and the next call works again when there is space. An event is committed, with full sync, before ``add`` returns.
    """

    def __init__(
        self,
        folder: Path,
        station: Station,
        max_bytes: int = 512 * 2**20,
        max_age_s: float = 30 * 86_400.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Open or make the outbox in ``folder``.

        Args:
            folder: of this station's state.
            station: whose events.
            max_bytes: most that its events take; the file and its log may be some percent and 4 MiB larger.
            max_age_s: longest time that a count waits, in seconds of the agent's running time.
            clock: monotonic seconds.

        Raises:
            UsageError: another agent holds it, or it belongs to another station.
            UnavailableError: the folder cannot be written to.
        """
        self._station, self._max_bytes, self._max_age_s = station, max_bytes, max_age_s
        self._file = OutboxFile(folder, station.source, clock)
        self.epoch, self.session_start = self._file.epoch, self._file.position

    def add(self, make: Callable[[str], CountEvent], folder: str | None = None, file: str | None = None) -> CountEvent:
        """Commit one count.

        Args:
            make: gets the new event's id and returns the event.
            folder: with ``file``, remembers in the same step that this image of this folder was counted.
            file: see ``folder``.

        Raises:
            UnavailableError: it could not be committed (disk full); nothing was.
        """
        return self._add([make], folder, file)[0]

    def add_all(self, makes: Sequence[Callable[[str], CountEvent]]) -> list[CountEvent]:
        """Commit many counts, all or none; see ``add``."""
        return self._add(makes, None, None)

    def _add(self, makes: Sequence[Callable[[str], CountEvent]], folder: str | None, file: str | None) -> list[CountEvent]:
        def work(db: sqlite3.Connection) -> list[CountEvent]:
            events = []
            with self._file.transaction(db) as transaction:
                for make in makes:
                    events.append(make(transaction.next_id))
                    transaction.add_count(events[-1])
                if file is not None:
                    db.execute("INSERT OR IGNORE INTO counted_file VALUES (?, ?)", (folder, file))
                transaction.make_room(self._max_bytes)
            return events

        return self._file.run(work)

    def was_counted(self, folder: str, file: str) -> bool:
        """Whether an image of a folder has been counted, in this run or an earlier one."""
        query = "SELECT 1 FROM counted_file WHERE folder = ? AND file = ?"
        return self._file.run(lambda db: db.execute(query, (folder, file)).fetchone() is not None)

    def after(self, position: int, limit: int) -> list[Pending]:
        """The oldest events behind a position, at most ``limit``; one whose bytes were damaged on the disk is given up instead."""
        query = "SELECT position, epoch, seq, payload, crc FROM event WHERE position > ? ORDER BY position LIMIT ?"

        def work(db: sqlite3.Connection) -> list[Pending]:
            rows = db.execute(query, (position, limit)).fetchall()
            damaged = [row for row in rows if zlib.crc32(row[3]) != row[4]]
            if damaged:
                log.error("events damaged on the disk", file=str(self._file.path), number=len(damaged))
                with self._file.transaction(db) as transaction:
                    transaction.give_up_damaged((row[0], row[1], row[2], len(row[3])) for row in damaged)
            return [Pending(*row[:4]) for row in rows if row not in damaged]

        return self._file.run(work)

    def states_after(self, position: int, limit: int) -> list[BinState]:
        """The newest counts of the bins that were counted behind a position, at most ``limit``, oldest first."""
        query = "SELECT position, bin, payload, crc FROM newest WHERE position > ? ORDER BY position LIMIT ?"
        rows = self._file.run(lambda db: db.execute(query, (position, limit)).fetchall())
        return [BinState(*row[:3]) for row in rows if zlib.crc32(row[2]) == row[3]]

    def forget(self, ranges: Sequence[Range]) -> int:
        """Remove acknowledged events; unknown ones are passed over. Returns how many were removed."""

        def work(db: sqlite3.Connection) -> int:
            before = self._file.totals.depth
            # without a sync: what is forgotten and comes back after a power cut is only sent again
            with self._file.transaction(db, sync=False) as transaction:
                for one in ranges:
                    transaction.forget(one)
            return before - self._file.totals.depth

        return self._file.run(work)

    def prune(self) -> None:
        """Give up what is too old, and forget what is of no use; to be called now and then."""

        def work(db: sqlite3.Connection) -> None:
            with self._file.transaction(db) as transaction:
                transaction.give_up_older(self._file.running_s() - self._max_age_s)
                transaction.bound_bins()
            for epoch in self._file.marks.read():
                if db.execute("SELECT 1 FROM event WHERE epoch = ? LIMIT 1", (epoch,)).fetchone() is None:
                    self._file.marks.drop(epoch)

        self._file.run(work)

    def heard(self, payloads: Sequence[bytes]) -> int:
        """Look at the bins' states that the broker kept from before this start.

        Where this outbox never committed one, the state folder was put back from an older copy: what is between is told as a gap, up
        to that event (nobody can know what came after it), and it is taken over as the bin's state where it is the newest.

        Returns:
            How many events are missed at least.
        """
        events = [(event, payload) for payload in payloads if (event := self._from_before(payload)) is not None]

        def work(db: sqlite3.Connection) -> int:
            newer = [(event, payload) for event, payload in events if self._is_newer(db, event)]
            missed: dict[str, Range] = {}
            for epoch, seq in (event.position for event, _ in events):
                row = db.execute("SELECT last_seq FROM epoch WHERE epoch = ?", (epoch,)).fetchone()
                first = 1 if row is None else row[0] + 1
                if seq >= first:
                    missed[epoch] = Range(epoch=epoch, first=first, last=max(seq, missed[epoch].last if epoch in missed else 0))
            if newer or missed:
                with self._file.transaction(db) as transaction:
                    for event, payload in newer:
                        transaction.adopt(event, payload)
                    transaction.tell_gap(list(missed.values()), "restored")
                    for one in missed.values():
                        transaction.learn(one.epoch, one.last)
            return sum(one.last - one.first + 1 for one in missed.values())

        return self._file.run(work)

    def _from_before(self, payload: bytes) -> CountEvent | None:
        try:
            event = parse_count(payload)
        except InputError:
            return None
        return event if event.source == self._station.source and event.position[0] != self.epoch else None

    def _is_newer(self, db: sqlite3.Connection, event: CountEvent) -> bool:
        """Whether a count of an earlier session is newer than what this outbox knows of the bin."""
        epoch, seq = event.position
        own = db.execute("SELECT epoch, seq, number FROM newest LEFT JOIN epoch USING (epoch) WHERE bin = ?", (event.subject,)).fetchone()
        known = db.execute("SELECT number FROM epoch WHERE epoch = ?", (epoch,)).fetchone()
        return own is None or (own[0] != self.epoch and (known is None or (known[0], seq) > (own[2] or 0, own[1])))

    def knows(self, epoch: str) -> bool:
        """Whether the station ran with this epoch and this outbox."""
        return self._file.run(lambda db: db.execute("SELECT 1 FROM epoch WHERE epoch = ?", (epoch,)).fetchone() is not None)

    def take_given_up(self) -> list[Range]:
        """What was given up since the last call, so that nobody goes on to send it."""
        return self._file.take_given_up()

    def depth(self) -> int:
        """How many events wait."""
        return self._file.totals.depth

    def size_bytes(self) -> int:
        """How much the events that wait take, as ``max_bytes`` counts."""
        return self._file.totals.bytes

    def oldest_s(self) -> float | None:
        """How long the oldest event has waited, in seconds of the agent's running time; None where none waits."""
        row = self._file.run(lambda db: db.execute("SELECT at_s FROM event ORDER BY position LIMIT 1").fetchone())
        return None if row is None else max(0.0, self._file.running_s() - row[0])

    def close(self) -> None:
        """Close the file and let another agent have it."""
        self._file.close()
