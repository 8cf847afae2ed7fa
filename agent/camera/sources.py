"""Where frames come from: a folder, or a camera or video of which only the newest frame is kept."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import cv2

from agent.camera.camera import Camera
from agent.camera.kind import kind_of
from agent.camera.shot import Shot
from bintally.errors import InputError, UnavailableError
from bintally.frames import read_frame
from bintally.messages import utc_now

_SEEN_AT_A_TIME = 100
"""Files that are passed over before the caller may do something else: a hundred thousand take ten seconds."""
IMAGE_SUFFIXES = frozenset((".jpg", ".jpeg", ".png", ".bmp", ".webp"))


def open_source(name: str, once: bool, seen: Callable[[str], bool], frames_per_s: float, stale_after_s: float) -> FolderSource | Camera:
    """Find out what a name means.

    Args:
        name: camera index, URL, GStreamer pipeline, video file or folder.
        once: show each image of a folder one time.
        seen: with ``once``, whether a file was counted by an earlier run.
        frames_per_s: camera: frames a second that are looked at, at most.
        stale_after_s: camera: an older frame is never shown.

    Returns:
        The folder, or a camera that is not started yet: one that is not there now may come later.

    Raises:
        InputError: there is no such file, or no image in the folder; ``once`` with a camera.
        UnavailableError: this OpenCV has no GStreamer.
    """
    path = Path(name)
    if path.is_dir():
        return FolderSource(path, once, seen)
    if once:
        raise InputError(f"{name}: --once counts the images of a folder, and this is none")
    check_name(name)
    return Camera(name, frames_per_s, stale_after_s)


def check_name(name: str) -> None:
    """Refuse what can never become a camera or recording, without opening it.

    Raises:
        InputError: there is no such file, or it is one image.
        UnavailableError: this OpenCV has no GStreamer.
    """
    kind, path = kind_of(name), Path(name)
    if kind == "pipeline" and "GStreamer:                   YES" not in cv2.getBuildInformation():
        raise UnavailableError("this OpenCV was built without GStreamer; on Jetson use the system's OpenCV (extra agent-jetson)")
    if kind == "recording" and not path.is_file():
        raise InputError(f"{name}: no such file or folder; a source is a camera index, URL, pipeline with '!', video file or folder")
    if kind == "recording" and path.suffix.lower() in IMAGE_SUFFIXES:
        raise InputError(f"{name}: one image; 'bintally count' counts it, or give the agent the folder that it is in")


class FolderSource:
    """Images of a folder, by name; without ``once`` it looks for new ones and begins again after the last."""

    def __init__(self, folder: Path, once: bool, seen: Callable[[str], bool]) -> None:
        self._folder, self._once, self._seen = folder, once, seen
        if not self._paths():
            raise InputError(f"{folder}: no image in this folder ({', '.join(sorted(IMAGE_SUFFIXES))}); did you mean a folder in it?")

    def _paths(self) -> list[Path]:
        try:
            return sorted(path for path in self._folder.iterdir() if path.suffix.lower() in IMAGE_SUFFIXES)
        except OSError as error:
            raise UnavailableError(f"{self._folder}: the folder went away ({error.strerror}); bring it back and start again") from error

    def shots(self, stop: threading.Event) -> Iterator[Shot | InputError | None]:
        """Yield a shot, the reason why a file gave none, or None for nothing yet; until all were shown ``once`` or ``stop`` is set."""
        shown: set[Path] = set()
        while not stop.is_set():
            fresh = [path for path in self._paths() if path not in shown]
            if not fresh and self._once:
                return
            if not fresh and not shown:
                yield None
            if not fresh:
                shown.clear()
            for number, path in enumerate(fresh):
                shown.add(path)
                if not path.name.isprintable():
                    yield InputError(f"{self._folder}: the name {path.name!r} is no plain text; rename the file")
                    continue
                if self._once and self._seen(path.name):
                    if number % _SEEN_AT_A_TIME == 0:
                        yield None
                    continue
                if stop.is_set():
                    return
                try:
                    yield Shot(read_frame(path), utc_now(), file=path.name, bin=path.stem)
                except InputError as error:
                    yield error
