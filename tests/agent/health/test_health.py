"""Health messages: what they say, when they are due, and when the agent is ill."""

from __future__ import annotations

from datetime import datetime, timezone

import pytest

from agent.health.health import EVERY_S, EXPIRES_S, HealthTicker, make_health
from agent.health.sensors import Readings
from agent.health.vitals import CAMERA_LIMIT_S, LOOP_LIMIT_S, healthy
from agent.status import Snapshot
from bintally.messages import CameraHealth, Health, ModelName

AT = datetime(2026, 11, 21, 12, tzinfo=timezone.utc)
SESSION = "0" * 22
LIVE = CameraHealth(state="live", frames_per_s=9.9, restarts=2)
SNAPSHOT = Snapshot(
    phase="counting",
    camera=LIVE,
    grabbed_at=100.0,
    model=ModelName(name="grey", version="1.2.3", digest="ab"),
    providers=("CPUExecutionProvider",),
    counted=7,
    unsure=1,
    frame_ms=21.237,
    connected=True,
    outbox_depth=3,
    outbox_oldest_s=12.34,
)


def test_the_frames_age_is_that_of_the_moment_of_the_message() -> None:
    readings = Readings(5_000, 61.04, False, True, 200_000_000)
    health = make_health(SNAPSHOT, readings, SESSION, now=100.25, started_at=40.0, at=AT, evidence_bytes=9)
    assert health.camera == LIVE.model_copy(update={"frame_age_s": 0.25})
    assert (health.uptime_s, health.outbox_oldest_s, health.frame_ms) == (60.2, 12.3, 21.24)
    assert (health.disk_free_bytes, health.temperature_c, health.throttled, health.clock_synchronised) == (5_000, 61.0, False, True)
    assert (health.evidence_bytes, health.model, health.counted, health.unsure) == (9, SNAPSHOT.model, 7, 1)
    assert Health.model_validate_json(health.model_dump_json()) == health


def test_what_is_not_known_is_said_to_be_unknown() -> None:
    health = make_health(Snapshot(), Readings(0), SESSION, now=1.0, started_at=1.0, at=AT)
    assert (health.camera.frame_age_s, health.temperature_c, health.throttled, health.clock_synchronised) == (None,) * 4


def test_a_loop_that_was_held_up_sends_one_message_and_not_all_that_it_missed() -> None:
    ticker = HealthTicker()
    moments = [5.0, 5.1, 14.9, 15.0, 15.1, 500.0, 500.1, 509.9, 510.0]
    assert [moment for moment in moments if ticker.due(moment)] == [5.0, 15.0, 500.0, 510.0]


def test_a_health_message_outlives_two_lost_ones() -> None:
    assert EXPIRES_S == 3 * EVERY_S


@pytest.mark.parametrize(
    ("changed", "ticked_ago", "frame_ago", "word"),
    [
        ({}, 0.1, 0.1, None),
        ({"connected": False, "link_problem": "no connection", "outbox_depth": 90_000}, 0.1, 0.1, None),
        ({"camera": CameraHealth(state="lost")}, 0.1, CAMERA_LIMIT_S - 1, None),
        ({"camera": CameraHealth(state="lost", reason="unplugged")}, 0.1, CAMERA_LIMIT_S + 1, "unplugged"),
        ({"camera": CameraHealth(state="ended")}, 0.1, 5000.0, None),
        ({}, LOOP_LIMIT_S + 1, 0.1, "main loop"),
        ({"phase": "disk full"}, 0.1, 0.1, "disk is full"),
        ({"phase": "no counter"}, 0.1, 0.1, None),
    ],
)
def test_what_makes_the_agent_ill(changed: dict[str, object], ticked_ago: float, frame_ago: float, word: str | None) -> None:
    now = 10_000.0
    snapshot = Snapshot(**{**vars(SNAPSHOT), "grabbed_at": now - frame_ago, **changed})
    well, answer = healthy(snapshot, now, ticked_at=now - ticked_ago, started_at=0.0)
    assert well is (word is None)
    assert answer["healthy"] is well
    assert word is None or word in " ".join(answer["problems"])


def test_a_camera_that_never_came_is_missed_after_a_while() -> None:
    assert healthy(Snapshot(), 30.0, ticked_at=30.0, started_at=0.0)[0]
    assert not healthy(Snapshot(), 61.0, ticked_at=61.0, started_at=0.0)[0]
