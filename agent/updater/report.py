"""How far a station is, in the words of ``model/reported``."""

from __future__ import annotations

from dataclasses import dataclass

from agent.updater.job import Job
from agent.updater.record import RESTFUL, Record
from bintally.messages.base import ModelName
from bintally.messages.model import Trial, UpdatePhase

_MAX_REASON = 1000
_STEPS = 20


@dataclass(frozen=True)
class Standing:
    """What a report says, but for its time and who tells it.

    Attributes:
        revision, phase, model, wanted, rollout, reason, progress, trial: as in ``ModelReported``.
    """

    revision: int
    phase: UpdatePhase
    model: ModelName | None
    wanted: ModelName | None
    rollout: str | None
    reason: str | None
    progress: float | None
    trial: Trial | None


def standing(record: Record, hearing: Job, work: Job, counts: ModelName | None, progress: float | None, trial: Trial | None) -> Standing:
    """Put together what is known.

    A desire that is not obeyed is told as a phase only while nothing is in hand: what goes on is more to the point.

    Args:
        record: the newest one.
        hearing: what is in the way of hearing a desire.
        work: what is in the way of doing it.
        counts: the model that counts.
        progress: share of the download that is here; told in twentieths, so that a report is not worth more than the download.
        trial: how the new model does.
    """
    wanted = record.wanted
    phase, reason = _phase(record, hearing, work)
    return Standing(
        revision=record.revision,
        phase=phase,
        model=counts,
        wanted=None if wanted is None else wanted.model,
        rollout=None if wanted is None else wanted.rollout,
        reason=reason[:_MAX_REASON] if reason else None,
        progress=int(progress * _STEPS) / _STEPS if progress is not None and phase == "downloading" else None,
        trial=trial if phase in ("shadow", "probation", "active", "rolled_back", "failed") else None,
    )


def _phase(record: Record, hearing: Job, work: Job) -> tuple[UpdatePhase, str | None]:
    rejected = None if record.rejected is None else f"revision {record.rejected.revision}: {record.rejected.reason}"
    if record.phase not in RESTFUL:
        return record.phase, "; ".join(filter(None, (record.reason, work.note, hearing.note, rejected))) or None
    if hearing.note is not None:
        return hearing.verdict, hearing.note
    if rejected is not None:
        return "rejected", rejected
    return record.phase, record.reason
