"""Cameras that are missing, taken, protected or black."""

from __future__ import annotations

import os
import re
import socket
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import cv2
import numpy as np
import pytest

from agent.doctor.camera import check_address, check_camera, check_device, judge, probe
from agent.settings import AgentSettings
from bintally.errors import UnavailableError
from tests.conftest import free_port
from tests.fakes.bundle import write_grey_images
from tests.fakes.cameras import HttpCamera
from tests.fakes.programs import Start


def video(path: Path, brightness: int) -> Path:
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), 10, (64, 48))
    for _ in range(12):
        writer.write(np.full((48, 64, 3), brightness, np.uint8))
    writer.release()
    return path


@contextmanager
def rtsp_server(answer: str) -> Iterator[tuple[int, list[str]]]:
    """A server that gives one answer; yields its port, and what it was asked."""
    asked: list[str] = []
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve() -> None:
            connection, _ = listening.accept()
            with connection:
                asked.append(connection.recv(4096).decode())
                connection.sendall(f"{answer}\r\nCSeq: 1\r\n\r\n".encode())

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield listening.getsockname()[1], asked
        thread.join(5)


def test_a_recording_is_opened_in_another_process_and_its_size_and_rate_are_told(tmp_path: Path) -> None:
    path = video(tmp_path / "v.avi", 120)
    finding = check_camera(AgentSettings(source=str(path)))
    assert (finding.status, finding.text) == ("ok", f"{path}: 64×48, 10 frames a second")


def test_a_lens_cap_is_noticed(tmp_path: Path) -> None:
    finding = check_camera(AgentSettings(source=str(video(tmp_path / "v.avi", 0))))
    assert (finding.status, "black" in finding.text) == ("warning", True)


def test_a_live_camera_is_watched_for_a_moment() -> None:
    camera = HttpCamera(frames_per_s=20.0)
    finding = judge(camera.url, probe(camera.url, 60.0))
    camera.close()
    assert finding.status == "ok"
    assert re.fullmatch(rf"{camera.url}: 64×48, [\d.]+ frames a second", finding.text)


def test_a_camera_that_falls_silent_gives_no_picture() -> None:
    finding = judge("0", {"frames_per_s": 0.0})
    assert (finding.status, bool(finding.advice)) == ("failed", True)


def test_a_camera_that_hangs_is_given_up() -> None:
    camera = HttpCamera()
    camera.speaks = False
    with pytest.raises(UnavailableError, match="hangs: no picture within 1 s; unplug it"):
        probe(camera.url, 1.0)
    camera.close()


def test_a_file_that_is_no_video_fails_with_advice(tmp_path: Path) -> None:
    (tmp_path / "v.mp4").write_bytes(b"nothing" * 100)
    finding = judge("v.mp4", probe(str(tmp_path / "v.mp4")))
    assert (finding.status, bool(finding.advice)) == ("failed", True)


@pytest.mark.parametrize("name", ["gone.mp4", "gone/"])
def test_a_source_that_is_not_there_is_told(name: str, tmp_path: Path) -> None:
    with pytest.raises(UnavailableError, match="no such file or folder"):
        check_camera(AgentSettings(source=str(tmp_path / name)))


def test_a_folder_is_a_camera_too(tmp_path: Path) -> None:
    write_grey_images(tmp_path / "frames", [1, 2])
    assert check_camera(AgentSettings(source=str(tmp_path / "frames"))).text == "2 images in a folder, the first 64×48"
    (tmp_path / "frames" / "bin-001.jpg").write_bytes(b"\xff\xd8cut")
    assert check_camera(AgentSettings(source=str(tmp_path / "frames"))).status == "warning"
    (tmp_path / "empty").mkdir()
    with pytest.raises(UnavailableError, match="no image"):
        check_camera(AgentSettings(source=str(tmp_path / "empty")))


def test_a_missing_camera_names_those_that_are_there(tmp_path: Path) -> None:
    with pytest.raises(UnavailableError, match="video2 is not here, there is no camera at all"):
        check_device("2", tmp_path)
    for name in ("video0", "video4", "video-codec"):
        (tmp_path / name).touch()
    with pytest.raises(UnavailableError, match="video2 is not here, there are 0, 4; "):
        check_device("2", tmp_path)


def test_a_camera_that_another_program_has_is_not_tried(tmp_path: Path, start: Start) -> None:
    device = tmp_path / "video0"
    device.touch()
    assert check_device("0", tmp_path) is None
    other = start(sys.executable, "-c", f"f = open({str(device)!r}); print('has it', flush=True); input()")
    assert other.line() == "has it\n"
    with pytest.raises(UnavailableError, match=f"in use by process {other.pid} .*; stop that program"):
        check_device("0", tmp_path)


def test_the_running_agents_own_camera_is_no_fault(tmp_path: Path, start: Start) -> None:
    device = tmp_path / "video0"
    device.touch()
    agent = start(sys.executable, "-c", f"f = open({str(device)!r}); print('has it', flush=True); input()", "agent.camera.process")
    agent.line()
    finding = check_device("0", tmp_path)
    assert finding is not None
    assert (finding.status, str(agent.pid) in finding.text) == ("ok", True)


def test_a_host_that_refuses_and_a_name_that_nobody_knows_are_told_apart() -> None:
    with pytest.raises(UnavailableError, match="Connection refused; check that the camera is on"):
        check_address(f"rtsp://127.0.0.1:{free_port()}/a")
    with pytest.raises(UnavailableError, match=r"camera.invalid cannot be resolved .*DNS"):
        check_address("rtsp://camera.invalid/a")
    with pytest.raises(UnavailableError, match="the port is wrong"):
        check_address("rtsp://127.0.0.1:99999/a")


@pytest.mark.parametrize(
    ("answer", "user", "word"),
    [
        ("RTSP/1.0 401 Unauthorized", "", "asks for a password"),
        ("RTSP/1.0 401 Unauthorized", "me:secret@", None),
        ("RTSP/1.0 404 Not Found", "me:secret@", "no stream of this name"),
        ("RTSP/1.0 200 OK", "", None),
        ("HTTP/1.1 400 Bad Request", "", None),
    ],
)
def test_an_rtsp_server_is_asked_for_the_stream_and_the_password_is_not_sent_in_the_clear(answer: str, user: str, word: str | None) -> None:
    with rtsp_server(answer) as (port, asked):
        url = f"rtsp://{user}127.0.0.1:{port}/stream?x=1"
        if word is None:
            check_address(url)
        else:
            with pytest.raises(UnavailableError, match=word) as caught:
                check_address(url)
            assert "secret" not in str(caught.value)
    assert asked[0].startswith(f"DESCRIBE rtsp://127.0.0.1:{port}/stream?x=1 RTSP/1.0\r\n")


def test_the_password_of_a_camera_stands_in_no_list_of_processes_and_no_finding() -> None:
    source = f"http://me:secret@127.0.0.1:{free_port()}/x.mjpg"
    finding = judge(source, probe(source))
    assert finding.status == "failed"
    assert "secret" not in finding.text + finding.advice
    assert os.environ.get("OPENCV_FFMPEG_CAPTURE_OPTIONS") is None
