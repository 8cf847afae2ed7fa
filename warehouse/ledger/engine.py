"""A database by its URL: SQLite or PostgreSQL, durable, with errors in this package's words."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from bintally.errors import UnavailableError, UsageError

_DRIVERS = {"postgresql": "postgresql+psycopg"}
_BUSY_S = 30
_INSERTS: dict[str, Any] = {"sqlite": sqlite.insert, "postgresql": postgresql.insert}


def open_engine(given: str, wait_s: float | None = None) -> sa.Engine:
    """Make an engine; nothing is connected yet.

    Args:
        given: the database's URL.
        wait_s: so long a transaction waits for a connection, and a statement for what another transaction holds; then it fails. None: 30 s,
            but on PostgreSQL a statement waits for ever.

    Raises:
        UsageError: the URL is none of a supported kind, or its driver is missing.
    """
    try:
        url = sa.make_url(given)
        if url.drivername in _DRIVERS:
            url = url.set(drivername=_DRIVERS[url.drivername])
        if url.get_backend_name() not in _INSERTS:
            raise UsageError(f"--ledger: {url.get_backend_name()} is not supported; use sqlite:///FILE or postgresql://…")
        # a database in memory has one connection a thread, and nobody to wait for
        patience = {} if wait_s is None or url.database in (None, "", ":memory:") else {"pool_timeout": wait_s}
        engine = sa.create_engine(url, pool_pre_ping=url.get_backend_name() == "postgresql", **patience)
    except (sa.exc.ArgumentError, sa.exc.NoSuchModuleError, ModuleNotFoundError) as error:
        raise UsageError(f"--ledger: not a database URL that works here ({error}); for instance sqlite:///ledger.db") from error
    if engine.dialect.name == "sqlite":
        sa.event.listen(engine, "connect", partial(_durable, wait_s or _BUSY_S))
        sa.event.listen(engine, "begin", _lock)
    elif wait_s is not None:
        sa.event.listen(engine, "connect", partial(_impatient, wait_s))
    return engine


def shown(engine: sa.Engine) -> str:
    """The URL for people, without its password."""
    return engine.url.render_as_string()


@contextmanager
def told(engine: sa.Engine, what: str = "") -> Iterator[None]:
    """Tell a failing database in our words.

    Args:
        engine: whose.
        what: what was lost with it, or who keeps it, for instance ``500 counts could not be committed; stations keep them``.

    Raises:
        UnavailableError: the database failed.
    """
    try:
        yield
    except sa.exc.SQLAlchemyError as error:
        raise UnavailableError(f"ledger {shown(engine)}: {what or 'failed'} ({reason(error)}); check path, address and rights") from error


def reason(error: sa.exc.SQLAlchemyError) -> str:
    """The database's own words, one line."""
    return str(getattr(error, "orig", None) or error).splitlines()[0]


def insert(connection: sa.Connection, table: sa.Table) -> Any:
    """The dialect's ``INSERT``, which knows ``on_conflict_do_nothing`` and ``on_conflict_do_update``."""
    return _INSERTS[connection.dialect.name](table)


def among(connection: sa.Connection, column: sa.ColumnElement[Any], values: Collection[Any]) -> sa.ColumnElement[bool]:
    """``column IN values`` for many of one type, as one parameter: a list of parameters would be a new statement for each length.

    PostgreSQL also plans it as a join, where it would compare each row with each value of a list as soon as it stops planning anew.
    """
    if connection.dialect.name == "postgresql":
        given = sa.func.unnest(sa.literal(list(values), postgresql.ARRAY(column.type)))
        return column.in_(sa.select(given))
    each = sa.func.json_each(json.dumps(list(values))).table_valued("value")
    return column.in_(sa.select(each.c.value))


def _durable(wait_s: float, connection: Any, _: object) -> None:
    """SQLite: an acknowledged count must survive a power cut; readers never wait for a writer."""
    connection.isolation_level = None  # transactions begin where SQLAlchemy says so, not at the driver's first INSERT
    connection.execute(f"PRAGMA busy_timeout={int(wait_s * 1000)}")
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=FULL")


def _impatient(wait_s: float, connection: Any, _: object) -> None:
    """PostgreSQL: who asks over HTTP is gone before a lock that is held for minutes."""
    connection.execute(f"SET lock_timeout = {int(wait_s * 1000)}")
    connection.commit()  # a rollback would take it back


def _lock(connection: sa.Connection) -> None:
    """SQLite: a transaction that writes takes the lock when it begins; one that turned from reading to writing could only fail."""
    immediate = not connection.get_execution_options().get("bintally_reads", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if immediate else "BEGIN")
