"""Views, books, discrepancies and all that is kept beside counts; the counts of version 0.1 are taken over."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from bintally.topics import decode

revision, down_revision = "0002", "0001"
_NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_TIME = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Make the tables, and copy the counts into theirs. What follows from the counts, replay makes."""
    op.drop_index("ix_count_event_bin", "count_event")
    op.rename_table("count_event", "count_event_1")
    _make_tables()
    _copy_counts(op.get_bind())
    op.drop_table("count_event_1")
    if op.get_bind().dialect.name == "postgresql":  # SQLite's INTEGER is as wide
        op.alter_column("gap", "number", type_=sa.BigInteger)
        op.execute("ALTER SEQUENCE gap_number_seq AS bigint")


def _copy_counts(tx: sa.Connection) -> None:
    old = "number, source, event_id, bin, counted, at_least, unsure, confidence, taken_at, file, model, received_at"
    copy = sa.text(
        f'INSERT INTO count_event ({old}, site, "trigger", frames) '  # noqa: S608 # names of columns
        f"SELECT {old}, :site, 'image', 1 FROM count_event_1 WHERE source = :source"
    )
    for source in tx.execute(sa.text("SELECT DISTINCT source FROM count_event_1")).scalars().all():
        tx.execute(copy, {"source": source, "site": decode(source.split("/")[0])})
    if tx.dialect.name == "postgresql":
        tx.execute(sa.text("SELECT setval(pg_get_serial_sequence('count_event', 'number'), max(number)) FROM count_event"))


def _make_tables() -> None:
    op.create_table(
        "audit",
        sa.Column("number", _NUMBER, autoincrement=True, nullable=False),
        sa.Column("at", _TIME, nullable=False),
        sa.Column("who", sa.String(200), nullable=False),
        sa.Column("what", sa.String(40), nullable=False),
        sa.Column("discrepancy", sa.BigInteger),
        sa.Column("detail", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("number"),
    )
    op.create_index("ix_audit_discrepancy", "audit", ["discrepancy"])
    op.create_table(
        "bin",
        sa.Column("site", sa.String(200), nullable=False),
        sa.Column("bin", sa.String(255), nullable=False),
        sa.Column("source", sa.String(1300)),
        sa.Column("event_id", sa.String(48)),
        sa.Column("counted", sa.Integer),
        sa.Column("at_least", sa.Integer),
        sa.Column("unsure", sa.Boolean),
        sa.Column("confidence", sa.Float),
        sa.Column("taken_at", _TIME),
        sa.Column("evidence", sa.String(255)),
        sa.Column("model", sa.String(200)),
        sa.Column("booked", sa.Integer),
        sa.Column("booked_at", _TIME),
        sa.Column("expected", sa.Integer),
        sa.Column("expected_at", _TIME),
        sa.Column("article", sa.String(200)),
        sa.Column("value", sa.Float, server_default="1", nullable=False),
        sa.Column("belief", sa.JSON),
        sa.Column("likely", sa.Integer),
        sa.Column("p_wrong", sa.Float),
        sa.Column("cost", sa.Float, server_default="0", nullable=False),
        sa.PrimaryKeyConstraint("site", "bin"),
    )
    op.create_index("bin_by_article", "bin", ["site", "article"])
    op.create_index("bin_by_cost", "bin", ["site", "cost", "bin"])
    op.create_table(
        "bin_base",
        sa.Column("site", sa.String(200), nullable=False),
        sa.Column("bin", sa.String(255), nullable=False),
        sa.Column("turn", sa.BigInteger, nullable=False),
        sa.Column("view", sa.JSON, nullable=False),
        sa.PrimaryKeyConstraint("site", "bin"),
    )
    op.create_table(
        "correction",
        sa.Column("number", _NUMBER, autoincrement=True, nullable=False),
        sa.Column("site", sa.String(200), nullable=False),
        sa.Column("bin", sa.String(255), nullable=False),
        sa.Column("quantity", sa.Integer, nullable=False),
        sa.Column("by", sa.String(200), nullable=False),
        sa.Column("at", _TIME, nullable=False),
        sa.Column("origin", sa.String(20), nullable=False),
        sa.Column("key", sa.String(400), nullable=False),
        sa.Column("source", sa.String(1300)),
        sa.Column("event_id", sa.String(48)),
        sa.PrimaryKeyConstraint("number"),
        sa.UniqueConstraint("key"),
    )
    op.create_index("correction_of_bin", "correction", ["site", "bin", "number"])
    op.create_table(
        "count_event",
        sa.Column("number", _NUMBER, autoincrement=True, nullable=False),
        sa.Column("source", sa.String(1300), nullable=False),
        sa.Column("event_id", sa.String(48), nullable=False),
        sa.Column("site", sa.String(200), nullable=False),
        sa.Column("bin", sa.String(255), nullable=False),
        sa.Column("counted", sa.Integer),
        sa.Column("at_least", sa.Integer),
        sa.Column("unsure", sa.Boolean, nullable=False),
        sa.Column("confidence", sa.Float, nullable=False),
        sa.Column("probabilities", sa.JSON),
        sa.Column("taken_at", _TIME, nullable=False),
        sa.Column("trigger", sa.String(20), nullable=False),
        sa.Column("frames", sa.Integer, nullable=False),
        sa.Column("file", sa.String(1024)),
        sa.Column("evidence", sa.String(255)),
        sa.Column("verification", sa.JSON),
        sa.Column("model", sa.String(200), nullable=False),
        sa.Column("model_digest", sa.String(64)),
        sa.Column("received_at", _TIME, server_default=sa.text("now()"), nullable=False),
        sa.Column("turn", sa.BigInteger, server_default="0", nullable=False),
        sa.PrimaryKeyConstraint("number"),
        sa.UniqueConstraint("source", "event_id"),
    )
    op.create_index("count_event_of_bin", "count_event", ["site", "bin", "number"])
    op.create_index("count_event_of_source", "count_event", ["source", "number"])
    op.create_index("count_event_received", "count_event", ["received_at"])
    op.create_table(
        "dead_letter",
        sa.Column("digest", sa.String(64), nullable=False),
        sa.Column("topic", sa.Text, nullable=False),
        sa.Column("payload", sa.LargeBinary(), nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("times", sa.BigInteger, nullable=False),
        sa.Column("first_at", _TIME, nullable=False),
        sa.Column("last_at", _TIME, nullable=False),
        sa.PrimaryKeyConstraint("digest"),
    )
    op.create_index("ix_dead_letter_last_at", "dead_letter", ["last_at"])
    op.create_table(
        "delivery",
        sa.Column("number", _NUMBER, autoincrement=True, nullable=False),
        sa.Column("kind", sa.String(20), nullable=False),
        sa.Column("target", sa.Text, nullable=False),
        sa.Column("payload", sa.Text, nullable=False),
        sa.Column("attempts", sa.Integer, server_default="0", nullable=False),
        sa.Column("next_at", _TIME, nullable=False),
        sa.Column("error", sa.Text),
        sa.PrimaryKeyConstraint("number"),
    )
    op.create_index("delivery_next", "delivery", ["kind", "next_at"])
    op.create_index("delivery_of_target", "delivery", ["kind", "target", "number"])
    op.create_table(
        "discrepancy",
        sa.Column("number", _NUMBER, autoincrement=True, nullable=False),
        sa.Column("site", sa.String(200), nullable=False),
        sa.Column("bin", sa.String(255), nullable=False),
        sa.Column("kind", sa.String(20), nullable=False),
        sa.Column("state", sa.String(20), nullable=False),
        sa.Column("expected", sa.Integer),
        sa.Column("likely", sa.Integer),
        sa.Column("p_wrong", sa.Float, nullable=False),
        sa.Column("cost", sa.Float, nullable=False),
        sa.Column("source", sa.String(1300)),
        sa.Column("event_id", sa.String(48)),
        sa.Column("opened_at", _TIME, nullable=False),
        sa.Column("changed_at", _TIME, nullable=False),
        sa.Column("assigned_to", sa.String(200)),
        sa.Column("settled_by", sa.String(200)),
        sa.Column("outcome", sa.String(20)),
        sa.Column("found", sa.Integer),
        sa.PrimaryKeyConstraint("number"),
    )
    op.create_index("discrepancy_changed", "discrepancy", ["changed_at"])
    op.create_index(
        "discrepancy_open",
        "discrepancy",
        ["site", "bin"],
        unique=True,
        sqlite_where=sa.text("state <> 'settled'"),
        postgresql_where=sa.text("state <> 'settled'"),
    )
    op.create_table(
        "epoch",
        sa.Column("source", sa.String(1300), nullable=False),
        sa.Column("epoch", sa.String(22), nullable=False),
        sa.Column("highest", sa.BigInteger, nullable=False),
        sa.Column("held", sa.BigInteger, nullable=False),
        sa.Column("last_at", _TIME, nullable=False),
        sa.PrimaryKeyConstraint("source", "epoch"),
    )
    op.create_table(
        "epoch_base",
        sa.Column("source", sa.String(1300), nullable=False),
        sa.Column("epoch", sa.String(22), nullable=False),
        sa.Column("highest", sa.BigInteger, nullable=False),
        sa.Column("held", sa.BigInteger, nullable=False),
        sa.Column("last_at", _TIME, nullable=False),
        sa.PrimaryKeyConstraint("source", "epoch"),
    )
    op.create_table(
        "expectation",
        sa.Column("number", _NUMBER, autoincrement=True, nullable=False),
        sa.Column("site", sa.String(200), nullable=False),
        sa.Column("bin", sa.String(255), nullable=False),
        sa.Column("quantity", sa.Integer),
        sa.Column("article", sa.String(200)),
        sa.Column("value", sa.Float, server_default="1", nullable=False),
        sa.Column("at", _TIME, nullable=False),
        sa.Column("origin", sa.String(20), nullable=False),
        sa.Column("by", sa.String(200), nullable=False),
        sa.Column("turn", sa.BigInteger, server_default="0", nullable=False),
        sa.PrimaryKeyConstraint("number"),
    )
    op.create_index("expectation_of_bin", "expectation", ["site", "bin", "number"])
    op.create_table(
        "place",
        sa.Column("site", sa.String(200), nullable=False),
        sa.Column("bin", sa.String(255), nullable=False),
        sa.Column("zone", sa.String(200), server_default="", nullable=False),
        sa.Column("aisle", sa.Integer, nullable=False),
        sa.Column("block", sa.Integer, server_default="0", nullable=False),
        sa.Column("position_m", sa.Float, nullable=False),
        sa.PrimaryKeyConstraint("site", "bin"),
    )
    op.create_index("place_of_zone", "place", ["site", "zone", "bin"])
    op.create_table(
        "sighting",
        sa.Column("site", sa.String(200), nullable=False),
        sa.Column("bin", sa.String(255), nullable=False),
        sa.Column("source", sa.String(1300), nullable=False),
        sa.PrimaryKeyConstraint("site", "bin", "source"),
    )
    op.create_table(
        "site",
        sa.Column("site", sa.String(200), nullable=False),
        sa.Column("layout", sa.Text),
        sa.Column("wrong_share", sa.Float),
        sa.Column("turn", sa.BigInteger, server_default="0", nullable=False),
        sa.PrimaryKeyConstraint("site"),
    )
    op.create_table(
        "station",
        sa.Column("source", sa.String(1300), nullable=False),
        sa.Column("site", sa.String(200), nullable=False),
        sa.Column("station", sa.String(200), nullable=False),
        sa.Column("state", sa.JSON),
        sa.Column("state_at", _TIME),
        sa.Column("health", sa.JSON),
        sa.Column("health_at", _TIME),
        sa.Column("counted_at", _TIME),
        sa.PrimaryKeyConstraint("source"),
    )
    op.create_index("ix_station_site", "station", ["site"])
    op.create_table(
        "token",
        sa.Column("name", sa.String(200), nullable=False),
        sa.Column("hash", sa.String(64), nullable=False),
        sa.Column("scopes", sa.JSON, nullable=False),
        sa.Column("site", sa.String(200)),
        sa.Column("station", sa.String(200)),
        sa.Column("created_at", _TIME, nullable=False),
        sa.Column("expires_at", _TIME),
        sa.PrimaryKeyConstraint("name"),
        sa.UniqueConstraint("hash"),
    )
    op.create_table(
        "webhook",
        sa.Column("name", sa.String(200), nullable=False),
        sa.Column("url", sa.Text, nullable=False),
        sa.Column("secret", sa.Text, nullable=False),
        sa.Column("site", sa.String(200)),
        sa.PrimaryKeyConstraint("name"),
    )
