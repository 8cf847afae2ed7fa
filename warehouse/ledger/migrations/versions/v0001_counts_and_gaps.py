"""The tables of version 0.1, which knew no migrations."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision, down_revision = "0001", None


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "count_event",
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
    op.create_table(
        "gap",
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
