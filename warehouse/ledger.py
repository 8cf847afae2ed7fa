"""The ledger of counts: every event once, whatever the network repeats."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timezone
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from bintally.errors import UnavailableError, UsageError
from bintally.messages import CountEvent

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


class Ledger:
    """A table of count events in any database that SQLAlchemy reaches by URL (SQLite and PostgreSQL are supported)."""

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

    def add(self, events: Sequence[CountEvent]) -> set[tuple[str, str]]:
        """Commit events in one transaction; those that are in the ledger already are left as they are.

        Returns:
            ``(source, id)`` of those that were new.

        Raises:
            UnavailableError: the transaction failed; none is in the ledger and none may be acknowledged.
        """
        if not events:
            return set()
        statement = (
            self._insert(COUNTS).values([_row(event) for event in events]).on_conflict_do_nothing(index_elements=["source", "event_id"])
        )
        try:
            with self._engine.begin() as connection:
                return {
                    (source, event_id) for source, event_id in connection.execute(statement.returning(COUNTS.c.source, COUNTS.c.event_id))
                }
        except sa.exc.SQLAlchemyError as error:
            raise UnavailableError(
                f"ledger {self.where}: {len(events)} counts could not be committed ({_reason(error)}); stations keep them"
            ) from error

    def rows(self) -> list[dict[str, Any]]:
        """All counts, oldest first."""
        with self._engine.connect() as connection:
            return [dict(row) for row in connection.execute(sa.select(COUNTS).order_by(COUNTS.c.number)).mappings()]

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


def _durable(connection: Any, _: object) -> None:
    """SQLite: an acknowledged count must survive a power cut."""
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=FULL")


def _reason(error: sa.exc.SQLAlchemyError) -> str:
    return str(getattr(error, "orig", None) or error).splitlines()[0]
