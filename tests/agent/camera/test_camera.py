"""A camera that hangs, dies, freezes, goes dark, vanishes: what is shown is always live."""

from __future__ import annotations

import os
import random
import signal
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from agent.camera.camera import Camera
from agent.camera.shot import Shot
from agent.camera.watch import Limits
from bintally.errors import InputError, UnavailableError
from tests.fakes.cameras import HttpCamera, grey, made_at, noise, timed, write_video
from tests.fakes.programs import PATIENCE_S, Start, survivors, wait_until

STALE_AFTER_S = 1.5
QUICK = Limits(silent_after_s=STALE_AFTER_S, frozen_after_s=None, dark_after_s=None, first_pause_s=0.05, max_pause_s=0.5)
Open = Callable[..., Camera]


@pytest.fixture
def server() -> Iterator[HttpCamera]:
    """A live camera whose pictures hold the time they were made."""
    camera = HttpCamera(timed)
    yield camera
    camera.close()


@pytest.fixture
def open_camera() -> Iterator[Open]:
    cameras = []

    def make(source: str, limits: Limits | None = QUICK, frames_per_s: float = 25.0) -> Camera:
        rng = random.Random(5)  # noqa: S311 - jitter is no secret
        cameras.append(Camera(source, frames_per_s, STALE_AFTER_S, rng, limits))
        cameras[-1].start()
        return cameras[-1]

    yield make
    for camera in cameras:
        camera.close()


def _next(camera: Camera, after: int, patience_s: float = PATIENCE_S) -> Shot:
    """The next frame, which must be one."""
    shot = camera.newest(after, patience_s)
    assert shot is not None, camera.health()
    assert shot.number > after
    return shot


def _watch_for(camera: Camera, after: int, frames: int) -> int:
    """Look at some frames: all are as new as they say. Gives the last one's number."""
    for _ in range(frames):
        shot = _next(camera, after)
        assert shot.grabbed_at - made_at(shot.frame) < 0.6
        assert time.monotonic() - made_at(shot.frame) < STALE_AFTER_S + 1.0
        after = shot.number
    return after


def _until(camera: Camera, state: str) -> None:
    wait_until(lambda: camera.newest(10**9, 0.05) is None and camera.health().state == state, f"the camera is {state}")


def test_frames_of_a_live_camera_are_live_and_know_when_they_were_taken(server: HttpCamera, open_camera: Open) -> None:
    camera = open_camera(server.url)
    assert camera.health().state == "starting"
    shot = _next(camera, 0)
    assert shot.frame.shape == (64, 256, 3)
    assert abs(shot.taken_at.timestamp() - time.time() - (shot.grabbed_at - time.monotonic())) < 0.1
    last = _watch_for(camera, shot.number, 20)
    health = camera.health()
    assert (health.state, health.reason, health.restarts) == ("live", None, 0)
    assert health.frames_per_s > 1
    assert health.frame_age_s is not None
    assert camera.newest(last + 1000, 0.1) is None
    assert not camera.ended


def test_a_killed_process_is_started_again_and_numbers_go_on(server: HttpCamera, open_camera: Open) -> None:
    camera = open_camera(server.url)
    last = 0
    for restarts in range(1, 3):
        last = _watch_for(camera, last, 3)
        assert camera.pid is not None
        os.kill(camera.pid, signal.SIGKILL)
        last = _watch_for(camera, last + 3, 3)
        assert camera.health().restarts >= restarts


def test_a_process_that_cannot_be_started_is_a_lost_camera(server: HttpCamera, open_camera: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    files = len(list(Path("/proc/self/fd").iterdir()))
    with monkeypatch.context() as changed:
        changed.setattr(sys, "executable", "/nowhere/python")
        camera = open_camera(server.url)
        assert camera.newest(0, 0.3) is None
        assert camera.health().state == "lost"
        assert "cannot be started" in (camera.health().reason or "")
        assert len(list(Path("/proc/self/fd").iterdir())) == files
    assert _next(camera, 0).number == 1


def test_a_stopped_process_is_killed_and_no_old_frame_is_shown(server: HttpCamera, open_camera: Open) -> None:
    camera = open_camera(server.url)
    last = _watch_for(camera, 0, 3)
    stopped = camera.pid
    assert stopped is not None
    os.kill(stopped, signal.SIGSTOP)
    stopped_at = time.monotonic()
    while (shot := camera.newest(last, 0.2)) is not None or camera.pid == stopped:
        if shot is not None:
            last = shot.number
            assert made_at(shot.frame) <= stopped_at
        assert time.monotonic() - stopped_at < PATIENCE_S
    assert "no new frame" in str(camera.health().reason)
    shot = _next(camera, last)
    assert made_at(shot.frame) > stopped_at
    assert not Path(f"/proc/{stopped}").exists()


def test_frames_that_waited_while_the_process_was_stopped_are_not_shown(server: HttpCamera, open_camera: Open) -> None:
    camera = open_camera(server.url)
    last = _watch_for(camera, 0, 10)
    assert camera.pid is not None
    os.kill(camera.pid, signal.SIGSTOP)
    time.sleep(1.0)
    os.kill(camera.pid, signal.SIGCONT)
    _watch_for(camera, last, 10)


def test_a_frame_that_nobody_looked_at_in_time_is_not_shown(server: HttpCamera, open_camera: Open) -> None:
    camera = open_camera(server.url, Limits(silent_after_s=600.0))
    last = _watch_for(camera, 0, 2)
    server.speaks = False
    time.sleep(STALE_AFTER_S + 0.3)
    assert camera.newest(last, 0.1) is None
    assert camera.newest(0, 0.1) is None


@pytest.mark.parametrize("silence", ["hangs", "vanishes"])
def test_a_camera_that_falls_silent_is_lost_and_found_again(server: HttpCamera, open_camera: Open, silence: str) -> None:
    camera = open_camera(server.url)
    last = _watch_for(camera, 0, 3)
    if silence == "hangs":
        server.speaks = False
    else:
        server.vanish()
    _until(camera, "lost")
    assert camera.health().reason is not None
    if silence == "hangs":
        server.speaks = True
    else:
        server.appear()
    _watch_for(camera, last, 3)
    assert camera.health().state == "live"
    assert camera.health().reason is None


def test_a_frozen_picture_is_not_shown_after_the_restart(server: HttpCamera, open_camera: Open) -> None:
    camera = open_camera(server.url, Limits(frozen_after_s=1.0, dark_after_s=None, first_pause_s=0.05, max_pause_s=0.2))
    last = _watch_for(camera, 0, 2)
    still = grey(99, 64, 256)
    server.picture = lambda _: still
    _until(camera, "lost")
    assert "the very same picture" in str(camera.health().reason)
    restarts = camera.health().restarts
    wait_until(lambda: camera.newest(last, 0.05) is None and camera.health().restarts > restarts, "it was restarted")
    assert camera.newest(0, 1.0) is None
    server.picture = timed
    last = _watch_for(camera, last, 2)


def test_a_black_picture_is_shown_and_its_camera_restarted(server: HttpCamera, open_camera: Open) -> None:
    camera = open_camera(server.url, Limits(frozen_after_s=0.1, dark_after_s=1.0, first_pause_s=0.05))
    server.picture = lambda _: grey(0)
    assert _next(camera, 0).frame.max() <= 4
    wait_until(lambda: camera.newest(0, 0.05) is not None and camera.health().restarts > 0, "it was restarted")


def test_a_camera_that_comes_back_with_another_resolution_is_followed(server: HttpCamera, open_camera: Open) -> None:
    camera = open_camera(server.url)
    shot = _next(camera, 0)
    assert shot.frame.shape == (64, 256, 3)
    server.vanish()
    _until(camera, "lost")
    server.picture = lambda number: timed(number, 240, 320)
    server.appear()
    assert _next(camera, shot.number).frame.shape == (240, 320, 3)


def test_a_recording_plays_at_its_pace_and_ends_with_its_last_frame(tmp_path: Path, open_camera: Open) -> None:
    video = write_video(tmp_path / "bin.avi", [grey(value) for value in range(10, 210, 10)], frames_per_s=20)
    camera = open_camera(str(video), None)
    shots: list[Shot] = []
    while not camera.ended:
        shot = camera.newest(shots[-1].number if shots else 0, 5.0)
        if shot is not None:
            shots.append(shot)
    assert [round(float(shot.frame.mean()), -1) for shot in shots] == [10 * shot.number for shot in shots]
    assert shots[-1].number == 20
    assert {shot.file for shot in shots} == {"bin.avi"}
    assert shots[-1].grabbed_at - shots[0].grabbed_at >= (shots[-1].number - shots[0].number) / 20 - 0.03
    assert camera.health().state == "ended"
    assert camera.health().reason is None
    assert camera.newest(0, 100.0) is not None or camera.newest(20, 100.0) is None


def test_a_recording_whose_process_is_killed_goes_on_where_it_was(tmp_path: Path, open_camera: Open) -> None:
    video = write_video(tmp_path / "bin.avi", [grey(value) for value in range(10, 210, 10)], frames_per_s=10)
    camera = open_camera(str(video))
    numbers = [_next(camera, 0).number]
    assert camera.pid is not None
    os.kill(camera.pid, signal.SIGKILL)
    while not camera.ended:
        shot = camera.newest(numbers[-1], 5.0)
        if shot is not None:
            assert round(float(shot.frame.mean()), -1) == 10 * shot.number
            numbers.append(shot.number)
    assert numbers == sorted(set(numbers))
    assert numbers[-1] == 20
    assert camera.health().restarts == 1


def test_a_static_recording_is_no_hanging_camera(tmp_path: Path) -> None:
    limits = Camera(str(tmp_path / "bin.avi"), 10, 3.0)._limits()
    assert (limits.frozen_after_s, limits.dark_after_s) == (None, None)
    assert Camera("0", 10, 3.0)._limits().frozen_after_s == 5.0


def test_a_damaged_recording_says_so_and_ends(tmp_path: Path, open_camera: Open) -> None:
    video = tmp_path / "bin.avi"
    video.write_bytes(b"no video")
    camera = open_camera(str(video))
    with pytest.raises(InputError, match=r"bin\.avi: not a video that OpenCV can read"):
        camera.check()
    assert camera.ended


def test_a_camera_that_is_not_there_says_so_at_once_and_is_found_when_it_comes(server: HttpCamera, open_camera: Open) -> None:
    server.vanish()
    camera = open_camera(server.url.replace("//", "//user:secret@"))
    with pytest.raises(UnavailableError, match=r"camera http://127.*: cannot be opened; check the cable, the address") as told:
        camera.check()
    assert "secret" not in str(told.value)
    assert "\n" not in str(told.value)
    server.appear()
    _watch_for(camera, 0, 1)


def test_a_recording_is_no_live_camera_even_behind_a_url(tmp_path: Path, open_camera: Open) -> None:
    video = write_video(tmp_path / "bin.avi", [noise(number) for number in range(200)], frames_per_s=25)
    camera = open_camera(f"file://{video}")
    assert camera.newest(0, 2.0) is None
    assert camera.health().state == "lost"


_OWNER = """
import sys
from agent.camera.camera import Camera
from bintally.logs import log_to_stderr
log_to_stderr()
camera = Camera(sys.argv[1], 25, 1.5)
camera.start()
last = 0
while True:
    shot = camera.newest(last, 0.2)
    if shot is not None:
        last = shot.number
        print(camera.pid, flush=True)
"""


@pytest.mark.parametrize("stopped", [False, True])
def test_the_process_does_not_survive_an_agent_that_is_killed(server: HttpCamera, start: Start, stopped: bool) -> None:
    token = f"camera-test-{random.getrandbits(64):x}"
    owner = start(sys.executable, "-c", _OWNER, server.url, env={"CAMERA_TEST": token})
    child = int(owner.line())
    assert set(survivors(token)) == {owner.pid, child}
    if stopped:
        os.kill(child, signal.SIGSTOP)
    owner.signal(signal.SIGKILL)
    wait_until(lambda: not survivors(token), "all processes are gone")


def test_an_interrupt_from_the_terminal_does_not_reach_the_process(server: HttpCamera, open_camera: Open) -> None:
    camera = open_camera(server.url)
    _watch_for(camera, 0, 1)
    assert camera.pid is not None
    os.kill(camera.pid, signal.SIGINT)
    os.kill(camera.pid, signal.SIGTERM)
    _watch_for(camera, 2, 5)
    assert camera.health().restarts == 0
    assert os.getpgid(camera.pid) != os.getpgid(0)


def test_closing_ends_the_process_and_frees_everything(server: HttpCamera, open_camera: Open) -> None:
    before = len(list(Path("/proc/self/fd").iterdir()))
    camera = open_camera(server.url)
    _watch_for(camera, 0, 1)
    pid = camera.pid
    camera.close()
    assert not Path(f"/proc/{pid}").exists()
    wait_until(lambda: not server.watched, "the server noticed")
    assert len(list(Path("/proc/self/fd").iterdir())) <= before
