"""What the record asks of the main loop (pure): which bundle counts, which one did before, and which one is tried."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from agent.updater.machine import free_slot
from agent.updater.record import Record, Slot
from bintally.messages.base import ModelName
from bintally.messages.model import Limits


@dataclass(frozen=True)
class Place:
    """Where a bundle is.

    Attributes:
        path: its file.
        digest: of that; None for whatever it holds.
        slot: None for the bundle that was shipped.
    """

    path: Path
    digest: str | None = None
    slot: Slot | None = None


@dataclass(frozen=True)
class Candidate:
    """A bundle whose shadow run or probation is due or under way.

    Attributes:
        place: its file.
        model: what messages call it.
        limits: for its shadow run and its probation.
        revision: of the desire.
        probation: whether it counts already.
        crashes: of the agent, since its shadow run began.
    """

    place: Place
    model: ModelName
    limits: Limits
    revision: int
    probation: bool
    crashes: int


@dataclass(frozen=True)
class Plan:
    """Who counts.

    Attributes:
        counts: the bundle that counts the next frame.
        before: the one that counts again where a probation ends badly; outside of one the same as ``counts``.
        candidate: the one that is tried; None where none is.
    """

    counts: Place
    before: Place
    candidate: Candidate | None = None


def plan_for(record: Record, shipped: Place, path: Callable[[Slot], Path]) -> Plan:
    """Read a record.

    Args:
        record: the newest one.
        shipped: what counts where no slot does.
        path: of a slot's file.
    """

    def place(slot: Slot | None) -> Place:
        model = record.slot(slot) if slot is not None else None
        return shipped if slot is None or model is None else Place(path(slot), model.digest, slot)

    wanted, candidate = record.wanted, None
    if wanted is not None and record.phase in ("shadow", "probation"):
        slot = record.trial or free_slot(record)
        tried = Place(path(slot), wanted.model.digest, slot)
        candidate = Candidate(tried, wanted.model, wanted.limits, wanted.revision, record.phase == "probation", record.crashes)
    return Plan(place(record.running_slot()), place(record.active), candidate)
