"""When something may be fetched: with a clock that is set, in the time window that the settings name."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, time, timedelta, timezone

from agent.health.sensors import clock_synchronised
from bintally.errors import UsageError
from bintally.messages.base import utc_now

BUILT = datetime(2026, 1, 1, tzinfo=timezone.utc)
"""No clock that is right says less: this was written later."""


def clock_is_set(
    ask: Callable[[], bool | None] = clock_synchronised, now: Callable[[], datetime] = utc_now, *, believed: bool = False
) -> bool:
    """Whether the time of day can be trusted to tell what has expired.

    A device without a battery starts in 1970, or at the last time that it knew, until something sets its clock. Where the kernel does not
    say whether that has happened, or the clock is ``believed`` whatever it says, only the first of these can be told.
    """
    return (believed or ask() is not False) and now() >= BUILT


@dataclass(frozen=True)
class Window:
    """A time of each day, local: from ``begin`` until before ``end``, over midnight where ``end`` is the earlier one."""

    begin: time
    end: time

    def __str__(self) -> str:
        return f"{self.begin:%H:%M}-{self.end:%H:%M}"

    def open_at(self, now: time) -> bool:
        """Whether it is open."""
        if self.begin < self.end:
            return self.begin <= now < self.end
        return now >= self.begin or now < self.end

    def opens_in_s(self, now: time) -> float:
        """Seconds until it opens; 0 while it is open."""
        if self.open_at(now):
            return 0.0
        day = datetime(2000, 1, 1)  # noqa: DTZ001 - any day: only the time of day is looked at
        wait = datetime.combine(day, self.begin) - datetime.combine(day, now)
        return (wait % timedelta(days=1)).total_seconds()


def parse_window(text: str) -> Window:
    """Read ``HH:MM-HH:MM``.

    Raises:
        UsageError: it is no such window, or an empty one.
    """
    found = re.fullmatch(r"([01]\d|2[0-3]):([0-5]\d)-([01]\d|2[0-3]):([0-5]\d)", text.strip())
    if found is None or found.group(1, 2) == found.group(3, 4):
        raise UsageError(f"{text[:40]!r}: no time window; it looks like 22:00-05:30 (local time; leave it out for any time)")
    first, second, third, fourth = map(int, found.groups())
    return Window(time(first, second), time(third, fourth))
