"""What the text behind an option may be."""

from __future__ import annotations

import argparse
from datetime import timedelta

ROLES = ("root", "targets", "snapshot", "timestamp")


def natural(text: str) -> int:
    """A whole number of at least 1."""
    if text.isascii() and text.isdigit() and int(text) >= 1:
        return int(text)
    raise argparse.ArgumentTypeError(f"{text!r} is not a whole number of at least 1")


def port(text: str) -> int:
    """A port number."""
    number = natural(text)
    if number < 65536:
        return number
    raise argparse.ArgumentTypeError(f"{text!r} is no port, which are 1 to 65535")


def lifetime(text: str) -> timedelta:
    """Days, with or without a d."""
    days = text.removesuffix("d")
    if days.isascii() and days.isdigit() and len(days) < 6 and 1 <= int(days) <= 36_500:
        return timedelta(days=int(days))
    raise argparse.ArgumentTypeError(f"{text!r} is not a number of days, 1d to 36500d")


def period(text: str) -> tuple[str, int]:
    """ROLE=DAYS."""
    role, _, days = text.partition("=")
    if role in ROLES and days.isascii() and days.isdigit() and 1 <= int(days) <= 3650:
        return role, int(days)
    raise argparse.ArgumentTypeError(f"{text!r} is not ROLE=DAYS with a role of {', '.join(ROLES)} and 1 to 3650 days")


def given_key(text: str) -> tuple[str, str]:
    """KIND=KEY."""
    kind, _, what = text.partition("=")
    if kind in ("root", "targets", "online", "desired") and what:
        return kind, what
    raise argparse.ArgumentTypeError(f"{text!r} is not KIND=KEY with a kind of root, targets, online, desired")
