"""MQTT topics: ``bintally/v1/{site}/{station}/{kind}``, for some kinds with a name behind; ``bintally/v1/{site}/{kind}`` for a whole site.

Names are percent-encoded.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Literal, get_args
from urllib.parse import unquote

from bintally.errors import InputError, UsageError

PREFIX = "bintally/v1"
Kind = Literal["count", "state", "ack", "health", "config/desired", "config/reported", "model/desired", "model/reported"]
NamedKind = Literal["bin", "cmd", "expected"]
"""Kinds that end with a name: of a bin, or of a command."""
SiteKind = Literal["discrepancy"]
"""Kinds of a whole site."""
_PLAIN = frozenset(b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-")
MAX_NAME_BYTES = 200
_REMEMBERED = 50_000  # a warehouse's subscriber meets the same names a thousand times a second


@lru_cache(_REMEMBERED)
def encode(name: str) -> str:
    """Percent-encode every byte of a name but letters, digits, ``.``, ``_`` and ``-``.

    Raises:
        UsageError: the name is empty, too long for a topic, or no text.
    """
    try:
        data = name.encode()
    except UnicodeEncodeError as error:
        raise UsageError(f"{name!r}: a name of a site, station or bin must be UTF-8 text") from error
    if not data or len(data) > MAX_NAME_BYTES:
        raise UsageError(f"{name[:40]!r}: a name of a site, station or bin has 1 to {MAX_NAME_BYTES} bytes; this one has {len(data)}")
    return "".join(chr(byte) if byte in _PLAIN else f"%{byte:02X}" for byte in data)


@lru_cache(_REMEMBERED)
def decode(level: str) -> str:
    """Undo ``encode``.

    Raises:
        InputError: the level is not what ``encode`` makes of any name.
    """
    name = unquote(level, errors="replace")
    try:
        if encode(name) == level:
            return name
    except UsageError:
        pass
    raise InputError(f"topic level {level!r}: not a name as bintally encodes it")


@dataclass(frozen=True)
class Station:
    """A station of a site, the first half of every topic."""

    site: str
    station: str

    @property
    def source(self) -> str:
        """The CloudEvents ``source`` of this station's events."""
        return f"{encode(self.site)}/{encode(self.station)}"

    def topic(self, kind: Kind) -> str:
        """The topic on which this station's messages of a kind go."""
        return f"{PREFIX}/{self.source}/{kind}"

    def named(self, kind: NamedKind, name: str) -> str:
        """The topic of a kind that ends with the name of a bin or a command."""
        return f"{PREFIX}/{self.source}/{kind}/{encode(name)}"

    def all_named(self, kind: NamedKind) -> str:
        """The filter for all names of such a kind."""
        return f"{PREFIX}/{self.source}/{kind}/+"


def subscription(kind: Kind, site: str | None = None) -> str:
    """The filter for a kind of message from every station, of one site or of all."""
    return f"{PREFIX}/{'+' if site is None else encode(site)}/+/{kind}"


def of_site(kind: SiteKind, site: str | None = None) -> str:
    """The topic of a kind that a whole site shares, or the filter for that of every site."""
    return f"{PREFIX}/{'+' if site is None else encode(site)}/{kind}"


def shared(group: str, filter_: str) -> str:
    """The filter that shares its messages out among the subscribers of a group.

    Source: MQTT 5.0, section 4.8.2.

    Raises:
        UsageError: the group's name does not fit into a filter.
    """
    if not group or set(group) & set("/+#"):
        raise UsageError(f"group {group!r}: the name of a shared subscription has no '/', '+' or '#', and is not empty")
    return f"$share/{group}/{filter_}"


def parse(topic: str) -> tuple[Station, Kind | NamedKind, str | None]:
    """Take a topic apart: whose it is, its kind, and the name at its end.

    Raises:
        InputError: it is none of bintally's.
    """
    levels = topic.split("/")
    if len(levels) >= 5 and "/".join(levels[:2]) == PREFIX:
        station, rest = levels[2:4], "/".join(levels[4:])
        for kind in get_args(Kind):
            if rest == kind:
                return Station(*map(decode, station)), kind, None
        for kind in get_args(NamedKind):
            if levels[4] == kind and len(levels) == 6:
                return Station(*map(decode, station)), kind, decode(levels[5])
    raise InputError(f"topic {topic[:120]!r}: not one of bintally's")
