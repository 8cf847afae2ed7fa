"""Events between stations and the warehouse: CloudEvents 1.0 in structured JSON mode.

Source: CloudEvents 1.0.2, section 3; MQTT protocol binding, section 3.2.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Annotated, Literal

from pydantic import AwareDatetime, Field, TypeAdapter, model_validator

from bintally.messages.base import MAX_ITEMS, BinName, Epoch, Message, ModelName, Quantity, Sequence, Share, read

CONTENT_TYPE = "application/cloudevents+json"
_ID = re.compile(r"^([0-9a-f]{22})-([1-9]\d{0,17})$")
EventId = Annotated[
    str, Field(pattern=_ID.pattern, description="{epoch}-{seq}: a new epoch at every start of the agent, seq without gaps in it")
]
Source = Annotated[str, Field(min_length=3, description="site and station, percent-encoded")]
Trigger = Literal["image", "settled", "heartbeat", "command"]
"""Why a bin was counted: an image of a folder, it came to rest, its time had come, or somebody asked."""


class Verification(Message):
    """How a count compares with the quantity that somebody expects."""

    expected: Quantity
    origin: Literal["books", "command"] = Field(
        description="who expects it: the retained expected/{bin}, or the command that asked for the count"
    )
    verdict: Literal["match", "mismatch", "unsure"]
    match_probability: Share = Field(description="that the bin holds the expected quantity, as the counter sees it")


class CountData(Message):
    """One count of one bin."""

    counted: int | None = Field(ge=0, le=MAX_ITEMS, description="number of items; null when unsure or when at_least says it")
    at_least: int | None = Field(ge=1, le=MAX_ITEMS, description="lower bound where the counter's open class was decided, else null")
    unsure: bool = Field(description="true when no answer was confident enough")
    confidence: Share = Field(description="probability of the most probable class")
    probabilities: list[Annotated[float, Field(ge=0)]] = Field(
        min_length=2, max_length=1000, description="one for each count from 0, the last for that many or more"
    )
    taken_at: AwareDatetime = Field(description="when the newest of the counted frames was grabbed")
    frame_ms: float = Field(ge=0, allow_inf_nan=False, description="milliseconds for resize, inference and decision of a frame")
    file: str | None = Field(None, max_length=1024, description="name of the image file, where the source is a folder")
    model: ModelName
    trigger: Trigger = Field("image", description="why it was counted")
    frames: int = Field(1, ge=1, le=MAX_ITEMS, description="how many frames of the bin at rest were fused")
    verification: Verification | None = Field(None, description="against the expected quantity, where one is known")
    evidence: str | None = Field(None, max_length=255, description="name of the frame that the station keeps of it")

    @model_validator(mode="after")
    def _one_answer(self) -> CountData:
        if [self.counted is not None, self.at_least is not None, self.unsure].count(True) != 1:
            raise ValueError("exactly one of counted, at_least and unsure must be given")
        return self


class _Event(Message):
    specversion: Literal["1.0"] = "1.0"
    source: Source
    id: EventId
    time: AwareDatetime
    datacontenttype: Literal["application/json"] = "application/json"

    @property
    def position(self) -> tuple[str, int]:
        """Epoch and sequence number."""
        epoch, _, number = self.id.partition("-")
        return epoch, int(number)


class CountEvent(_Event):
    """A count as it travels: ``(source, id)`` names it once and for all."""

    type: Literal["bintally.count.v1"] = "bintally.count.v1"
    subject: BinName = Field(description="the bin")
    data: CountData


class Range(Message):
    """Events of one epoch, ``first`` to ``last``, both included."""

    epoch: Epoch
    first: Sequence
    last: Sequence


class GapData(Message):
    """Events that a station will never send (again)."""

    ranges: list[Range] = Field(min_length=1, description="which; some of them may have arrived before they were given up")
    reason: Literal["size", "age", "restored", "damaged"] = Field(
        description="the outbox was full, they were too old, an older copy of the outbox was put back, or its file was damaged"
    )


class GapEvent(_Event):
    """A station gave up events: what is missing, and why. It has a place in the sequence like a count, and is acknowledged like one."""

    type: Literal["bintally.gap.v1"] = "bintally.gap.v1"
    data: GapData


StationEvent = Annotated[CountEvent | GapEvent, Field(discriminator="type")]
"""What travels on a station's ``count`` topic."""


class AckData(Message):
    """Events that are safely in the ledger."""

    ranges: list[Range]


class AckEvent(Message):
    """The ledger's word that a station may forget some events."""

    specversion: Literal["1.0"] = "1.0"
    type: Literal["bintally.ack.v1"] = "bintally.ack.v1"
    source: str
    id: str
    time: AwareDatetime
    datacontenttype: Literal["application/json"] = "application/json"
    data: AckData


_STATION_EVENT: TypeAdapter[CountEvent | GapEvent] = TypeAdapter(StationEvent)
_COUNT, _ACK = TypeAdapter(CountEvent), TypeAdapter(AckEvent)


def parse_event(payload: bytes) -> CountEvent | GapEvent:
    """Read what came on a ``count`` topic.

    Raises:
        InputError: the payload is no such event; says which field is wrong.
    """
    return read(_STATION_EVENT, payload, "station event")


def parse_count(payload: bytes) -> CountEvent:
    """Read a count event.

    Raises:
        InputError: the payload is not one; says which field is wrong.
    """
    return read(_COUNT, payload, "CountEvent")


def parse_ack(payload: bytes) -> AckEvent:
    """Read an acknowledgement.

    Raises:
        InputError: the payload is not one.
    """
    return read(_ACK, payload, "AckEvent")


def to_ranges(positions: Iterable[tuple[str, int]]) -> list[Range]:
    """Join positions into as few ranges as possible, in order."""
    ranges: list[Range] = []
    for epoch, number in sorted(set(positions)):
        if ranges and ranges[-1].epoch == epoch and ranges[-1].last == number - 1:
            ranges[-1] = Range(epoch=epoch, first=ranges[-1].first, last=number)
        else:
            ranges.append(Range(epoch=epoch, first=number, last=number))
    return ranges
