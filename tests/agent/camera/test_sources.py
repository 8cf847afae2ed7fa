"""Sources of frames."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import cv2
import pytest

from agent.camera.shot import Shot
from agent.camera.sources import open_source
from bintally.errors import InputError, UnavailableError
from tests.fakes.bundle import write_grey_images
from tests.fakes.cameras import grey, write_video


@pytest.fixture
def stop() -> Iterator[threading.Event]:
    """Set in the end, so that no source goes on."""
    event = threading.Event()
    yield event
    event.set()


def _never(_: str) -> bool:
    return False


def _files(shots: list[Shot | InputError]) -> list[str | None]:
    return [shot.file for shot in shots if isinstance(shot, Shot)]


def test_once_shows_each_image_by_name_and_ends(tmp_path: Path, stop: threading.Event) -> None:
    write_grey_images(tmp_path, [1, 2, 3])
    (tmp_path / "notes.txt").write_text("no image")
    shots = list(open_source(str(tmp_path), 100, once=True, seen=_never).shots(stop))
    assert _files(shots) == ["bin-001.jpg", "bin-002.jpg", "bin-003.jpg"]
    assert all(isinstance(shot, Shot) and shot.frame.shape == (48, 64, 3) and shot.taken_at.tzinfo for shot in shots)


def test_once_passes_over_what_an_earlier_run_counted(tmp_path: Path, stop: threading.Event) -> None:
    write_grey_images(tmp_path, [1, 2, 3])
    shots = list(open_source(str(tmp_path), 0, once=True, seen=lambda file: file == "bin-002.jpg").shots(stop))
    assert _files(shots) == ["bin-001.jpg", "bin-003.jpg"]


def test_an_image_that_arrives_while_counting_is_counted_too(tmp_path: Path, stop: threading.Event) -> None:
    write_grey_images(tmp_path, [1])
    shots = open_source(str(tmp_path), 0, once=True, seen=_never).shots(stop)
    first = next(shots)
    write_grey_images(tmp_path, [2], first=2)
    assert _files([first, *shots]) == ["bin-001.jpg", "bin-002.jpg"]


@pytest.mark.parametrize("once", [True, False])
def test_a_bad_image_gives_its_reason_and_the_others_are_shown(tmp_path: Path, stop: threading.Event, once: bool) -> None:
    write_grey_images(tmp_path, [1, 2, 3])
    (tmp_path / "bin-002.jpg").write_bytes(b"")
    (tmp_path / "bin-004.jpg").mkdir()
    source = open_source(str(tmp_path), 0, once=once, seen=_never).shots(stop)
    shots = [next(source) for _ in range(4)]
    assert _files(shots) == ["bin-001.jpg", "bin-003.jpg"]
    assert "bin-002.jpg: the file is empty" in str(shots[1])
    assert "bin-004.jpg: this is a folder" in str(shots[3])


def test_new_images_are_picked_up_before_old_ones_are_shown_again(tmp_path: Path, stop: threading.Event) -> None:
    write_grey_images(tmp_path, [1, 2])
    source = open_source(str(tmp_path), 0, once=False, seen=lambda _: True).shots(stop)
    assert _files([next(source), next(source)]) == ["bin-001.jpg", "bin-002.jpg"]
    write_grey_images(tmp_path, [3], first=3)
    assert _files([next(source), next(source)]) == ["bin-003.jpg", "bin-001.jpg"]


@pytest.mark.parametrize("once", [True, False])
def test_a_folder_that_vanishes_is_told(tmp_path: Path, stop: threading.Event, once: bool) -> None:
    (path,) = write_grey_images(tmp_path / "frames", [1])
    source = open_source(str(tmp_path / "frames"), 0, once=once, seen=_never).shots(stop)
    next(source)
    path.unlink()
    path.parent.rmdir()
    with pytest.raises((InputError, UnavailableError), match="frames"):
        next(source)


def test_a_stopped_source_ends(tmp_path: Path, stop: threading.Event) -> None:
    write_grey_images(tmp_path, [1, 2])
    source = open_source(str(tmp_path), 0, once=False, seen=_never).shots(stop)
    next(source)
    stop.set()
    assert list(source) == []


def test_an_empty_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").touch()
    with pytest.raises(InputError, match=r"no image in this folder .*did you mean a folder in it"):
        open_source(str(tmp_path), 0, once=True, seen=_never)


def test_a_video_shows_a_frame_an_interval_of_its_own_time(tmp_path: Path, stop: threading.Event) -> None:
    video = write_video(tmp_path / "bin.avi", [grey(value) for value in range(0, 200, 20)], frames_per_s=20)
    shots = list(open_source(str(video), 0.15, once=False, seen=_never).shots(stop))
    brightness = [round(float(shot.frame.mean()), -1) for shot in shots if isinstance(shot, Shot)]
    assert brightness == sorted(set(brightness) & {0, 60, 120, 180})
    assert brightness[-1] == 180
    assert set(_files(shots)) == {"bin.avi"}


def test_unknown_sources_say_what_a_source_is(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="gone: no such file or folder; a source is a camera index, URL, pipeline with '!', video file"):
        open_source(str(tmp_path / "gone"), 0, once=False, seen=_never)
    (image,) = write_grey_images(tmp_path, [1])
    with pytest.raises(InputError, match=r"bin-001\.jpg: one image; 'bintally count' counts it"):
        open_source(str(image), 0, once=False, seen=_never)
    (tmp_path / "video.avi").write_text("no video")
    with pytest.raises(InputError, match=r"video\.avi: not a video that OpenCV can read"):
        open_source(str(tmp_path / "video.avi"), 0, once=False, seen=_never)


@pytest.mark.parametrize("name", ["0", "rtsp://127.0.0.1:1/bin", "videotestsrc ! appsink", "gone"])
def test_once_is_for_folders_only(name: str) -> None:
    with pytest.raises(InputError, match="--once counts the images of a folder, and this is none"):
        open_source(name, 0, once=True, seen=_never)


def test_a_pipeline_without_gstreamer_names_the_extra_for_jetson() -> None:
    if "GStreamer:                   YES" in cv2.getBuildInformation():
        pytest.skip("this OpenCV has GStreamer")
    with pytest.raises(UnavailableError, match=r"built without GStreamer; .*agent-jetson"):
        open_source("videotestsrc ! appsink", 0, once=False, seen=_never)


@pytest.mark.parametrize("name", ["97", "rtsp://127.0.0.1:1/bin"])
def test_a_camera_that_is_not_there_is_told(name: str) -> None:
    with pytest.raises(UnavailableError, match=f"camera {name}: cannot be opened.*; check the cable, the "):
        open_source(name, 0, once=False, seen=_never)
