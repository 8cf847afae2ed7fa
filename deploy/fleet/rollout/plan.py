"""A roll-out: what is wanted, and how far it is. Values only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Literal

from pydantic import ConfigDict, Field, field_validator

from bintally.messages.base import Message, ModelName, Share
from bintally.messages.model import Limits
from deploy.fleet.rollout.view import Tally

Status = Literal["running", "paused", "returning", "done", "halted", "aborted"]
"""``returning``: what was given is being taken back; it then ends as ``halted`` or ``aborted``."""
OPEN: tuple[Status, ...] = ("running", "paused", "returning")
Seconds = Annotated[float, Field(ge=0, le=90 * 86_400, allow_inf_nan=False)]
AT_ONCE = Limits(
    shadow_frames=0, shadow_s=0, probation_s=0, crashes=1000, errors=1000, slower=100, unsure=1, disagreement=1, least_counts=100_000
)
"""For the way back: the old model has shown what it is worth, and must not be measured by the bad one that runs now."""


class Target(Message):
    """A bundle in the repository.

    Attributes:
        path: ``{model}/{version}-{device}.onnx``.
        model: what it holds.
    """

    path: str
    model: ModelName


class Plan(Message):
    """What somebody asked for.

    Attributes:
        name, version: of the model.
        targets: device kind → the bundle for it.
        ways_back: digest → path of the bundles that ran before and are in the repository.
        sites: only theirs; none: all sites.
        labels: only stations that have all of these.
        shares: of the selected stations, cohort by cohort, growing; the last is 1.
        least: stations that a cohort has at least, if there are so many.
        soak_s: how long a cohort that is active is watched.
        answer_s: how long a station that is online may take to notice its desire.
        success: share of a cohort's stations that must be active.
        errors: share that may fail.
        crashes: that a station may have an hour; more are looked at.
        unsure: by how much the share of counts without an answer may be above the rest of the fleet's.
        least_counts: of a station, before its share is looked at; 0: counts are not waited for.
        limits: for each station's own judgement.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    version: str
    targets: dict[str, Target]
    ways_back: dict[str, str] = Field(default_factory=dict)
    sites: tuple[str, ...] = ()
    labels: dict[str, str] = Field(default_factory=dict)
    shares: tuple[Share, ...] = (0.01, 0.1, 0.5, 1.0)
    least: int = Field(10, ge=1)
    soak_s: Seconds = 1800.0
    answer_s: Seconds = 3600.0
    success: Annotated[float, Field(gt=0, le=1)] = 0.95
    errors: Share = 0.02
    crashes: float = Field(0.2, gt=0, le=3600)
    unsure: Share = 0.01
    least_counts: int = Field(20, ge=0)
    limits: Limits = Limits()

    @field_validator("shares")
    @classmethod
    def _grow(cls, shares: tuple[float, ...]) -> tuple[float, ...]:
        if not shares or shares[-1] != 1 or any(a >= b for a, b in zip((0.0, *shares), shares, strict=False)):
            raise ValueError("must grow, and end with 100 %")
        return shares


@dataclass(frozen=True)
class Given:
    """The newest desire that a roll-out gave to a station.

    Attributes:
        source: of the station.
        revision: of the desire.
        cohort: its number, from 0.
        digest: of the bundle that the roll-out wants there; None: the desire was taken back, and nothing instead is in the repository.
        before: what it had.
        is_back: whether this desire is the way back.
        published_at: when the broker had it, Unix seconds; None until then.
        is_superseded: whether somebody gave the station another desire since: it is no longer this roll-out's.
    """

    source: str
    revision: int
    cohort: int
    digest: str | None
    before: Target | None = None
    is_back: bool = False
    published_at: float | None = None
    is_superseded: bool = False


@dataclass(frozen=True)
class Cohort:
    """A part of the roll-out.

    Attributes:
        number: from 0.
        size: how many stations are to have the new model then, all cohorts together; None: all that are selected.
        began_at: Unix seconds.
        base: source → the station's ``total`` at that time.
    """

    number: int
    size: int | None
    began_at: float
    base: Mapping[str, Tally] = field(repr=False)


@dataclass(frozen=True)
class Rollout:
    """A roll-out as the database has it.

    Attributes:
        id: short, for people.
        plan: what was asked for.
        status: where it stands.
        outcome: how it ends when it is ``returning``.
        why: the last verdict, for people.
        cohort: the newest; None before the first.
        given: source → what it gave.
        began_at: Unix seconds.
        who: began it.
    """

    id: str
    plan: Plan
    status: Status
    outcome: Status | None = None
    why: str = ""
    cohort: Cohort | None = None
    given: Mapping[str, Given] = field(default_factory=dict)
    began_at: float = 0.0
    who: str = ""
