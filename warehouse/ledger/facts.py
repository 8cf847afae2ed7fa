"""From events to rows (pure). What a station may send and a column can't hold is cut to fit: one odd event must not fail its batch for ever."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from bintally.messages import CountEvent, GapEvent
from bintally.topics import Station
from warehouse.ledger.times import to_utc

_GREATEST = 2**31 - 1


def text(value: str, most: int | None = None) -> str:
    """A text that both databases can hold; PostgreSQL knows no NUL."""
    return value.replace("\0", "\ufffd")[:most]


def count_row(station: Station, event: CountEvent, turn: int, now: datetime) -> dict[str, Any]:
    """A row of ``count_event``."""
    data = event.data
    return {
        "source": event.source,
        "event_id": event.id,
        "site": text(station.site),
        "bin": text(event.subject),
        "counted": data.counted,
        "at_least": data.at_least,
        "unsure": data.unsure,
        "confidence": data.confidence,
        "probabilities": [_finite(one) for one in data.probabilities],
        "taken_at": to_utc(data.taken_at),
        "trigger": data.trigger,
        "frames": min(data.frames, _GREATEST),
        "file": data.file and text(data.file),
        "evidence": data.evidence and text(data.evidence),
        "verification": data.verification and data.verification.model_dump(),
        "model": text(f"{data.model.name} {data.model.version}", 200),
        "model_digest": text(data.model.digest, 64),
        "received_at": now,
        "turn": turn,
    }


def gap_rows(event: GapEvent, now: datetime) -> Iterator[dict[str, Any]]:
    """Rows of ``gap``, one for each range."""
    for one in event.data.ranges:
        yield {
            "source": event.source,
            "event_id": event.id,
            "epoch": one.epoch,
            "first": one.first,
            "last": one.last,
            "reason": event.data.reason,
            "received_at": now,
        }


def position(event_id: str) -> tuple[str, int]:
    """Epoch and sequence number of an event's id."""
    epoch, _, number = event_id.partition("-")
    return epoch, int(number)


def _finite(probability: float) -> float:
    """JSON has no word for what is no number."""
    return probability if abs(probability) < float("inf") else 0.0
