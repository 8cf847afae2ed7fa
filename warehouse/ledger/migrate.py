"""Bring a database to the tables of ``tables.py``, whatever version of bintally made it; two programs that open it at once take turns."""

from __future__ import annotations

from importlib.resources import as_file, files
from typing import Any

import sqlalchemy as sa

from bintally.errors import UnavailableError
from warehouse.ledger.engine import shown

HEAD = "0002"
"""The newest step of ``migrations/versions``."""
_FIRST = "0001"
_VERSIONS = sa.table("ledger_version", sa.column("version_num"))
_OPENING = 9_021_000  # an advisory lock's name


def migrate(engine: sa.Engine) -> None:
    """Take the steps that are missing, all or none.

    Raises:
        UnavailableError: a newer version of bintally migrated it.
    """
    with engine.connect().execution_options(bintally_reads=True) as connection:
        if _revision(connection) == HEAD:
            return
    with engine.begin() as tx:
        if tx.dialect.name == "postgresql":  # SQLite: nobody else writes since the transaction began
            tx.execute(sa.select(sa.func.pg_advisory_xact_lock(_OPENING)))
        found = _revision(tx)
        if found != HEAD:
            _upgrade(tx, found, shown(engine))


def _revision(tx: sa.Connection) -> str | None:
    """At which step the database stands; None: it is empty, or of others."""
    inspector = sa.inspect(tx)
    if inspector.has_table(_VERSIONS.name):
        found: str = tx.execute(sa.select(_VERSIONS.c.version_num)).scalar_one()
        return found
    return _FIRST if inspector.has_table("count_event") else None


def _upgrade(tx: sa.Connection, found: str | None, where: str) -> None:
    from alembic.config import Config
    from alembic.runtime.environment import EnvironmentContext
    from alembic.script import ScriptDirectory

    from warehouse.ledger.replay import replay

    with as_file(files("warehouse.ledger") / "migrations") as folder:
        config = Config()
        config.set_main_option("script_location", str(folder).replace("%", "%%"))
        script = ScriptDirectory.from_config(config)
        if found is not None and found not in {one.revision for one in script.walk_revisions()}:
            raise UnavailableError(f"ledger {where}: a newer bintally made it (step {found}, this one knows {HEAD}); install that version")

        def steps(revision: Any, _: object) -> Any:
            return script._upgrade_revs(HEAD, revision)  # noqa: SLF001 # as alembic's own ``command.upgrade`` does

        with EnvironmentContext(config, script, fn=steps) as environment:
            environment.configure(connection=tx, version_table=_VERSIONS.name)
            if found is not None:
                environment.get_context().stamp(script, found)
            environment.run_migrations()
    if found == _FIRST:
        replay(tx)
