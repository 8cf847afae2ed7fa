"""Views of stations, made up."""

from __future__ import annotations

from datetime import datetime, timezone

from bintally.messages.base import ModelName
from bintally.messages.model import ModelReported
from bintally.messages.station import CameraHealth, Health, State
from deploy.fleet.rollout.view import StationView, Tally
from tests.deploy.fleet.rollout.world import NEW, OLD, START

TIME = datetime.fromtimestamp(START, timezone.utc)


def session(number: int = 1) -> str:
    return f"{number:022x}"


def state(status: str = "online", number: int = 1) -> State:
    return State.model_validate({"status": status, "session": session(number), "version": "0.1.0", "model": None})


def health(number: int = 1, model: ModelName = OLD, counted: int = 0, unsure: int = 0, uptime_s: float = 0.0) -> Health:
    return Health(
        session=session(number),
        at=TIME,
        uptime_s=uptime_s,
        phase="counting",
        camera=CameraHealth(state="live"),
        model=model,
        providers=[],
        counted=counted,
        unsure=unsure,
        outbox_depth=0,
        disk_free_bytes=1,
    )


def reported(revision: int = 0, phase: str = "idle", model: ModelName = OLD, device: str = "cpu") -> ModelReported:
    return ModelReported.model_validate(
        {"session": session(), "at": TIME, "revision": revision, "phase": phase, "model": model, "device": device, "agent": "0.1.0"}
    )


def view(
    source: str,
    status: str = "online",
    revision: int = 0,
    phase: str | None = "idle",
    model: ModelName = OLD,
    *,
    device: str = "cpu",
    seen_at: float = START,
    status_at: float = START,
    phase_at: float = START,
    total: Tally | None = None,
    trial: Tally | None = None,
) -> StationView:
    """A station that runs OLD and says so."""
    return StationView(
        source=source,
        state=state(status),
        reported=None if phase is None else reported(revision, phase, model, device),
        seen_at=seen_at,
        status_at=status_at,
        phase_at=phase_at,
        total=total or Tally(),
        trial=trial or Tally(),
        digest=model.digest,
    )


def new(source: str, phase: str = "active", **values: object) -> StationView:
    """A station that runs NEW by revision 1."""
    return view(source, revision=1, phase=phase, model=NEW, **values)  # type: ignore[arg-type]  # passed on
