"""Times in the database: aware and UTC, going in and coming out, whatever the database keeps."""

from __future__ import annotations

from datetime import datetime, timezone

import sqlalchemy as sa

_FIRST, _LAST = datetime.min.replace(tzinfo=timezone.utc), datetime.max.replace(tzinfo=timezone.utc)


class Utc(sa.TypeDecorator[datetime]):
    """An aware time: SQLite knows no zones and gives back naive ones; PostgreSQL answers in the session's zone."""

    impl = sa.DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, _: sa.Dialect) -> datetime | None:
        """Into the database.

        Raises:
            ValueError: the time is naive, so nobody knows when that is.
        """
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"{value.isoformat()}: a time without a zone can't be kept; make it aware")
        return to_utc(value)

    def process_result_value(self, value: datetime | None, _: sa.Dialect) -> datetime | None:
        """Out of the database."""
        return None if value is None else aware(value)


def aware(value: datetime) -> datetime:
    """An aware UTC time from what the driver gave."""
    return value.replace(tzinfo=timezone.utc) if value.tzinfo is None else value.astimezone(timezone.utc)


def to_utc(value: datetime) -> datetime:
    """The same time in UTC; at the ends of the calendar, where that has no year, the nearest that has one."""
    try:
        return value.astimezone(timezone.utc)
    except OverflowError:
        return _FIRST if value.year == 1 else _LAST
