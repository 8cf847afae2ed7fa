"""Events, books and times for the ledger's tests."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Any

from bintally.messages import CountData, CountEvent, GapData, GapEvent, ModelName, Range
from bintally.topics import Station
from warehouse.discrepancies.rules import Rules
from warehouse.ledger.events import Arrived
from warehouse.ledger.expectations import Row

EPOCH = "a" * 22
START = datetime(2026, 11, 22, 8, 0, tzinfo=timezone.utc)
RULES = Rules()
STATION = Station("hall 1", "dock/3")
MODEL = ModelName(name="m", version="1.0.0", digest="d" * 64)


def at(seconds: float) -> datetime:
    """So many seconds after the start."""
    return START + timedelta(seconds=seconds)


def sure(quantity: int, classes: int = 7, p: float = 0.97) -> list[float]:
    """Probabilities of a counter that is sure."""
    return [p if number == min(quantity, classes - 1) else (1 - p) / (classes - 1) for number in range(classes)]


def count(number: int, bin_: str, quantity: int, taken_s: float, station: Station = STATION, epoch: str = EPOCH, **more: Any) -> Arrived:
    """A sure count; ``more`` changes its data."""
    data = {
        "counted": quantity,
        "at_least": None,
        "unsure": False,
        "confidence": 0.97,
        "probabilities": sure(quantity),
        "taken_at": at(taken_s),
        "frame_ms": 1.0,
        "model": MODEL,
        "trigger": "settled",
        **more,
    }
    event = CountEvent(source=station.source, id=f"{epoch}-{number}", subject=bin_, time=at(taken_s), data=CountData(**data))
    return Arrived(station, event)


def unsure(number: int, bin_: str, taken_s: float, probabilities: list[float], station: Station = STATION) -> Arrived:
    """A count without an answer."""
    more: dict[str, Any] = {"counted": None, "unsure": True, "probabilities": probabilities, "confidence": max(probabilities)}
    return count(number, bin_, 0, taken_s, station, **more)


def gap(number: int, first: int, last: int, station: Station = STATION, epoch: str = EPOCH) -> Arrived:
    """A station gave up a range."""
    data = GapData(ranges=[Range(epoch=epoch, first=first, last=last)], reason="restored")
    return Arrived(station, GapEvent(source=station.source, id=f"{epoch}-{number}", time=START, data=data))


def books(quantity: int | None, at_s: float, bin_: str = "A", **more: Any) -> Row:
    """What the books say of a bin of the station's site."""
    return Row(STATION.site, bin_, quantity, at(at_s), **more)
