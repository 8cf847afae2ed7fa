"""Commands to a station and its answers: MQTT 5 request and response.

The name of a command is the last level of its topic, ``cmd/{name}``; the payload holds its arguments. Answers go to the
request's response topic with its correlation data: ``accepted``, then ``done`` or ``rejected``.

Source: MQTT 5.0, section 4.10.
"""

from __future__ import annotations

from typing import Any, Literal

from pydantic import AwareDatetime, ConfigDict, Field, TypeAdapter

from bintally.errors import InputError
from bintally.messages.base import BinName, Epoch, Message, Quantity, read
from bintally.messages.station import RuntimeSettings


class _Command(Message):
    model_config = ConfigDict(extra="forbid", frozen=True)

    expires_at: AwareDatetime | None = Field(None, description="not to be obeyed after; MQTT 5 senders set the message expiry instead")


class Recount(_Command):
    """Count now."""

    bin: BinName | None = Field(None, description="which; needed only where a station sees several, or where it is to be told its bin")
    expected: Quantity | None = Field(None, description="the quantity to compare with, instead of the one in the books")
    timeout_s: float = Field(20.0, gt=0, le=3600, description="rejected when the bin did not come to rest in that time")


class Snapshot(_Command):
    """Send a picture of what the camera sees now."""

    max_side_px: int = Field(640, ge=32, le=4096)


class Identify(_Command):
    """Show on the station's page which station this is."""

    seconds: float = Field(30.0, gt=0, le=600)


class Set(_Command):
    """Change settings until the next desired configuration."""

    settings: RuntimeSettings


Command = Recount | Snapshot | Identify | Set
CommandName = Literal["recount", "snapshot", "identify", "set"]
KINDS: dict[CommandName, type[Command]] = {"recount": Recount, "snapshot": Snapshot, "identify": Identify, "set": Set}


class Answer(Message):
    """What a station says to a command."""

    command: str
    status: Literal["accepted", "done", "rejected"]
    reason: str | None = Field(None, description="why it was rejected")
    session: Epoch
    result: dict[str, Any] | None = Field(
        None,
        description="recount: the count event; snapshot: jpeg (base64), width, height, taken_at; identify: site, station, version; set: the settings",
    )


_ADAPTERS: dict[str, TypeAdapter[Any]] = {name: TypeAdapter(kind) for name, kind in KINDS.items()}
_ANSWER = TypeAdapter(Answer)


def parse_command(name: str, payload: bytes) -> Command:
    """Read a command; an empty payload means no arguments.

    Args:
        name: last level of the topic.
        payload: JSON.

    Raises:
        InputError: there is no such command, or its arguments are wrong; says which.
    """
    if name not in _ADAPTERS:
        raise InputError(f"there is no command {name[:40]!r}; there are {', '.join(KINDS)}")
    command: Command = read(_ADAPTERS[name], payload or b"{}", name)
    return command


def parse_answer(payload: bytes) -> Answer:
    """Read an answer.

    Raises:
        InputError: the payload is not one.
    """
    return read(_ANSWER, payload, "Answer")
