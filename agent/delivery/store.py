"""The outbox's database: its tables, and what happens inside one transaction (no file is opened here, no clock is read)."""

from __future__ import annotations

import sqlite3
import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

import structlog

from bintally.errors import InputError, UsageError
from bintally.messages import CountEvent, GapData, GapEvent, Range, parse_event, to_ranges, utc_now

LAYOUT = 2  # as the schema sets it
SUPERSEDED, NEWEST, GAP = 0, 1, 2
"""Ranks, in the order in which events are given up: counts that are not their bin's newest, those that are, and gaps never."""
OVERHEAD_BYTES = 160
"""What a row costs besides its payload: its other columns, its places in two indices, the pages' unused ends."""
MAX_RANGES = 1000
"""In one gap event, so that it stays a small message."""
MAX_BINS = 10_000
MAX_EPOCHS = 10_000
_CHUNK = 500
Reason = Literal["size", "age", "restored", "damaged"]
log = structlog.get_logger()

# All in one transaction, so that a kill leaves no half of it.
_SCHEMA = """
BEGIN IMMEDIATE;
CREATE TABLE owner (source TEXT NOT NULL);
CREATE TABLE totals (running_s REAL NOT NULL, depth INTEGER NOT NULL, bytes INTEGER NOT NULL);
CREATE TABLE epoch (epoch TEXT PRIMARY KEY, number REAL NOT NULL, last_seq INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE event (
    position INTEGER PRIMARY KEY AUTOINCREMENT,
    epoch TEXT NOT NULL,
    seq INTEGER NOT NULL,
    rank INTEGER NOT NULL,
    at_s REAL NOT NULL,
    crc INTEGER NOT NULL,
    payload BLOB NOT NULL,
    UNIQUE (epoch, seq)
);
CREATE INDEX event_by_rank ON event (rank, position);
CREATE TABLE newest (
    bin TEXT PRIMARY KEY, position INTEGER NOT NULL, epoch TEXT NOT NULL, seq INTEGER NOT NULL, crc INTEGER NOT NULL, payload BLOB NOT NULL
);
CREATE INDEX newest_by_position ON newest (position);
CREATE TABLE counted_file (folder TEXT NOT NULL, file TEXT NOT NULL, PRIMARY KEY (folder, file)) WITHOUT ROWID;
INSERT INTO totals VALUES (0, 0, 0);
PRAGMA user_version = 2;
COMMIT;
"""
_VICTIMS = "SELECT position, epoch, seq, length(payload), at_s FROM event WHERE rank = ? ORDER BY position LIMIT ?"


@dataclass(frozen=True)
class Totals:
    """What the database holds, kept beside it so that nobody has to count: present epoch's last number, events, their bytes."""

    seq: int = 0
    depth: int = 0
    bytes: int = 0


def make_tables(db: sqlite3.Connection, where: str, source: str) -> None:
    """Make the tables of a new file, and check whose an old one is.

    Raises:
        UsageError: the file is another station's, or another version's.
    """
    (layout,) = db.execute("PRAGMA user_version").fetchone()
    if layout not in (0, LAYOUT) or (layout == 0 and db.execute("SELECT 1 FROM sqlite_master").fetchone()):
        raise UsageError(f"{where}: was made by another version of bintally; let that one deliver it, or choose another --state-dir")
    if layout == 0:
        db.executescript(_SCHEMA)
    owner = db.execute("SELECT source FROM owner").fetchone()
    if owner is None:
        db.execute("INSERT INTO owner VALUES (?)", (source,))
    elif owner[0] != source:
        raise UsageError(f"{where}: holds the counts of station {owner[0]}, not of {source}; give this one its own --state-dir")


class Transaction:
    """What one transaction does to the database.

    Args:
        db: inside a transaction.
        source: of the station.
        epoch: the present one.
        totals: before the transaction.
        running_s: seconds that the agent has been running, in all its life.

    Attributes:
        given_up: events that nobody must go on to send.
        position: of the event that was added last, 0 where none was.
    """

    def __init__(self, db: sqlite3.Connection, source: str, epoch: str, totals: Totals, running_s: float) -> None:
        self._db, self._source, self._epoch, self._running_s = db, source, epoch, running_s
        self._seq, self._depth, self._bytes = totals.seq, totals.depth, totals.bytes
        self.given_up: list[Range] = []
        self.position = 0

    @property
    def totals(self) -> Totals:
        """As they are now."""
        return Totals(self._seq, self._depth, self._bytes)

    @property
    def next_id(self) -> str:
        """The id that the next event gets."""
        return f"{self._epoch}-{self._seq + 1}"

    def add_count(self, event: CountEvent) -> None:
        """Put a count behind the others; it becomes its bin's newest, and the one before it is superseded."""
        payload = event.model_dump_json().encode()
        position = self._insert(NEWEST, payload)
        before = self._db.execute("SELECT position FROM newest WHERE bin = ?", (event.subject,)).fetchone()
        if before is not None:
            self._db.execute("UPDATE event SET rank = ? WHERE position = ? AND rank = ?", (SUPERSEDED, before[0], NEWEST))
        self._set_newest(event, position, payload)

    def adopt(self, event: CountEvent, payload: bytes) -> None:
        """Take over a bin's state that the broker keeps and this database never knew."""
        position = min(0, self._db.execute("SELECT min(position) FROM newest").fetchone()[0] or 0) - 1
        self._set_newest(event, position, payload)

    def _set_newest(self, event: CountEvent, position: int, payload: bytes) -> None:
        epoch, seq = event.position
        self._db.execute(
            "INSERT OR REPLACE INTO newest VALUES (?, ?, ?, ?, ?, ?)", (event.subject, position, epoch, seq, zlib.crc32(payload), payload)
        )

    def _insert(self, rank: int, payload: bytes) -> int:
        row = (self._epoch, self._seq + 1, rank, self._running_s, zlib.crc32(payload), payload)
        cursor = self._db.execute("INSERT INTO event (epoch, seq, rank, at_s, crc, payload) VALUES (?, ?, ?, ?, ?, ?)", row)
        self._seq, self._depth, self._bytes = self._seq + 1, self._depth + 1, self._bytes + len(payload) + OVERHEAD_BYTES
        self.position = int(cursor.lastrowid or 0)
        return self.position

    def forget(self, one: Range) -> None:
        """Remove events that were acknowledged."""
        which = ("WHERE epoch = ? AND seq BETWEEN ? AND ?", (one.epoch, one.first, one.last))
        number, size = self._db.execute(f"SELECT count(*), sum(length(payload)) FROM event {which[0]}", which[1]).fetchone()  # noqa: S608
        if number:
            self._db.execute(f"DELETE FROM event {which[0]}", which[1])  # noqa: S608 - our own text
            self._depth, self._bytes = self._depth - number, self._bytes - size - number * OVERHEAD_BYTES

    def make_room(self, max_bytes: int) -> None:
        """Give up events until the others fit: superseded ones first, then newest ones, each oldest first.

        It makes a little more room than it must, so that it is not done, and told, for each single count.
        """
        if self._bytes <= max_bytes:
            return
        goal, lost = max_bytes - max_bytes // 16, []
        for rank in (SUPERSEDED, NEWEST):
            while self._bytes > goal and (rows := self._db.execute(_VICTIMS, (rank, _CHUNK)).fetchall()):
                for position, epoch, seq, size, _ in rows:
                    if self._bytes <= goal:
                        break
                    self._remove(position, size)
                    lost.append((epoch, seq))
        self.tell_gap(to_ranges(lost), "size")

    def give_up_older(self, before_s: float) -> None:
        """Give up the counts that were committed before a moment of the agent's running time."""
        lost = []
        for rank in (SUPERSEDED, NEWEST):
            while old := [row for row in self._db.execute(_VICTIMS, (rank, _CHUNK)) if row[4] < before_s]:
                for position, epoch, seq, size, _ in old:
                    self._remove(position, size)
                    lost.append((epoch, seq))
        self.tell_gap(to_ranges(lost), "age")

    def bound_bins(self) -> None:
        """Forget the states of bins beyond the ``MAX_BINS`` that were counted last; the broker goes on to keep them."""
        last = self._db.execute("SELECT position FROM newest ORDER BY position DESC LIMIT 1 OFFSET ?", (MAX_BINS,)).fetchone()
        if last is not None:
            self._db.execute("DELETE FROM newest WHERE position <= ?", last)

    def give_up_damaged(self, rows: Iterable[tuple[int, str, int, int]]) -> None:
        """Give up events whose payload is not what was committed: position, epoch, number, bytes of each."""
        lost = []
        for position, epoch, seq, size in rows:
            self._remove(position, size)
            lost.append((epoch, seq))
        self.tell_gap(to_ranges(lost), "damaged")

    def _remove(self, position: int, size: int) -> None:
        self._db.execute("DELETE FROM event WHERE position = ?", (position,))
        self._depth, self._bytes = self._depth - 1, self._bytes - size - OVERHEAD_BYTES

    def tell_gap(self, ranges: list[Range], reason: Reason) -> None:
        """Record that events are given up, as an event of its own.

        Gaps of the same reason that still wait are merged into the new one, which then also names their own ids: those will
        never be sent (again) either, and the sequence has no hole.
        """
        if not ranges:
            return
        log.warning("events given up", reason=reason, ranges=len(ranges), first=f"{ranges[0].epoch}-{ranges[0].first}")
        self.given_up += ranges
        told = list(ranges)
        gaps = self._db.execute("SELECT position, epoch, seq, payload FROM event WHERE rank = ?", (GAP,)).fetchall()
        for position, epoch, seq, payload in gaps:
            waiting = _mergeable(payload, reason)
            if waiting is not None:
                self._remove(position, len(payload))
                self.given_up.append(Range(epoch=epoch, first=seq, last=seq))
                told += [*waiting, self.given_up[-1]]
        compact = self._compact(told)
        for start in range(0, len(compact), MAX_RANGES):
            data = GapData(ranges=compact[start : start + MAX_RANGES], reason=reason)
            event = GapEvent(source=self._source, id=self.next_id, time=utc_now(), data=data)
            self._insert(GAP, event.model_dump_json().encode())

    def _compact(self, ranges: list[Range]) -> list[Range]:
        """Join ranges between which nothing waits: what lies there was delivered, and a gap may name that, too."""
        joined: list[Range] = []
        for one in sorted(ranges, key=lambda one: (one.epoch, one.first)):
            if joined and joined[-1].epoch == one.epoch and not self._waits(one.epoch, joined[-1].last, one.first):
                joined[-1] = Range(epoch=one.epoch, first=joined[-1].first, last=max(joined[-1].last, one.last))
            else:
                joined.append(one)
        return joined

    def _waits(self, epoch: str, after: int, before: int) -> bool:
        query = "SELECT 1 FROM event WHERE epoch = ? AND seq > ? AND seq < ? LIMIT 1"
        return self._db.execute(query, (epoch, after, before)).fetchone() is not None

    def last_seq(self, epoch: str) -> int | None:
        """How far the database knows an epoch; None where it does not know it at all."""
        row = self._db.execute("SELECT last_seq FROM epoch WHERE epoch = ?", (epoch,)).fetchone()
        return None if row is None else int(row[0])

    def learn(self, epoch: str, last_seq: int) -> None:
        """Note that an epoch went so far.

        Epochs are numbered as the station began them, whatever its clock said; one that was unknown stands before the present one.
        """
        self._db.execute(
            "INSERT INTO epoch VALUES (?, (SELECT ifnull(max(number), 0) - 0.5 FROM epoch), ?)"
            " ON CONFLICT (epoch) DO UPDATE SET last_seq = excluded.last_seq",
            (epoch, last_seq),
        )

    def begin_epoch(self) -> None:
        """Note the present epoch, and forget the oldest ones that nothing refers to."""
        number = self._db.execute("SELECT ifnull(max(number), 0) + 1 FROM epoch").fetchone()[0]
        self._db.execute("INSERT INTO epoch VALUES (?, ?, ?)", (self._epoch, number, self._seq))
        self._db.execute(
            "DELETE FROM epoch WHERE number < ? AND epoch NOT IN (SELECT epoch FROM event) AND epoch NOT IN (SELECT epoch FROM newest)",
            (number - MAX_EPOCHS,),
        )

    def save(self) -> None:
        """Write the totals; the last step."""
        self._db.execute("UPDATE epoch SET last_seq = ? WHERE epoch = ?", (self._seq, self._epoch))
        self._db.execute("UPDATE totals SET running_s = ?, depth = ?, bytes = ?", (self._running_s, self._depth, self._bytes))


def _mergeable(payload: bytes, reason: Reason) -> list[Range] | None:
    try:
        event = parse_event(payload)
    except InputError:  # damaged; it is found when it is read to be sent
        return None
    if isinstance(event, GapEvent) and event.data.reason == reason and len(event.data.ranges) < MAX_RANGES:
        return event.data.ranges
    return None
