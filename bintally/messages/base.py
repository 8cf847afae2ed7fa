"""What all messages have in common."""

from __future__ import annotations

import secrets
import time
from datetime import datetime, timezone
from typing import Annotated, TypeVar

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from bintally.errors import InputError

MAX_ITEMS = 1_000_000
"""More in one bin is a broken message, not a count."""
Quantity = Annotated[int, Field(ge=0, le=MAX_ITEMS)]
Share = Annotated[float, Field(ge=0, le=1)]
BinName = Annotated[str, Field(min_length=1, max_length=255)]
Epoch = Annotated[str, Field(pattern=r"^[0-9a-f]{22}$")]
Sequence = Annotated[int, Field(ge=1, lt=10**18)]
_LONGEST_FIELD = 200
_Any = TypeVar("_Any")


class Message(BaseModel):
    """Base of all messages; a newer sender may say more than this version reads. JSON has no word for infinity or «not a number»."""

    model_config = ConfigDict(extra="ignore", frozen=True, allow_inf_nan=False)


class ModelName(Message):
    """Which bundle counted."""

    name: str
    version: str
    digest: str = Field(description="SHA-256 of the bundle's file, hex")


def new_epoch() -> str:
    """A new epoch: 12 hex digits of the time in milliseconds, then 10 random ones."""
    return f"{time.time_ns() // 1_000_000:012x}{secrets.token_hex(5)}"


def utc_now() -> datetime:
    """The time of day with its zone."""
    return datetime.now(timezone.utc)


def read(kind: TypeAdapter[_Any], payload: bytes, name: str) -> _Any:
    """Read a payload.

    Raises:
        InputError: it is not a ``name``; says which field is wrong.
    """
    try:
        return kind.validate_json(payload)
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(str(part) for part in first["loc"])[:_LONGEST_FIELD] or "payload"
        why = "there is no such field" if first["type"] == "extra_forbidden" else first["msg"]
        raise InputError(f"not a {name}: {field}: {why}") from error
