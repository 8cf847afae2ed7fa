"""What a station says of itself, and what it is told: state, health, settings, expected quantities."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AwareDatetime, ConfigDict, Field, TypeAdapter

from bintally.messages.base import BinName, Epoch, Message, ModelName, Quantity, Share, read

Phase = Literal["starting", "counting", "no camera", "no counter", "disk full", "stopping"]
Seconds = Annotated[float, Field(ge=0, le=10**10, allow_inf_nan=False)]
Count = Annotated[int, Field(ge=0, lt=10**18)]
"""Bounded, as ``Seconds`` are: whoever adds up what stations say must not be stopped by what one of them says."""


class State(Message):
    """A station's retained state; the last will says ``lost`` with the session of the birth."""

    status: Literal["online", "stopped", "lost"]
    session: Epoch
    version: str
    model: ModelName | None = Field(description="null while the counter is not ready yet, and in a will that was written before")


class CameraHealth(Message):
    """How the camera does."""

    state: Literal["starting", "live", "lost", "ended"]
    reason: str | None = Field(None, description="why it is not live")
    frame_age_s: Seconds | None = Field(None, description="of the newest frame; null before the first")
    frames_per_s: Seconds = 0.0
    restarts: Count = 0


class Health(Message):
    """A station's health, retained, every few seconds; it expires, so that a station that falls silent has none."""

    session: Epoch
    at: AwareDatetime
    uptime_s: Seconds
    phase: Phase
    note: str | None = Field(None, description="what the station waits for, for people: the progress of a warm-up, for instance")
    camera: CameraHealth
    model: ModelName | None
    providers: list[str] = Field(description="ONNX Runtime's execution providers that count; empty while none does")
    counted: Count = Field(description="counts since the start")
    unsure: Count = Field(description="of them those without an answer")
    frame_ms: float | None = Field(None, ge=0, description="milliseconds for the last frame's resize, inference and decision")
    outbox_depth: Count
    outbox_oldest_s: Seconds | None = Field(None, description="how long the oldest event waits, in seconds of the agent's running time")
    evidence_bytes: Count = 0
    disk_free_bytes: Count
    temperature_c: float | None = None
    throttled: bool | None = Field(None, description="whether the device slows down to keep cool; null where it cannot be told")
    clock_synchronised: bool | None = Field(None, description="whether the kernel says that the clock is set; null where it cannot be told")


class Region(Message):
    """One bin's part of the view, in shares of the frame's width and height."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    bin: BinName | None = Field(None, description="the bin seen here; by default the station's, or the one whose label is read")
    left: Share = 0.0
    top: Share = 0.0
    right: Share = 1.0
    bottom: Share = 1.0


class RuntimeSettings(Message):
    """Settings that may change while an agent runs; null, or not given, means as the agent was started."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    heartbeat_s: float | None = Field(None, ge=1, le=604_800, description="seconds after which a bin at rest is counted again")
    settle_s: float | None = Field(None, ge=0.1, le=60, description="seconds without movement until a bin is at rest")
    frames: int | None = Field(None, ge=1, le=50, description="frames at rest that are fused into one count")
    abstain_below: float | None = Field(None, ge=0, le=1, description="probability below which an answer is unsure")
    evidence_share: float | None = Field(None, ge=0, le=1, description="share of ordinary counts whose frame is kept")
    regions: list[Region] | None = Field(None, min_length=1, max_length=64, description="the bins in the view")


class ConfigDesired(Message):
    """What a fleet manager wants of the settings, retained; replaces all of an older revision."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    revision: int = Field(ge=1, lt=10**15, description="only grows; an older one is not obeyed")
    settings: RuntimeSettings


class ConfigReported(Message):
    """What the station made of it, retained."""

    revision: int = Field(ge=0, description="the newest one seen; 0 before the first")
    status: Literal["applied", "rejected"]
    reason: str | None = None
    settings: dict[str, Any] = Field(description="the values in force now")


class Expected(Message):
    """The quantity that the books expect in a bin, retained on ``expected/{bin}``; an empty payload takes it back."""

    quantity: Quantity
    at: AwareDatetime | None = Field(None, description="when the books said so")


_STATE, _HEALTH, _DESIRED, _EXPECTED = TypeAdapter(State), TypeAdapter(Health), TypeAdapter(ConfigDesired), TypeAdapter(Expected)


def parse_state(payload: bytes) -> State:
    """Read a state.

    Raises:
        InputError: the payload is not one.
    """
    return read(_STATE, payload, "State")


def parse_health(payload: bytes) -> Health:
    """Read a health.

    Raises:
        InputError: the payload is not one.
    """
    return read(_HEALTH, payload, "Health")


def parse_config_desired(payload: bytes) -> ConfigDesired:
    """Read desired settings.

    Raises:
        InputError: the payload is not one; says which field is wrong.
    """
    return read(_DESIRED, payload, "ConfigDesired")


def parse_expected(payload: bytes) -> Expected:
    """Read an expected quantity.

    Raises:
        InputError: the payload is not one.
    """
    return read(_EXPECTED, payload, "Expected")
