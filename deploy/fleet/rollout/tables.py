"""The tables of roll-outs, in any database that SQLAlchemy reaches by URL; SQLite and PostgreSQL are supported."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from bintally.errors import UnavailableError, UsageError

_PATIENCE_S = 60
METADATA = sa.MetaData()
STATIONS = sa.Table(
    "fleet_station",
    METADATA,
    sa.Column("source", sa.String(1300), primary_key=True),
    sa.Column("revision", sa.BigInteger, nullable=False, server_default="0", comment="the newest that was reserved; only grows"),
    sa.Column("labels", sa.JSON, nullable=False),
    sa.Column("view", sa.Text, comment="StationView; null while only labels are known"),
)
ROLLOUTS = sa.Table(
    "fleet_rollout",
    METADATA,
    sa.Column("number", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("id", sa.String(100), nullable=False, unique=True),
    sa.Column("plan", sa.Text, nullable=False),
    sa.Column("status", sa.String(20), nullable=False, index=True),
    sa.Column("outcome", sa.String(20)),
    sa.Column("why", sa.Text, nullable=False),
    sa.Column("began_at", sa.Float, nullable=False),
    sa.Column("who", sa.String(200), nullable=False),
)
COHORTS = sa.Table(
    "fleet_cohort",
    METADATA,
    sa.Column("rollout", sa.String(100), primary_key=True),
    sa.Column("number", sa.Integer, primary_key=True),
    sa.Column("size", sa.Integer),
    sa.Column("began_at", sa.Float, nullable=False),
    sa.Column("base", sa.JSON, nullable=False, comment="source → Tally at the beginning"),
)
DESIRES = sa.Table(
    "fleet_desire",
    METADATA,
    sa.Column("source", sa.String(1300), primary_key=True),
    sa.Column("revision", sa.BigInteger, primary_key=True),
    sa.Column("rollout", sa.String(100), index=True),
    sa.Column("cohort", sa.Integer),
    sa.Column("is_back", sa.Boolean, nullable=False),
    sa.Column("digest", sa.String(64)),
    sa.Column("before", sa.Text, comment="Target"),
    sa.Column("content", sa.Text, comment="ModelDesired, not signed yet; null: the desire is taken back"),
    sa.Column("published_at", sa.Float, comment="null until the broker acknowledged it"),
)
AUDIT = sa.Table(
    "fleet_audit",
    METADATA,
    sa.Column("number", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("at", sa.Float, nullable=False),
    sa.Column("who", sa.String(200), nullable=False),
    sa.Column("what", sa.String(40), nullable=False),
    sa.Column("detail", sa.Text, nullable=False),
)
LEASES = sa.Table(
    "fleet_lease",
    METADATA,
    sa.Column("name", sa.String(40), primary_key=True),
    sa.Column("holder", sa.String(200), nullable=False),
    sa.Column("until", sa.Float, nullable=False),
)


def open_engine(given: str) -> sa.Engine:
    """Open a database, and make the tables that are missing.

    Raises:
        UsageError: the URL is none of a supported kind.
        UnavailableError: the database does not answer, or cannot be written to.
    """
    url = _url(given)
    is_sqlite = url.drivername == "sqlite"
    connect = {"timeout": _PATIENCE_S} if is_sqlite else {"connect_timeout": 10}
    try:
        engine = sa.create_engine(url, connect_args=connect, pool_pre_ping=not is_sqlite)
    except ModuleNotFoundError as error:
        raise UsageError(f"--database: the driver for PostgreSQL is missing; install 'psycopg[binary]' ({error})") from error
    if is_sqlite:
        sa.event.listen(engine, "connect", _durable)
        sa.event.listen(engine, "begin", _begin)
    try:
        METADATA.create_all(engine)
    except sa.exc.SQLAlchemyError as error:
        try:
            METADATA.create_all(engine)  # two programs made the tables at once; the other one has
        except sa.exc.SQLAlchemyError:
            raise UnavailableError(
                f"{url.render_as_string()}: cannot be opened ({reason(error)}); check path, address and rights"
            ) from error
    return engine


def reason(error: sa.exc.SQLAlchemyError) -> str:
    """What the database says, in one line."""
    return str(getattr(error, "orig", None) or error).splitlines()[0]


def _url(given: str) -> sa.URL:
    try:
        url = sa.make_url(given)
    except sa.exc.ArgumentError as error:
        raise UsageError("--database: not a database URL; for instance sqlite:///fleet.db or postgresql://user@host/name") from error
    if url.drivername in ("postgres", "postgresql"):
        return url.set(drivername="postgresql+psycopg")
    if url.drivername not in ("sqlite", "postgresql+psycopg"):
        raise UsageError(f"--database: {url.drivername} is not supported; use sqlite:/// or postgresql://")
    if url.drivername == "sqlite" and url.database in (None, "", ":memory:"):
        raise UsageError("--database: commands cannot share an SQLite database in memory; name a file, for instance sqlite:///fleet.db")
    return url


def _durable(connection: Any, _: object) -> None:
    """SQLite: what was decided must survive a power cut, or a revision could be given twice."""
    connection.isolation_level = None  # the driver would begin transactions too late, see ``_begin``
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=FULL")


def _begin(connection: sa.Connection) -> None:
    """SQLite: who reads first and then writes must have the lock from the beginning, or two would decide on the same ground."""
    reads = connection.get_execution_options().get("reads", False)
    connection.exec_driver_sql("BEGIN" if reads else "BEGIN IMMEDIATE")
