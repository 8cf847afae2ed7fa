"""Messages between stations and the warehouse: CloudEvents 1.0 in structured JSON mode.

Source: CloudEvents 1.0.2, section 3; MQTT protocol binding, section 3.2.
"""

from __future__ import annotations

import re
import secrets
import time
from collections.abc import Iterable
from datetime import datetime, timezone
from typing import Annotated, Literal, TypeVar

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError, model_validator

from bintally.errors import InputError

MAX_ITEMS = 1_000_000
"""More in one bin is a broken message, not a count."""
CONTENT_TYPE = "application/cloudevents+json"
_ID = re.compile(r"^([0-9a-f]{22})-([1-9]\d{0,17})$")
Epoch = Annotated[str, Field(pattern=r"^[0-9a-f]{22}$")]
_AnyMessage = TypeVar("_AnyMessage", bound=BaseModel)
Sequence = Annotated[int, Field(ge=1, lt=10**18)]


class _Message(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)  # a newer sender may say more


class ModelName(_Message):
    """Which bundle counted."""

    name: str
    version: str
    digest: str = Field(description="SHA-256 of the bundle's file, hex")


class CountData(_Message):
    """One count of one bin."""

    counted: int | None = Field(ge=0, le=MAX_ITEMS, description="number of items; null when unsure or when at_least says it")
    at_least: int | None = Field(ge=1, le=MAX_ITEMS, description="lower bound where the counter's open class was decided, else null")
    unsure: bool = Field(description="true when no answer was confident enough")
    confidence: float = Field(ge=0, le=1, description="probability of the most probable class")
    probabilities: list[float] = Field(min_length=2, description="one for each count from 0, the last for that many or more")
    taken_at: AwareDatetime = Field(description="when the frame was grabbed")
    frame_ms: float = Field(ge=0, allow_inf_nan=False, description="milliseconds for resize, inference and decision")
    file: str | None = Field(None, max_length=1024, description="name of the image file, where the source is a folder")
    model: ModelName

    @model_validator(mode="after")
    def _one_answer(self) -> CountData:
        if [self.counted is not None, self.at_least is not None, self.unsure].count(True) != 1:
            raise ValueError("exactly one of counted, at_least and unsure must be given")
        return self


class CountEvent(_Message):
    """A count as it travels: ``(source, id)`` names it once and for all."""

    specversion: Literal["1.0"] = "1.0"
    type: Literal["bintally.count.v1"] = "bintally.count.v1"
    source: str = Field(min_length=3, description="site and station, percent-encoded")
    id: str = Field(pattern=_ID.pattern, description="{epoch}-{seq}: a new epoch at every start of the agent, seq without gaps in it")
    subject: str = Field(min_length=1, max_length=255, description="the bin")
    time: AwareDatetime
    datacontenttype: Literal["application/json"] = "application/json"
    data: CountData

    @property
    def position(self) -> tuple[str, int]:
        """Epoch and sequence number."""
        epoch, _, number = self.id.partition("-")
        return epoch, int(number)


class Range(_Message):
    """Events of one epoch, ``first`` to ``last``, both included."""

    epoch: Epoch
    first: Sequence
    last: Sequence


class AckData(_Message):
    """Events that are safely in the ledger."""

    ranges: list[Range]


class AckEvent(_Message):
    """The ledger's word that a station may forget some events."""

    specversion: Literal["1.0"] = "1.0"
    type: Literal["bintally.ack.v1"] = "bintally.ack.v1"
    source: str
    id: str
    time: AwareDatetime
    datacontenttype: Literal["application/json"] = "application/json"
    data: AckData


class State(_Message):
    """A station's retained state; the last will says ``lost`` with the session of the birth."""

    status: Literal["online", "stopped", "lost"]
    session: Epoch
    version: str
    model: ModelName


def new_epoch() -> str:
    """A new epoch: 12 hex digits of the time in milliseconds, then 10 random ones."""
    return f"{time.time_ns() // 1_000_000:012x}{secrets.token_hex(5)}"


def utc_now() -> datetime:
    """The time of day with its zone."""
    return datetime.now(timezone.utc)


def parse_count(payload: bytes) -> CountEvent:
    """Read a count event.

    Raises:
        InputError: the payload is not one; says which field is wrong.
    """
    return _parse(CountEvent, payload)


def parse_ack(payload: bytes) -> AckEvent:
    """Read an acknowledgement.

    Raises:
        InputError: the payload is not one.
    """
    return _parse(AckEvent, payload)


def _parse(kind: type[_AnyMessage], payload: bytes) -> _AnyMessage:
    try:
        return kind.model_validate_json(payload)
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(str(part) for part in first["loc"]) or "payload"
        raise InputError(f"not a {kind.__name__}: {field}: {first['msg']}") from error


def to_ranges(positions: Iterable[tuple[str, int]]) -> list[Range]:
    """Join positions into as few ranges as possible, in order."""
    ranges: list[Range] = []
    for epoch, number in sorted(set(positions)):
        if ranges and ranges[-1].epoch == epoch and ranges[-1].last == number - 1:
            ranges[-1] = Range(epoch=epoch, first=ranges[-1].first, last=number)
        else:
            ranges.append(Range(epoch=epoch, first=number, last=number))
    return ranges
