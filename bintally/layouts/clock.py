"""Times of a day as people write them; hours above 23 are tomorrow's."""

from __future__ import annotations

import datetime as dt
import re

DAY_S = 86_400.0
PATTERN = "^([0-3]?[0-9]|4[0-7]):[0-5][0-9](:[0-5][0-9])?$"
_TIME = re.compile(PATTERN.replace("$", r"\Z"), re.ASCII)


def seconds_of(value: object) -> float:
    """Seconds after midnight.

    Args:
        value: such as «8:30», «08:30:15», or «25:00» for one o'clock tomorrow; or a TOML local time.

    Raises:
        ValueError: it is no such time.
    """
    if isinstance(value, dt.time):
        return value.hour * 3600 + value.minute * 60 + value.second + value.microsecond / 1e6
    if not isinstance(value, str) or not _TIME.match(value):
        raise ValueError("give a time such as '08:30' or '08:30:15'; '25:00' is one o'clock tomorrow, and '47:59:59' the last time")
    hours, minutes, *seconds = map(int, value.split(":"))
    return float(hours * 3600 + minutes * 60 + sum(seconds))


def clock(time_s: float) -> str:
    """Such as «08:30:15», rounded to a second; hours go on after midnight."""
    minutes, seconds = divmod(round(time_s), 60)
    return f"{minutes // 60:02d}:{minutes % 60:02d}:{seconds:02d}"
