"""The ledger's door: a database that is migrated when it is opened, and transactions on it.

What is done in a transaction stands beside this file, in functions that take its connection: ``events``, ``bins``, ``expectations``, ….
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import sqlalchemy as sa
from typing_extensions import Self

from warehouse.ledger.engine import open_engine, shown, told
from warehouse.ledger.migrate import migrate


class Ledger:
    """Count events and what follows from them, in SQLite or PostgreSQL.

    Attributes:
        where: the database's URL, for people, without its password.
    """

    def __init__(self, url: str, wait_s: float | None = None) -> None:
        """Open the ledger; a new one is made, an older one is migrated.

        Args:
            url: of the database.
            wait_s: so long a statement waits for what another transaction holds, then it fails, see ``engine.open_engine``.

        Raises:
            UsageError: the URL is no database URL of a supported kind, or its driver is missing.
            UnavailableError: the database does not answer, or was migrated by a newer version of bintally.
        """
        self._engine = open_engine(url, wait_s)
        self.where = shown(self._engine)
        with told(self._engine, "cannot be opened"):
            migrate(self._engine)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @contextmanager
    def begin(self, what: str = "") -> Iterator[sa.Connection]:
        """A transaction that writes: committed at the end of the block, undone by an exception.

        Args:
            what: what is lost with it, for the error's text.

        Raises:
            UnavailableError: the database failed; nothing of the block was kept.
        """
        with told(self._engine, what), self._engine.begin() as connection:
            yield connection

    @contextmanager
    def read(self) -> Iterator[sa.Connection]:
        """A transaction that only reads; on SQLite it waits for nobody.

        Raises:
            UnavailableError: the database failed.
        """
        with told(self._engine), self._engine.connect().execution_options(bintally_reads=True) as connection:
            yield connection

    def close(self) -> None:
        """Close all connections."""
        self._engine.dispose()
