"""What comes from stations, read."""

from __future__ import annotations

from dataclasses import dataclass

from bintally.messages import CountEvent, GapEvent, Health, State
from bintally.topics import Station


@dataclass(frozen=True)
class Arrived:
    """A count, or a gap; ``(event.source, event.id)`` names it, however often it arrives."""

    station: Station
    event: CountEvent | GapEvent


@dataclass(frozen=True)
class Said:
    """What a station says of itself: its retained state, or its health."""

    station: Station
    what: State | Health


@dataclass(frozen=True)
class Letter:
    """What cannot be read; whoever finds out why must be able to look at it.

    Attributes:
        topic: as it came; what is no UTF-8 in it is escaped with backslashes.
        payload: byte for byte.
        reason: why it cannot be read, and by whose fault.
    """

    topic: str
    payload: bytes
    reason: str
