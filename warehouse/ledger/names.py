"""Names and numbers that people and other systems give: checked before they come near a table."""

from __future__ import annotations

from datetime import datetime, timedelta

from bintally.errors import InputError
from bintally.messages.base import MAX_ITEMS

_AHEAD = timedelta(days=1)


def check_name(what: str, value: str, most: int) -> None:
    """Refuse what is no name.

    Raises:
        InputError: it is empty, too long, or holds what a database can't.
    """
    if not 0 < len(value) <= most:
        raise InputError(f"{what} = {value[:40]!r}: must have 1 to {most} characters, not {len(value)}")
    if any(ord(character) < 32 or 0xD800 <= ord(character) < 0xE000 for character in value):
        raise InputError(f"{what} = {value[:40]!r}: holds characters that are no text")


def check_quantity(what: str, value: int) -> None:
    """Refuse what is no quantity of items.

    Raises:
        InputError: it is negative, or too large for a bin.
    """
    if not 0 <= value <= MAX_ITEMS:
        raise InputError(f"{what} = {value}: must be 0 to {MAX_ITEMS} items")


def check_time(what: str, value: datetime, now: datetime) -> None:
    """Refuse a time that nobody can speak of yet.

    Raises:
        InputError: it has no zone, or is of a day to come.
    """
    if value.tzinfo is None:
        raise InputError(f"{what} = {value.isoformat()}: has no time zone; write it with one, for instance 2026-11-22T08:30:00Z")
    if value > now + _AHEAD:
        raise InputError(f"{what} = {value.isoformat()}: is of a day to come; the books speak of what is")
