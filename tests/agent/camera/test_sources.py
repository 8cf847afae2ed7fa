"""Sources of frames."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import cv2
import pytest

from agent.camera.camera import Camera
from agent.camera.shot import Shot
from agent.camera.sources import FolderSource, open_source
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


def _folder(path: Path, *, once: bool, seen: Callable[[str], bool] = _never) -> FolderSource:
    source = open_source(str(path), once, seen, 10.0, 3.0)
    assert isinstance(source, FolderSource)
    return source


def _camera(name: str) -> Camera:
    source = open_source(name, False, _never, 20.0, 3.0)
    assert isinstance(source, Camera)
    return source


def _files(shots: Sequence[Shot | InputError | None]) -> list[str | None]:
    return [shot.file for shot in shots if isinstance(shot, Shot)]


def test_once_shows_each_image_by_name_and_ends(tmp_path: Path, stop: threading.Event) -> None:
    write_grey_images(tmp_path, [1, 2, 3])
    (tmp_path / "notes.txt").write_text("no image")
    shots = list(_folder(tmp_path, once=True).shots(stop))
    assert _files(shots) == ["bin-001.jpg", "bin-002.jpg", "bin-003.jpg"]
    assert all(isinstance(shot, Shot) and shot.frame.shape == (48, 64, 3) and shot.taken_at.tzinfo for shot in shots)


def test_once_passes_over_what_an_earlier_run_counted(tmp_path: Path, stop: threading.Event) -> None:
    write_grey_images(tmp_path, [1, 2, 3])
    shots = list(_folder(tmp_path, once=True, seen=lambda file: file == "bin-002.jpg").shots(stop))
    assert _files(shots) == ["bin-001.jpg", "bin-003.jpg"]


def test_who_passes_over_thousands_of_counted_images_hears_the_caller_in_between(tmp_path: Path, stop: threading.Event) -> None:
    for number in range(500):
        (tmp_path / f"{number}.jpg").touch()
    shots = _folder(tmp_path, once=True, seen=lambda _: True).shots(stop)
    assert len(list(shots)) >= 5


def test_an_image_that_arrives_while_counting_is_counted_too(tmp_path: Path, stop: threading.Event) -> None:
    write_grey_images(tmp_path, [1])
    shots = _folder(tmp_path, once=True).shots(stop)
    first = next(shots)
    write_grey_images(tmp_path, [2], first=2)
    assert _files([first, *shots]) == ["bin-001.jpg", "bin-002.jpg"]


@pytest.mark.parametrize("once", [True, False])
def test_a_bad_image_gives_its_reason_and_the_others_are_shown(tmp_path: Path, stop: threading.Event, once: bool) -> None:
    write_grey_images(tmp_path, [1, 2, 3])
    (tmp_path / "bin-002.jpg").write_bytes(b"")
    (tmp_path / "bin-004.jpg").mkdir()
    source = _folder(tmp_path, once=once).shots(stop)
    shots = [next(source) for _ in range(4)]
    assert _files(shots) == ["bin-001.jpg", "bin-003.jpg"]
    assert "bin-002.jpg: the file is empty" in str(shots[1])
    assert "bin-004.jpg: this is a folder" in str(shots[3])


def test_new_images_are_picked_up_before_old_ones_are_shown_again(tmp_path: Path, stop: threading.Event) -> None:
    write_grey_images(tmp_path, [1, 2])
    source = _folder(tmp_path, once=False, seen=lambda _: True).shots(stop)
    assert _files([next(source), next(source)]) == ["bin-001.jpg", "bin-002.jpg"]
    write_grey_images(tmp_path, [3], first=3)
    assert _files([next(source), next(source)]) == ["bin-003.jpg", "bin-001.jpg"]


@pytest.mark.parametrize("once", [True, False])
def test_a_folder_that_vanishes_is_told(tmp_path: Path, stop: threading.Event, once: bool) -> None:
    (path,) = write_grey_images(tmp_path / "frames", [1])
    source = _folder(tmp_path / "frames", once=once).shots(stop)
    next(source)
    path.unlink()
    path.parent.rmdir()
    with pytest.raises((InputError, UnavailableError), match="frames"):
        next(source)


def test_a_stopped_source_ends(tmp_path: Path, stop: threading.Event) -> None:
    write_grey_images(tmp_path, [1, 2])
    source = _folder(tmp_path, once=False).shots(stop)
    next(source)
    stop.set()
    assert list(source) == []


def test_an_empty_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").touch()
    with pytest.raises(InputError, match=r"no image in this folder .*did you mean a folder in it"):
        _folder(tmp_path, once=True)


def test_a_video_is_played_from_its_first_to_its_last_frame(tmp_path: Path) -> None:
    camera = _camera(str(write_video(tmp_path / "bin.avi", [grey(value) for value in range(0, 200, 20)], frames_per_s=5)))
    shots: list[Shot] = []
    while not camera.ended:
        shot = camera.newest(shots[-1].number if shots else 0, 1.0)
        if shot is not None:
            shots.append(shot)
    camera.close()
    brightness = [round(float(shot.frame.mean()), -1) for shot in shots]
    assert brightness == sorted(set(brightness))
    assert (brightness[-1], {shot.file for shot in shots}) == (180, {"bin.avi"})


def test_unknown_sources_say_what_a_source_is(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="gone: no such file or folder; a source is a camera index, URL, pipeline with '!', video file"):
        _camera(str(tmp_path / "gone"))
    (image,) = write_grey_images(tmp_path, [1])
    with pytest.raises(InputError, match=r"bin-001\.jpg: one image; 'bintally count' counts it"):
        _camera(str(image))
    (tmp_path / "video.avi").write_text("no video")
    camera = _camera(str(tmp_path / "video.avi"))
    with pytest.raises(InputError, match=r"video\.avi: not a video that OpenCV can read"):
        camera.check()
    camera.close()


@pytest.mark.parametrize("name", ["0", "rtsp://127.0.0.1:1/bin", "videotestsrc ! appsink", "gone"])
def test_once_is_for_folders_only(name: str) -> None:
    with pytest.raises(InputError, match="--once counts the images of a folder, and this is none"):
        open_source(name, True, _never, 10.0, 3.0)


def test_a_pipeline_without_gstreamer_names_the_extra_for_jetson() -> None:
    if "GStreamer:                   YES" in cv2.getBuildInformation():
        pytest.skip("this OpenCV has GStreamer")
    with pytest.raises(UnavailableError, match=r"built without GStreamer; .*agent-jetson"):
        _camera("videotestsrc ! appsink")


@pytest.mark.parametrize("name", ["97", "rtsp://127.0.0.1:1/bin"])
def test_a_camera_that_is_not_there_is_told(name: str) -> None:
    camera = _camera(name)
    camera.start()
    with pytest.raises(UnavailableError, match=f"camera {name}: cannot be opened.*; check the cable, the "):
        camera.check()
    camera.close()
