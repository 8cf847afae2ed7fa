"""Which model a station is to run, and how far it is with that; docs/fleet.md has the protocol."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AwareDatetime, ConfigDict, Field, TypeAdapter

from bintally.messages.base import Epoch, Message, ModelName, Share, read

Revision = Annotated[int, Field(ge=1, lt=10**15)]
UpdatePhase = Literal[
    "idle", "waiting", "downloading", "verified", "warming", "shadow", "probation", "active", "rolled_back", "failed", "rejected"
]
Seconds = Annotated[float, Field(ge=0, le=30 * 86_400, allow_inf_nan=False)]


class Limits(Message):
    """How much worse than the model before it a new one may be, before the station takes the old one back by itself."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    shadow_frames: int = Field(30, ge=0, le=100_000, description="frames at rest that both models answer before the switch")
    shadow_s: Seconds = Field(120.0, description="the switch comes no later than this after the first of them, however few there were")
    probation_s: Seconds = Field(900.0, description="counting for so long without fault makes it the active model")
    crashes: int = Field(1, ge=0, le=1000, description="starts of the agent without a clean end before; more are a fault")
    errors: int = Field(3, ge=0, le=1000, description="frames that could not be counted; more are a fault")
    slower: float = Field(2.0, ge=1, le=100, description="times the old model's median time a frame; more is a fault")
    unsure: Share = Field(0.10, description="share of counts without an answer above the old model's; more is a fault")
    disagreement: Share = Field(0.5, description="share of shadow frames with another answer; more is a fault")
    least_counts: int = Field(20, ge=1, le=100_000, description="counts before shares are judged")


class ModelDesired(Message):
    """What a station is to run: the payload of the JWS on ``model/desired``."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    revision: Revision = Field(description="only grows; an older one is not obeyed")
    station: str = Field(min_length=3, max_length=1201, description="the source of the station that is meant: site/station, as in topics")
    model: ModelName
    target: str = Field(min_length=1, max_length=400, description="the bundle's path in the repository")
    issued_at: AwareDatetime
    expires_at: AwareDatetime | None = Field(None, description="not to be begun with after")
    rollout: str | None = Field(None, max_length=100, description="which roll-out wants it")
    retry: bool = Field(False, description="try it even if this station rolled the same bundle back before")
    limits: Limits = Limits()


class Trial(Message):
    """How a new model does beside the one before it, in its shadow run and in its probation."""

    frames: int = Field(0, ge=0, description="shadow frames that both answered")
    disagreement: Share | None = Field(None, description="share of them with another answer")
    counted: int = Field(0, ge=0, description="counts in probation")
    unsure: Share | None = Field(None, description="share of them without an answer")
    unsure_before: Share | None = Field(None, description="the old model's share, over its last counts")
    frame_ms: float | None = Field(None, ge=0, description="median")
    frame_ms_before: float | None = Field(None, ge=0)
    errors: int = Field(0, ge=0)
    crashes: int = Field(0, ge=0)


class ModelReported(Message):
    """How far a station is, retained."""

    session: Epoch
    at: AwareDatetime
    revision: int = Field(ge=0, description="the newest one that was read; 0 before the first")
    phase: UpdatePhase
    model: ModelName | None = Field(description="what counts now; null while nothing does")
    wanted: ModelName | None = Field(None, description="what the revision asks for; null before the first")
    rollout: str | None = None
    reason: str | None = Field(None, max_length=1000, description="what it waits for, or why it failed, was rolled back or rejected")
    progress: Share | None = Field(None, description="of the download")
    trial: Trial | None = None
    device: str = Field(description="which bundles fit: the target that this station's counters are made for")
    agent: str = Field(description="version of the agent")


_DESIRED, _REPORTED = TypeAdapter(ModelDesired), TypeAdapter(ModelReported)


def parse_model_desired(payload: bytes) -> ModelDesired:
    """Read what a verified JWS holds.

    Raises:
        InputError: the payload is not one; says which field is wrong.
    """
    return read(_DESIRED, payload, "ModelDesired")


def parse_model_reported(payload: bytes) -> ModelReported:
    """Read how far a station is.

    Raises:
        InputError: the payload is not one.
    """
    return read(_REPORTED, payload, "ModelReported")
