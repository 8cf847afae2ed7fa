"""The ledger of counts, and of what stations gave up: every event once, whatever the network repeats."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timezone
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from bintally.errors import UnavailableError, UsageError
from bintally.messages import CountEvent, GapEvent

_METADATA = sa.MetaData()
COUNTS = sa.Table(
    "count_event",
    _METADATA,
    sa.Column("number", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("source", sa.String(1300), nullable=False),
    sa.Column("event_id", sa.String(48), nullable=False),
    sa.Column("bin", sa.String(255), nullable=False, index=True),
    sa.Column("counted", sa.Integer),
    sa.Column("at_least", sa.Integer),
    sa.Column("unsure", sa.Boolean, nullable=False),
    sa.Column("confidence", sa.Float, nullable=False),
    sa.Column("taken_at", sa.DateTime(timezone=True), nullable=False),
    sa.Column("file", sa.String(1024)),
    sa.Column("model", sa.String(200), nullable=False),
    sa.Column("received_at", sa.DateTime(timezone=True), nullable=False, server_default=sa.func.now()),
    sa.UniqueConstraint("source", "event_id"),
)
GAPS = sa.Table(
    "gap",
    _METADATA,
    sa.Column("number", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("source", sa.String(1300), nullable=False),
    sa.Column("event_id", sa.String(48), nullable=False),
    sa.Column("epoch", sa.String(22), nullable=False),
    sa.Column("first", sa.BigInteger, nullable=False),
    sa.Column("last", sa.BigInteger, nullable=False),
    sa.Column("reason", sa.String(20), nullable=False),
    sa.Column("received_at", sa.DateTime(timezone=True), nullable=False, server_default=sa.func.now()),
    sa.UniqueConstraint("source", "event_id", "epoch", "first"),
)


class Ledger:
    """Tables of count events and gaps in any database that SQLAlchemy reaches by URL (SQLite and PostgreSQL are supported)."""

    def __init__(self, url: str) -> None:
        """Open or make the ledger.

        Raises:
            UsageError: the URL is no database URL of a supported kind, or its driver is missing.
            UnavailableError: the database does not answer.
        """
        try:
            self._engine = sa.create_engine(url)
        except (sa.exc.ArgumentError, sa.exc.NoSuchModuleError, ModuleNotFoundError) as error:
            raise UsageError(f"--ledger: not a database URL that works here ({error}); for instance sqlite:///ledger.db") from error
        dialects: dict[str, Any] = {"sqlite": sqlite.insert, "postgresql": postgresql.insert}
        if self._engine.dialect.name not in dialects:
            raise UsageError(f"--ledger: {self._engine.dialect.name} is not supported; use sqlite:/// or postgresql://")
        self._insert = dialects[self._engine.dialect.name]
        if self._engine.dialect.name == "sqlite":
            sa.event.listen(self._engine, "connect", _durable)
        self.where = self._engine.url.render_as_string()
        try:
            _METADATA.create_all(self._engine)
        except sa.exc.SQLAlchemyError as error:
            raise UnavailableError(f"ledger {self.where}: cannot be opened ({_reason(error)}); check path, address and rights") from error

    def add(self, events: Sequence[CountEvent | GapEvent]) -> set[tuple[str, str]]:
        """Commit events in one transaction; those that are in the ledger already are left as they are.

        Returns:
            ``(source, id)`` of those that were new.

        Raises:
            UnavailableError: the transaction failed; none is in the ledger and none may be acknowledged.
        """
        if not events:
            return set()
        counts = [_row(event) for event in events if isinstance(event, CountEvent)]
        gaps = [row for event in events if isinstance(event, GapEvent) for row in _gap_rows(event)]
        try:
            with self._engine.begin() as connection:
                return self._add(connection, COUNTS, counts) | self._add(connection, GAPS, gaps)
        except sa.exc.SQLAlchemyError as error:
            raise UnavailableError(
                f"ledger {self.where}: {len(events)} counts could not be committed ({_reason(error)}); stations keep them"
            ) from error

    def _add(self, connection: sa.Connection, table: sa.Table, rows: list[dict[str, Any]]) -> set[tuple[str, str]]:
        if not rows:
            return set()
        # The rows stand beside the statement, not in it: so it is compiled once, and not for each batch.
        statement = self._insert(table).on_conflict_do_nothing().returning(table.c.source, table.c.event_id)
        return {(source, event_id) for source, event_id in connection.execute(statement, rows)}

    def rows(self) -> list[dict[str, Any]]:
        """All counts, oldest first."""
        with self._engine.connect() as connection:
            return [dict(row) for row in connection.execute(sa.select(COUNTS).order_by(COUNTS.c.number)).mappings()]

    def gaps(self) -> list[dict[str, Any]]:
        """What stations gave up, oldest first: one row for each range of a gap event.

        Beside the table's columns, ``missing`` says how many of the range's events the ledger does not hold: a station names more
        where it cannot know what had arrived, and among them its earlier gap events that it merged into this one.
        """
        with self._engine.connect() as connection:
            gaps = [dict(row) for row in connection.execute(sa.select(GAPS).order_by(GAPS.c.number)).mappings()]
            held: dict[tuple[str, str], set[int]] = {}
            for gap in gaps:
                of_epoch = (gap["source"], gap["epoch"])
                if of_epoch not in held:
                    held[of_epoch] = _numbers(connection, *of_epoch)
                here = sum(gap["first"] <= number <= gap["last"] for number in held[of_epoch])
                gap["missing"] = gap["last"] - gap["first"] + 1 - here
        return gaps

    def close(self) -> None:
        """Close all connections."""
        self._engine.dispose()


def _row(event: CountEvent) -> dict[str, Any]:
    data = event.data
    return {
        "source": event.source,
        "event_id": event.id,
        "bin": event.subject,
        "counted": data.counted,
        "at_least": data.at_least,
        "unsure": data.unsure,
        "confidence": data.confidence,
        "taken_at": data.taken_at.astimezone(timezone.utc),
        "file": data.file,
        "model": f"{data.model.name} {data.model.version}",
    }


def _numbers(connection: sa.Connection, source: str, epoch: str) -> set[int]:
    """The numbers of an epoch's events that are in the ledger."""
    found: set[int] = set()
    for table in (COUNTS, GAPS):
        ids = sa.select(table.c.event_id).where(table.c.source == source, table.c.event_id.startswith(f"{epoch}-"))
        found.update(int(event_id.rpartition("-")[2]) for (event_id,) in connection.execute(ids))
    return found


def _gap_rows(event: GapEvent) -> list[dict[str, Any]]:
    return [
        {
            "source": event.source,
            "event_id": event.id,
            "epoch": one.epoch,
            "first": one.first,
            "last": one.last,
            "reason": event.data.reason,
        }
        for one in event.data.ranges
    ]


def _durable(connection: Any, _: object) -> None:
    """SQLite: an acknowledged count must survive a power cut."""
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=FULL")


def _reason(error: sa.exc.SQLAlchemyError) -> str:
    return str(getattr(error, "orig", None) or error).splitlines()[0]
