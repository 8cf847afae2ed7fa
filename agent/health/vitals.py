"""Whether the agent is healthy, for ``/healthz`` (pure). An offline broker is not the agent's illness: it counts on without one."""

from __future__ import annotations

from typing import Any

from agent.health.health import frame_age_s
from agent.status import Snapshot

LOOP_LIMIT_S = 15.0
"""A loop that did not tick for so long hangs."""
CAMERA_LIMIT_S = 60.0
"""A camera may be restarted for so long."""


def healthy(snapshot: Snapshot, now: float, *, ticked_at: float, started_at: float) -> tuple[bool, dict[str, Any]]:
    """Judge a snapshot.

    Args:
        snapshot: of ``agent.status``.
        now: monotonic seconds.
        ticked_at: monotonic seconds of the main loop's last round.
        started_at: monotonic seconds of the agent's start.

    Returns:
        Whether the agent is healthy, and what ``/healthz`` answers: ``problems`` in words, and the figures behind them.
    """
    age_s = frame_age_s(snapshot, now)
    problems = []
    if now - ticked_at > LOOP_LIMIT_S:
        problems.append(f"the main loop hangs: its last round was {now - ticked_at:.0f} s ago")
    without_s = now - started_at if age_s is None else age_s
    if snapshot.camera.state in ("starting", "lost") and without_s > CAMERA_LIMIT_S:
        problems.append(f"no camera for {without_s:.0f} s" + (f": {snapshot.camera.reason}" if snapshot.camera.reason else ""))
    if snapshot.phase == "disk full":
        problems.append("the disk is full, so nothing is counted")
    return not problems, {
        "healthy": not problems,
        "problems": problems,
        "phase": snapshot.phase,
        "note": snapshot.note,
        "loop_age_s": round(max(0.0, now - ticked_at), 1),
        "frame_age_s": None if age_s is None else round(age_s, 1),
        "connected": snapshot.connected,
        "outbox_depth": snapshot.outbox_depth,
    }
