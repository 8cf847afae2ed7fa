"""What must outlive a power cut: which bundles are here, which one counts, and how far the desired one is."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from bintally.errors import InputError
from bintally.messages.base import ModelName
from bintally.messages.model import ModelDesired, UpdatePhase
from bintally.updates import Digest

Slot = Literal["a", "b"]
RESTFUL: frozenset[UpdatePhase] = frozenset({"idle", "active", "rolled_back", "failed"})
"""Phases in which nothing is in hand; ``rejected`` is told beside them, and is none of the record's."""


class _Part(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)


class Refused(_Part):
    """A bundle that was tried here and is not taken again, unless a desire says ``retry``."""

    digest: Digest
    reason: str


class Rejected(_Part):
    """A desire of good signature that this station will not obey."""

    revision: int
    reason: str


class Record(_Part):
    """The content of ``update.json``.

    Attributes:
        a: the bundle in slot a: whole, synced, and of this digest; None for whatever may be in the file.
        b: the same of slot b.
        active: the slot that counts, and is gone back to; None for the bundle that was shipped.
        trial: the slot in probation, which counts instead of the active one; None outside of a probation.
        revision: the newest that was verified, whether it was obeyed or rejected; only grows.
        wanted: the newest desire that was obeyed; in hand, unless the phase is restful.
        phase: how far it is.
        reason: what it waits for, or why it ended so.
        rejected: the newest desire, where that was not obeyed.
        refused: every bundle that failed its trial here. As long as the list is, each entry cost a signed revision and a download.
        crashes: starts without a clean end before, since the desire in hand began its shadow run.
        running: whether the agent runs, or ended without saying so.
    """

    schema_number: Literal[1] = Field(1, alias="schema")
    a: ModelName | None = None
    b: ModelName | None = None
    active: Slot | None = None
    trial: Slot | None = None
    revision: int = Field(0, ge=0)
    wanted: ModelDesired | None = None
    phase: UpdatePhase = "idle"
    reason: str | None = None
    rejected: Rejected | None = None
    refused: tuple[Refused, ...] = ()
    crashes: int = Field(0, ge=0)
    running: bool = False

    def slot(self, slot: Slot) -> ModelName | None:
        """The bundle in a slot."""
        return self.a if slot == "a" else self.b

    def running_slot(self) -> Slot | None:
        """The slot that counts now; None for the shipped bundle."""
        return self.trial or self.active

    def refusal(self, digest: str) -> str | None:
        """Why a bundle is not taken again; None where it may be."""
        return next((entry.reason for entry in self.refused if entry.digest == digest), None)


def parse_record(content: bytes) -> Record:
    """Read ``update.json``.

    Raises:
        InputError: it is damaged, or of a later version of the agent; says which field is wrong.
    """
    try:
        record = Record.model_validate_json(content)
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(str(part) for part in first["loc"]) or "record"
        raise InputError(f"{field}: {first['msg']}") from error
    for name in ("active", "trial"):
        slot = getattr(record, name)
        if slot is not None and record.slot(slot) is None:
            raise InputError(f"{name}: slot {slot} is empty")
    if (record.trial is not None) != (record.phase == "probation") or (record.trial is not None and record.trial == record.active):
        raise InputError("trial: does not go with the phase and the active slot")
    if record.wanted is None and record.phase not in RESTFUL:
        raise InputError(f"phase: {record.phase} of nothing")
    return record
