"""The health message: made from the snapshot and the sensors (pure), every ten seconds."""

from __future__ import annotations

import math
from datetime import datetime

from agent.health.sensors import Readings
from agent.status import Snapshot
from bintally.messages import Health

EVERY_S = 10.0
EXPIRES_S = 3 * EVERY_S
"""A retained health message that is older says nothing about the station any more."""


def make_health(
    snapshot: Snapshot, readings: Readings, session: str, *, now: float, started_at: float, at: datetime, evidence_bytes: int = 0
) -> Health:
    """Put together what the station says of its health.

    Args:
        snapshot: of ``agent.status``.
        readings: of the sensors.
        session: the outbox's epoch.
        now: monotonic seconds.
        started_at: monotonic seconds of the agent's start.
        at: time of day.
        evidence_bytes: space that kept frames take.
    """
    return Health(
        session=session,
        at=at,
        uptime_s=round(max(0.0, now - started_at), 1),
        phase=snapshot.phase,
        note=snapshot.note,
        camera=snapshot.camera.model_copy(update={"frame_age_s": _rounded(frame_age_s(snapshot, now), 2)}),
        model=snapshot.model,
        providers=list(snapshot.providers),
        counted=snapshot.counted,
        unsure=snapshot.unsure,
        frame_ms=_rounded(snapshot.frame_ms, 2),
        outbox_depth=snapshot.outbox_depth,
        outbox_oldest_s=_rounded(snapshot.outbox_oldest_s, 1),
        evidence_bytes=evidence_bytes,
        disk_free_bytes=readings.disk_free_bytes,
        temperature_c=_rounded(readings.temperature_c, 1),
        throttled=readings.throttled,
        clock_synchronised=readings.clock_synchronised,
    )


def frame_age_s(snapshot: Snapshot, now: float) -> float | None:
    """How old the newest frame is at ``now``; None before the first."""
    return None if snapshot.grabbed_at is None else max(0.0, now - snapshot.grabbed_at)


class HealthTicker:
    """Tells the loop when the next health message is due."""

    def __init__(self, every_s: float = EVERY_S) -> None:
        self._every_s, self._next = every_s, -math.inf

    def due(self, now: float) -> bool:
        """Whether it is; then the next one is due ``every_s`` after ``now``, so that a loop that was held up sends one, not many."""
        if now < self._next:
            return False
        self._next = now + self._every_s
        return True


def _rounded(value: float | None, digits: int) -> float | None:
    return None if value is None else round(value, digits)
