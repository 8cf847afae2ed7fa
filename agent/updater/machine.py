"""What each event makes of the record: no disk, clock, network or thread.

Whoever drives it saves the record that comes out before he acts on it, and asks the record, not his memory, what is to be done next. So a
start after a power cut takes the same way as a step in the middle of an update, and there is no other way to test.

Events cross: a shadow run may end just when another desire came. One that does not fit the phase, or is about another bundle, changes nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from agent.updater.record import RESTFUL, Record, Refused, Rejected, Slot
from bintally.messages.model import ModelDesired, UpdatePhase

MAX_REASON = 300


@dataclass(frozen=True)
class Started:
    """The agent starts; comes before any bundle is opened."""


@dataclass(frozen=True)
class Stopped:
    """The agent ends as it should."""


@dataclass(frozen=True)
class Desired:
    """A desire came whose signature, station and target were verified.

    Attributes:
        desire: what is wanted.
        shipped: digest of the bundle that was shipped, which counts where no slot does; None where that is unknown.
        unfit: why this station cannot run it, None where it can.
    """

    desire: ModelDesired
    shipped: str | None = None
    unfit: str | None = None


@dataclass(frozen=True)
class TakenBack:
    """Nobody desires anything any more."""


@dataclass(frozen=True)
class Held:
    """The download cannot begin or go on now."""

    reason: str


@dataclass(frozen=True)
class Begun:
    """The download may begin."""


@dataclass(frozen=True)
class Unfit:
    """The repository no longer has it for this station, or it was too late to begin."""

    reason: str


@dataclass(frozen=True)
class Fetched:
    """The whole bundle is here, but in no slot yet."""


@dataclass(frozen=True)
class Installed:
    """The whole bundle is in the free slot, and on the disk."""


@dataclass(frozen=True)
class Wrong:
    """The repository's file is not what its metadata say."""

    reason: str


@dataclass(frozen=True)
class Opening:
    """A child process begins to open it."""


@dataclass(frozen=True)
class Warmed:
    """It opened there, and answered as it must."""


@dataclass(frozen=True)
class Failed:
    """It did not pass its trial or its shadow run.

    Attributes:
        digest: of the bundle.
        reason: why.
        remember: whether it is the bundle's fault; a full disk is not.
    """

    digest: str
    reason: str
    remember: bool = True


@dataclass(frozen=True)
class Switched:
    """It counts from now on."""

    digest: str


@dataclass(frozen=True)
class Proven:
    """It kept the limits until the end of its probation."""

    digest: str


@dataclass(frozen=True)
class Worse:
    """It did not."""

    digest: str
    reason: str


@dataclass(frozen=True)
class Damaged:
    """What is in a slot's file is not what the record says."""

    slot: Slot


Event = (
    Started | Stopped | Desired | TakenBack | Held | Begun | Unfit | Fetched | Installed | Wrong | Opening | Warmed | Failed | Switched
    | Proven | Worse | Damaged
)  # fmt: skip


def advance(record: Record, event: Event) -> Record:
    """What a record becomes by an event; the same object where the event changes nothing."""
    phases, rule = _RULES[type(event)]
    about = getattr(event, "digest", None)
    if phases is not None and record.phase not in phases:
        return record
    if about is not None and (record.wanted is None or record.wanted.model.digest != about):
        return record
    changed: Record = rule(record, event)
    return record if changed == record else changed


def objection(record: Record, desire: ModelDesired) -> str | None:
    """Why a desire that is genuine is not listened to at all; None where it is. The same revision again is nothing new, and no fault."""
    if desire.revision < record.revision:
        return f"revision {desire.revision} is older than {record.revision}, which this station knows; give a larger one"
    return None


def free_slot(record: Record) -> Slot:
    """Where the bundle in hand goes, or is already: the slot that is not active."""
    if record.active is not None:
        return "b" if record.active == "a" else "a"
    wanted = record.wanted
    return "b" if wanted is not None and record.b == wanted.model else "a"


# Desires


def _desired(record: Record, event: Desired) -> Record:
    desire = event.desire
    if desire.revision <= record.revision:
        return record
    refusal = None if desire.retry else record.refusal(desire.model.digest)
    reason = event.unfit or (refusal and f"it was tried here before: {refusal}; a larger revision with retry tries it again")
    if reason:
        return _change(record, revision=desire.revision, rejected=Rejected(revision=desire.revision, reason=reason[:MAX_REASON]))
    return _obey(record, desire, event.shipped)


def _obey(record: Record, desire: ModelDesired, shipped: str | None) -> Record:
    in_hand = record.wanted if record.phase not in RESTFUL else None
    refused = tuple(entry for entry in record.refused if entry.digest != desire.model.digest)
    obeyed = {"revision": desire.revision, "wanted": desire, "rejected": None, "refused": refused}
    if in_hand is not None and in_hand.model == desire.model:
        return _change(record, **obeyed)  # it goes on, under the new limits
    before = record.slot(record.active) if record.active else None  # what counts once a trial is given up
    phase = "active" if desire.model.digest == (before.digest if before else shipped) else "waiting"
    return _change(_leave(record), phase=phase, reason=None, crashes=0, **obeyed)


def _taken_back(record: Record, _: TakenBack) -> Record:
    """What runs, runs on, and a probation to its end."""
    if record.phase == "probation" or record.phase in RESTFUL:
        return _change(record, rejected=None)
    return _change(_leave(record), phase="idle", reason="the desire was taken back", rejected=None)


def _leave(record: Record) -> Record:
    """Give up the trial in hand: a slot that is neither active nor on trial holds what once counted here, or nothing."""
    if record.phase not in ("verified", "warming", "shadow", "probation"):
        return record
    return _change(record, trial=None, **{record.trial or free_slot(record): None})


# Download


def _held(record: Record, event: Held) -> Record:
    return _change(record, phase="waiting", reason=event.reason[:MAX_REASON])


def _begun(record: Record, _: Begun) -> Record:
    """It was begun with in time: should its file be damaged later, it may be fetched again."""
    wanted = _wanted(record).model_copy(update={"expires_at": None})
    return _change(record, phase="downloading", reason=None, wanted=wanted)


def _unfit(record: Record, event: Unfit) -> Record:
    rejected = Rejected(revision=record.revision, reason=event.reason[:MAX_REASON])
    return _change(record, phase="idle", reason=None, rejected=rejected)


def _fetched(record: Record, _: Fetched) -> Record:
    """The slot's name goes before its content does."""
    return _change(record, **{free_slot(record): None})


def _installed(record: Record, _: Installed) -> Record:
    return _change(record, phase="verified", reason=None, **{free_slot(record): _wanted(record).model})


def _wrong(record: Record, event: Wrong) -> Record:
    return _change(record, phase="failed", reason=event.reason[:MAX_REASON])


# Trial


def _opening(record: Record, _: Opening) -> Record:
    return _change(record, phase="warming")


def _warmed(record: Record, _: Warmed) -> Record:
    return _change(record, phase="shadow")


def _failed(record: Record, event: Failed) -> Record:
    return _drop(record, "failed", event.reason, remember=event.remember)


def _switched(record: Record, _: Switched) -> Record:
    return _change(record, phase="probation", trial=free_slot(record))


def _proven(record: Record, _: Proven) -> Record:
    return _change(record, phase="active", active=record.trial, trial=None, crashes=0, reason=None)


def _worse(record: Record, event: Worse) -> Record:
    return _drop(record, "rolled_back", event.reason, remember=True)


def _drop(record: Record, phase: UpdatePhase, reason: str, *, remember: bool) -> Record:
    """Take the bundle in hand out of its slot, so that nothing falls back to it."""
    digest = _wanted(record).model.digest
    slot, reason = record.trial or free_slot(record), reason[:MAX_REASON]
    refused = (*record.refused, Refused(digest=digest, reason=reason)) if remember else record.refused
    return _change(record, phase=phase, reason=reason, trial=None, refused=refused, crashes=0, **{slot: None})


# Starts and damage


def _started(record: Record, _: Started) -> Record:
    """In a shadow run the new bundle is in the agent's own process, too: what ends that ends counting."""
    crashes = record.crashes + (record.running and record.phase in ("shadow", "probation"))
    record = _change(record, running=True, crashes=crashes)
    if record.phase in ("warming", "shadow", "probation") and crashes > _wanted(record).limits.crashes:
        reason = f"{crashes} starts of the agent without a clean end before"
        return _drop(record, "rolled_back" if record.phase == "probation" else "failed", reason, remember=True)
    return _change(record, phase="verified") if record.phase in ("warming", "shadow") else record


def _stopped(record: Record, _: Stopped) -> Record:
    return _change(record, running=False)


def _damaged(record: Record, event: Damaged) -> Record:
    """Nothing named counts from a slot any more; what is wanted is fetched again."""
    lost = record.slot(event.slot)
    other: Slot = "b" if event.slot == "a" else "a"
    if lost is None:
        return record
    changes: dict[str, Any] = {event.slot: None}
    if record.trial == event.slot:
        changes["trial"] = None
    if record.active == event.slot:
        changes["active"] = other if _proven_here(record, other) else None
    wanted = record.wanted
    if (
        wanted is not None
        and lost.digest == wanted.model.digest
        and record.phase in ("verified", "warming", "shadow", "probation", "active")
    ):
        changes |= {"phase": "waiting", "reason": "the bundle was damaged on the disk; it is fetched again"}
    return _change(record, **changes)


def _proven_here(record: Record, slot: Slot) -> bool:
    """Whether a slot holds what once counted here, and not what is still on trial."""
    on_trial = record.wanted is not None and record.phase not in RESTFUL and record.slot(slot) == record.wanted.model
    return record.slot(slot) is not None and not on_trial


def _wanted(record: Record) -> ModelDesired:
    if record.wanted is None:
        raise ValueError(f"phase {record.phase} without a desire")  # parse_record and the rules exclude it
    return record.wanted


def _change(record: Record, **fields: Any) -> Record:
    return record.model_copy(update=fields)


_RULES: dict[type, tuple[frozenset[UpdatePhase] | None, Callable[[Record, Any], Record]]] = {
    Started: (None, _started),
    Stopped: (None, _stopped),
    Damaged: (None, _damaged),
    Desired: (None, _desired),
    TakenBack: (None, _taken_back),
    Held: (frozenset({"waiting", "downloading"}), _held),
    Begun: (frozenset({"waiting"}), _begun),
    Unfit: (frozenset({"waiting", "downloading"}), _unfit),
    Fetched: (frozenset({"downloading"}), _fetched),
    Installed: (frozenset({"downloading"}), _installed),
    Wrong: (frozenset({"downloading"}), _wrong),
    Opening: (frozenset({"verified"}), _opening),
    Warmed: (frozenset({"warming"}), _warmed),
    Failed: (frozenset({"verified", "warming", "shadow"}), _failed),
    Switched: (frozenset({"shadow"}), _switched),
    Proven: (frozenset({"probation"}), _proven),
    Worse: (frozenset({"probation"}), _worse),
}
"""Event → the phases in which it means something (None: all), and what it does."""
