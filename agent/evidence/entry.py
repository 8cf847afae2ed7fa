"""One kept picture: its name, its description, and what is given up first when there is no room (pure)."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, get_args

from agent.evidence.choose import Reason
from bintally import abid
from bintally.errors import InputError

MAX_QUANTITY = 999
"""The trainer refuses a label with more."""
_ID = re.compile(r"[0-9a-f]{22}-[1-9]\d{0,17}")
_KEY = "BINTALLY"
_WORTH = {"uploaded": 0, "random": 1, "corrected": 1, "unsure": 2, "mismatch": 3}
WORTH_LABELLED = 4


def name_for(event_id: str) -> str:
    """The name under which a count's picture is kept, and of its files: the event's id, which holds nothing but hex digits and a dash.

    Raises:
        InputError: this is no event's id.
    """
    if not _ID.fullmatch(event_id):
        raise InputError(f"{event_id[:60]!r}: not the id of a count; ids look like 0193a5b2c4d6e8f0a1b2c3-17")
    return event_id


@dataclass(frozen=True)
class Label:
    """What somebody says a bin holds.

    Attributes:
        quantity: items.
        by: who says so.
        at: when, ISO 8601.

    Raises:
        InputError: no bin holds so many items, or one of the three is of another kind.
    """

    quantity: int
    by: str
    at: str

    def __post_init__(self) -> None:
        if type(self.quantity) is not int or not 0 <= self.quantity <= MAX_QUANTITY:
            raise InputError(
                f"{str(self.quantity)[:40]}: a bin holds 0 to {MAX_QUANTITY} items; correct it again with a whole number of them"
            )
        if not isinstance(self.by, str) or not isinstance(self.at, str):
            raise InputError("a correction must say who made it, and when")


@dataclass(frozen=True)
class Description:
    """What stands beside a picture.

    Attributes:
        event: the count event as it was sent, None where it was lost.
        reason: why the picture is kept.
        label: the newest correction; without one nobody knows the quantity.
    """

    event: dict[str, Any] | None
    reason: Reason
    label: Label | None = None

    def as_json(self) -> bytes:
        """In ABID's own form where there is a label; without one there is no ``EXPECTED_QUANTITY``, so that nothing takes it for labelled."""
        told: dict[str, Any] = {"event": self.event, "reason": self.reason}
        if self.label is None:
            return json.dumps({_KEY: told}, indent=1).encode()
        told["label"] = {"by": self.label.by, "at": self.label.at}
        return abid.metadata_json(self.label.quantity, None, {_KEY: told}).encode()


def parse(content: bytes, name: str) -> Description:
    """Read a description.

    Args:
        content: JSON.
        name: of the file, for errors.

    Raises:
        InputError: it is not one that ``Description.as_json`` wrote.
    """
    try:
        whole = json.loads(content)
        told = whole[_KEY]
        label = Label(whole["EXPECTED_QUANTITY"], told["label"]["by"], told["label"]["at"]) if "label" in told else None
        description = Description(told["event"], told["reason"], label)
    except (InputError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise InputError(f"{name}: not a description of a kept picture ({error!r})") from error
    if description.reason not in get_args(Reason) or (label is None) != ("EXPECTED_QUANTITY" not in whole):
        raise InputError(f"{name}: not a description of a kept picture (reason {description.reason!r})")
    return description


def digest(content: bytes) -> str:
    """SHA-256, hex."""
    return hashlib.sha256(content).hexdigest()


@dataclass(frozen=True)
class Entry:
    """A kept picture as the store remembers it.

    Attributes:
        name: see ``name_for``.
        reason: why it is kept.
        label: what somebody said that it shows.
        digest: of its description.
        sent: of the description that the server confirmed last, with the picture; None for none.
        size_bytes: of all its files.
    """

    name: str
    reason: Reason
    label: Label | None
    digest: str
    sent: str | None
    size_bytes: int
    age: tuple[str, int] = field(init=False)

    def __post_init__(self) -> None:
        epoch, _, number = self.name.partition("-")
        object.__setattr__(self, "age", (epoch, int(number)))

    @property
    def uploaded(self) -> bool:
        """Whether the server has it as it is now."""
        return self.sent == self.digest

    @property
    def worth(self) -> int:
        """What is worth less is given up first: uploaded, drawn at random, unsure, mismatching; what is corrected comes last."""
        if self.uploaded:
            return _WORTH["uploaded"]
        return worth_of(self.reason) if self.label is None else WORTH_LABELLED


def worth_of(reason: Reason) -> int:
    """The worth of a picture that has no label yet and was not uploaded."""
    return _WORTH[reason]


@dataclass(frozen=True)
class Kept:
    """A picture to upload.

    Attributes:
        name: see ``name_for``.
        jpeg: the picture's file; it never changes.
        description: JSON; it changes with each correction.
    """

    name: str
    jpeg: bytes
    description: bytes


def to_give_up(entries: Iterable[Entry], lacking: int, wished: int, worth: int, spare: str) -> list[Entry] | None:
    """Choose what makes room for a new picture: the least worth first, of equal ones the oldest, and nothing that is worth more.

    Args:
        entries: all that are kept.
        lacking: bytes that must become free.
        wished: bytes that should, so that not every new picture must ask.
        worth: of the new picture.
        spare: the name of one that must stay.

    Returns:
        None where what may go is not enough; then nothing should.
    """
    going: list[Entry] = []
    freed = 0
    for entry in sorted((e for e in entries if e.worth <= worth and e.name != spare), key=lambda e: (e.worth, e.age)):
        if freed >= max(lacking, wished):
            break
        going.append(entry)
        freed += entry.size_bytes
    return going if freed >= lacking else None
