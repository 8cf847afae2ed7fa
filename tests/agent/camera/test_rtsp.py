"""A real RTSP server that vanishes, hangs and returns."""

from __future__ import annotations

import os
import random
import signal
import sys
import time
from collections.abc import Iterator

import pytest

from agent.camera.camera import Camera
from agent.camera.watch import Limits
from tests.conftest import free_port
from tests.fakes.cameras import made_at
from tests.fakes.programs import Program, Start
from tests.fakes.rtsp import require_rtsp_server, rtsp_command

pytestmark = pytest.mark.long
STALE_AFTER_S = 3.0


@pytest.fixture(params=["h264", "mjpeg"])
def codec(request: pytest.FixtureRequest) -> str:
    require_rtsp_server()
    return str(request.param)


@pytest.fixture
def port() -> int:
    return free_port()


@pytest.fixture
def camera(port: int) -> Iterator[Camera]:
    limits = Limits(silent_after_s=STALE_AFTER_S, frozen_after_s=None, first_pause_s=0.2, max_pause_s=1.0)
    made = Camera(f"rtsp://127.0.0.1:{port}/bin", 10, STALE_AFTER_S, random.Random(5), limits)  # noqa: S311 - jitter is no secret
    yield made
    made.close()


def _serve(start: Start, port: int, codec: str) -> Program:
    server = start(*rtsp_command(port, codec))
    assert server.line() == "ready\n", server.stderr
    return server


def _look(camera: Camera, after: int, seconds: float) -> tuple[int, float]:
    """Look for so long; every frame is truly new. Gives the last number and the greatest true age."""
    until, oldest_s = time.monotonic() + seconds, 0.0
    while time.monotonic() < until:
        shot = camera.newest(after, 0.2)
        if shot is not None:
            assert shot.number > after
            after = shot.number
            oldest_s = max(oldest_s, time.monotonic() - made_at(shot.frame))
            assert oldest_s < STALE_AFTER_S
    return after, oldest_s


def _shown(camera: Camera, after: int) -> int:
    shot = camera.newest(after, 60.0)
    assert shot is not None, camera.health()
    assert time.monotonic() - made_at(shot.frame) < STALE_AFTER_S
    return shot.number


def test_a_server_that_vanishes_hangs_and_returns_never_gives_a_stale_frame(start: Start, camera: Camera, port: int, codec: str) -> None:
    server = _serve(start, port, codec)
    last = _shown(camera, 0)
    ages = []
    for trouble in (
        "vanishes",
        "hangs for long",
        "hangs shortly",
        "camera stopped shortly",
        "camera stopped for long",
        "camera killed",
    ) * 2:
        if trouble == "vanishes":
            server.signal(signal.SIGKILL)
            last, _ = _look(camera, last, 3.0)
            assert camera.health().state == "lost"
            server = _serve(start, port, codec)
        elif trouble.startswith("hangs"):
            server.signal(signal.SIGSTOP)
            last, _ = _look(camera, last, 1.0 if "shortly" in trouble else STALE_AFTER_S + 2.0)
            server.signal(signal.SIGCONT)
        elif camera.pid is not None:
            os.kill(camera.pid, signal.SIGKILL if "killed" in trouble else signal.SIGSTOP)
            last, _ = _look(camera, last, STALE_AFTER_S + 2.0 if "long" in trouble else 1.5)
            if "shortly" in trouble and camera.pid is not None:
                os.kill(camera.pid, signal.SIGCONT)
        last = _shown(camera, last)
        last, oldest_s = _look(camera, last, 2.0)
        assert camera.health().state == "live"
        ages.append((trouble, round(oldest_s, 3)))
    print(f"{codec}: greatest true age of a shown frame, s: {ages}", file=sys.stderr)
