"""Opening a ledger: a new one, one of version 0.1, one of a newer version, and two programs at once."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from functools import reduce
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

from bintally.errors import UnavailableError, UsageError
from tests.warehouse.ledger.samples import EPOCH, RULES, at, count
from warehouse.ledger import Ledger, bins, counts, holes, migrate, stations
from warehouse.ledger.engine import open_engine
from warehouse.ledger.events import take
from warehouse.ledger.tables import METADATA

OLD_TABLES = [  # as version 0.1 made them, PostgreSQL's first
    (
        "CREATE TABLE count_event (number SERIAL NOT NULL, source VARCHAR(1300) NOT NULL, event_id VARCHAR(48) NOT NULL, "
        "bin VARCHAR(255) NOT NULL, counted INTEGER, at_least INTEGER, unsure BOOLEAN NOT NULL, confidence FLOAT NOT NULL, "
        "taken_at TIMESTAMP WITH TIME ZONE NOT NULL, file VARCHAR(1024), model VARCHAR(200) NOT NULL, "
        "received_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL, PRIMARY KEY (number), UNIQUE (source, event_id))"
    ),
    "CREATE INDEX ix_count_event_bin ON count_event (bin)",
    (
        "CREATE TABLE gap (number SERIAL NOT NULL, source VARCHAR(1300) NOT NULL, event_id VARCHAR(48) NOT NULL, "
        "epoch VARCHAR(22) NOT NULL, first BIGINT NOT NULL, last BIGINT NOT NULL, reason VARCHAR(20) NOT NULL, "
        "received_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL, PRIMARY KEY (number), UNIQUE (source, event_id, epoch, first))"
    ),
]
OLD_ROWS = [
    (
        "INSERT INTO count_event (source, event_id, bin, counted, unsure, confidence, taken_at, file, model, received_at) VALUES "
        "('hall%201/dock%2F3', 'EPOCH-1', 'A', 3, false, 0.9, '2026-11-22 08:00:01.000000', NULL, 'm 0.1.0', '2026-11-22 08:00:02'), "
        "('hall%201/dock%2F3', 'EPOCH-4', 'A', 4, false, 0.8, '2026-11-22 08:00:03.000000', 'x.jpg', 'm 0.1.0', '2026-11-22 08:00:04'), "
        "('b/c', 'EPOCH-1', 'B', NULL, true, 0.3, '2026-11-22 08:00:01.500000', NULL, 'm 0.1.0', '2026-11-22 08:00:02')"
    ),
    "INSERT INTO gap (source, event_id, epoch, first, last, reason) VALUES ('hall%201/dock%2F3', 'EPOCH-3', 'EPOCH', 2, 2, 'age')",
]
SQLITE = {"number SERIAL": "number INTEGER", "DEFAULT now()": "DEFAULT (CURRENT_TIMESTAMP)", "TIMESTAMP WITH TIME ZONE": "DATETIME"}


@pytest.fixture(params=["sqlite", "postgresql"])
def empty_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """URL of a database without any tables."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'ledger.db'}"
        return
    server = sa.create_engine(
        request.getfixturevalue("postgres").replace("postgresql:", "postgresql+psycopg:"), isolation_level="AUTOCOMMIT"
    )
    with server.connect() as connection:
        connection.execute(sa.text("CREATE DATABASE empty"))
    yield str(server.url.set(database="empty", drivername="postgresql"))
    with server.connect() as connection:
        connection.execute(sa.text("DROP DATABASE empty WITH (FORCE)"))
    server.dispose()


def made_by_version_0_1(url: str) -> None:
    engine = open_engine(url)
    words = SQLITE if engine.dialect.name == "sqlite" else {}
    with engine.begin() as tx:
        if engine.dialect.name == "postgresql":
            tx.execute(sa.text("SET LOCAL TIME ZONE 'UTC'"))
        for statement in [*OLD_TABLES, *OLD_ROWS]:
            own = reduce(lambda text, word: text.replace(*word), words.items(), statement)
            tx.execute(sa.text(own.replace("EPOCH", EPOCH)))
    engine.dispose()


def differences(url: str) -> list[object]:
    """Between the database and ``tables.py``; comments stand in ``tables.py`` alone."""
    engine = open_engine(url)
    with engine.connect() as connection:
        known = {table.name for table in METADATA.sorted_tables}
        context = MigrationContext.configure(
            connection,
            opts={"include_name": lambda name, kind, _: kind != "table" or name in known, "compare_server_default": False},
        )
        found = [
            change
            for group in compare_metadata(context, METADATA)
            for change in (group if isinstance(group, list) else [group])
            if "comment" not in str(change[0])
        ]
        names = set(sa.inspect(connection).get_table_names())
    engine.dispose()
    assert names == {*known, "ledger_version"}
    return found


def test_a_new_ledger_has_the_tables_that_the_code_knows(empty_url: str) -> None:
    Ledger(empty_url).close()
    assert differences(empty_url) == []


def test_a_missing_column_would_be_noticed(empty_url: str) -> None:
    Ledger(empty_url).close()
    engine = open_engine(empty_url)
    with engine.begin() as tx:
        tx.execute(sa.text("ALTER TABLE bin DROP COLUMN evidence"))
    engine.dispose()
    assert differences(empty_url)


def test_a_ledger_of_version_0_1_is_migrated_with_its_counts(empty_url: str) -> None:
    made_by_version_0_1(empty_url)
    with Ledger(empty_url) as ledger, ledger.begin() as tx:
        rows = list(reversed(counts.page(tx).rows))
        assert [(row.site, row.bin, row.counted, row.unsure, row.event_id[-1], row.probabilities) for row in rows] == [
            ("hall 1", "A", 3, False, "1", None),
            ("hall 1", "A", 4, False, "4", None),
            ("b", "B", None, True, "1", None),
        ]
        assert [row.taken_at for row in rows] == [at(1), at(3), at(1.5)]
        found = bins.bin_of(tx, "hall 1", "A")
        assert found is not None
        assert (found.view.counted, found.view.belief) == (4, None)
        assert [(one.highest, one.held) for one in holes.epochs(tx).rows] == [(4, 3)]
        assert [(one.site, one.station) for one in stations.stations(tx)] == [("b", "c"), ("hall 1", "dock/3")]
        assert take(tx, [count(1, "A", 5, 0), count(2, "A", 5, 10)], RULES, at(20)) == {("hall%201/dock%2F3", f"{EPOCH}-2")}
        assert counts.page(tx).rows[0].number > max(row.number for row in rows)
    assert differences(empty_url) == []
    with Ledger(empty_url) as again, again.read() as tx:
        assert len(counts.page(tx).rows) == 4


def test_programs_that_open_one_new_ledger_at_once_take_turns(empty_url: str) -> None:
    made_by_version_0_1(empty_url)
    start, failures = threading.Barrier(4), []

    def opened() -> None:
        start.wait()
        try:
            Ledger(empty_url).close()
        except Exception as error:  # noqa: BLE001 # any is a failure of the test
            failures.append(error)

    threads = [threading.Thread(target=opened) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert failures == []
    assert differences(empty_url) == []


def test_a_ledger_of_a_newer_version_is_refused_and_left_alone(ledger: Ledger, url: str) -> None:
    with ledger.begin() as tx:
        tx.execute(sa.text("UPDATE ledger_version SET version_num = '0999'"))
    with pytest.raises(UnavailableError, match=r"a newer bintally made it \(step 0999, this one knows 0002\); install that version"):
        Ledger(url)
    with ledger.begin() as tx:
        assert tx.execute(sa.text("SELECT version_num FROM ledger_version")).scalar() == "0999"
        tx.execute(sa.text("UPDATE ledger_version SET version_num = :head"), {"head": migrate.HEAD})


def test_a_migration_that_fails_changes_nothing(empty_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    made_by_version_0_1(empty_url)

    def broken(*_: object) -> None:
        raise UnavailableError("stop")

    monkeypatch.setattr("warehouse.ledger.replay.replay", broken)
    with pytest.raises(UnavailableError, match="stop"):
        Ledger(empty_url)
    engine = open_engine(empty_url)
    with engine.connect() as connection:
        assert set(sa.inspect(connection).get_table_names()) == {"count_event", "gap"}
        assert connection.execute(sa.text("SELECT count(*) FROM count_event")).scalar() == 3
    engine.dispose()


def test_the_newest_step_is_the_one_that_the_code_names() -> None:
    script = ScriptDirectory(str(Path(migrate.__file__).parent / "migrations"))
    assert script.get_heads() == [migrate.HEAD]


@pytest.mark.parametrize("url", ["", "ledger.db", "nonsense://x", "mysql://x/y", "oracle://x"])
def test_a_url_of_no_supported_database_is_wrong_use(url: str) -> None:
    with pytest.raises(UsageError, match=r"--ledger: .*sqlite:///"):
        Ledger(url)


def test_a_ledger_that_cannot_be_opened_is_named(tmp_path: Path) -> None:
    with pytest.raises(UnavailableError, match=r"gone/ledger\.db: cannot be opened .*check path, address and rights"):
        Ledger(f"sqlite:///{tmp_path}/gone/ledger.db")
    (tmp_path / "text.db").write_text("no database at all" * 100)
    with pytest.raises(UnavailableError, match=r"text\.db: cannot be opened \(file is not a database\)"):
        Ledger(f"sqlite:///{tmp_path}/text.db")
