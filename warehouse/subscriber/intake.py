"""From a topic and a payload to an event, or to a dead letter (pure)."""

from __future__ import annotations

from bintally import topics
from bintally.errors import InputError
from bintally.messages import parse_event, parse_health, parse_state
from warehouse.subscriber.arrived import Arrived, Letter, Said


def read(topic: bytes, payload: bytes) -> Arrived | Said | Letter | None:
    """Read a message.

    Args:
        topic: as it came; brokers should refuse topics that are no UTF-8.
        payload: as it came.

    Returns:
        What it says; a letter where that cannot be told or where it speaks for another station; None where a retained message was
        deleted, which says nothing.
    """
    name = topic.decode("utf-8", "backslashreplace")
    try:
        return _read(name, payload)
    except InputError as error:
        return Letter(name, payload, str(error))


def _read(topic: str, payload: bytes) -> Arrived | Said | None:
    station, kind, _ = topics.parse(topic)
    if kind == "count":
        event = parse_event(payload)
        if event.source != station.source:
            raise InputError(f"its source says {event.source[:100]!r}: a station cannot speak for another")
        return Arrived(station, event)
    if kind not in ("state", "health"):
        raise InputError(f"topic {topic[:120]!r}: not one that a subscriber reads")
    if not payload:
        return None
    return Said(station, parse_state(payload) if kind == "state" else parse_health(payload))
