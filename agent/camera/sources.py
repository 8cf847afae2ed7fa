"""Where frames come from: a folder, a video file, or a live camera of which only the newest frame is kept."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Protocol

import cv2
import structlog

from agent.camera.shot import Shot
from bintally.errors import InputError, UnavailableError
from bintally.frames import read_frame
from bintally.messages import utc_now

IMAGE_SUFFIXES = frozenset((".jpg", ".jpeg", ".png", ".bmp", ".webp"))
log = structlog.get_logger()


class Source(Protocol):
    """Gives frames until it ends."""

    def shots(self, stop: threading.Event) -> Iterator[Shot | InputError]:
        """Yield a shot, or the reason why a file gave none, until the source ends or ``stop`` is set."""


def open_source(name: str, interval_s: float, once: bool, seen: Callable[[str], bool]) -> Source:
    """Find out what kind of source a name means.

    Args:
        name: camera index, URL, GStreamer pipeline, video file or folder.
        interval_s: seconds from one shot to the next.
        once: show each image of a folder one time.
        seen: with ``once``, whether a file was counted by an earlier run.

    Raises:
        InputError: there is no such file, or no image in the folder.
        UnavailableError: this OpenCV has no GStreamer; ``once`` with a camera.
    """
    path = Path(name)
    if path.is_dir():
        return FolderSource(path, interval_s, once, seen)
    if once:
        raise InputError(f"{name}: --once counts the images of a folder, and this is none")
    if name.isdigit() or "://" in name:
        return CameraSource(name, interval_s)
    if "!" in name:
        if "GStreamer:                   YES" not in cv2.getBuildInformation():
            raise UnavailableError("this OpenCV was built without GStreamer; on Jetson use the system's OpenCV (extra agent-jetson)")
        return CameraSource(name, interval_s)
    if not path.is_file():
        raise InputError(f"{name}: no such file or folder; a source is a camera index, URL, pipeline with '!', video file or folder")
    if path.suffix.lower() in IMAGE_SUFFIXES:
        raise InputError(f"{name}: one image; 'bintally count' counts it, or give the agent the folder that it is in")
    return VideoSource(path, interval_s)


class FolderSource:
    """Images of a folder, by name; without ``once`` it looks for new ones and begins again after the last."""

    def __init__(self, folder: Path, interval_s: float, once: bool, seen: Callable[[str], bool]) -> None:
        self._folder, self._interval_s, self._once, self._seen = folder, interval_s, once, seen
        if not self._paths():
            raise InputError(f"{folder}: no image in this folder ({', '.join(sorted(IMAGE_SUFFIXES))}); did you mean a folder in it?")

    def _paths(self) -> list[Path]:
        try:
            return sorted(path for path in self._folder.iterdir() if path.suffix.lower() in IMAGE_SUFFIXES)
        except OSError as error:
            raise UnavailableError(f"{self._folder}: the folder went away ({error.strerror}); bring it back and start again") from error

    def shots(self, stop: threading.Event) -> Iterator[Shot | InputError]:
        shown: set[Path] = set()
        while not stop.is_set():
            fresh = [path for path in self._paths() if path not in shown]
            if not fresh and self._once:
                return
            if not fresh:
                shown.clear()
                stop.wait(0.2)
            for path in fresh:
                shown.add(path)
                if not path.name.isprintable():
                    yield InputError(f"{self._folder}: the name {path.name!r} is no plain text; rename the file")
                    continue
                if stop.is_set() or (self._once and self._seen(path.name)):
                    continue
                try:
                    yield Shot(read_frame(path), utc_now(), file=path.name, bin=path.stem)
                except InputError as error:
                    yield error
                if not self._once:
                    stop.wait(self._interval_s)


class VideoSource:
    """A recording: one frame every ``interval_s`` of its own time, until its end."""

    def __init__(self, path: Path, interval_s: float) -> None:
        self._path, self._interval_s = path, interval_s
        self._capture = cv2.VideoCapture(str(path))
        if not self._capture.isOpened():
            raise InputError(f"{path}: not a video that OpenCV can read")

    def shots(self, stop: threading.Event) -> Iterator[Shot | InputError]:
        rate = self._capture.get(cv2.CAP_PROP_FPS) or 25.0
        step = max(1, round(rate * self._interval_s))
        number = 0
        seen = 0
        while not stop.is_set() and self._capture.grab():
            if number % step == 0:
                found, frame = self._capture.retrieve()
                if found:
                    seen += 1
                    yield Shot(frame, utc_now(), file=self._path.name)
                    stop.wait(self._interval_s)
            number += 1
        self._capture.release()
        if not seen and not stop.is_set():
            yield InputError(f"{self._path}: no frame could be read from this video; record it again")


class CameraSource:
    """A live camera: a thread grabs all the time, so that what is counted is never older than the last grab."""

    OPEN_TIMEOUT_S = 10.0
    STALE_AFTER_S = 3.0
    MAX_PAUSE_S = 30.0

    def __init__(self, name: str, interval_s: float) -> None:
        self._name, self._interval_s = name, interval_s
        self._newest: Shot | None = None
        self._grabbed_at = 0.0
        self._lock = threading.Lock()
        self._failure: UnavailableError | None = None
        self._capture = self._open()

    def _open(self) -> cv2.VideoCapture:
        os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")  # the reason is told once, by the error below
        cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)
        name: int | str = int(self._name) if self._name.isdigit() else self._name
        limits = (cv2.CAP_PROP_OPEN_TIMEOUT_MSEC, int(self.OPEN_TIMEOUT_S * 1000), cv2.CAP_PROP_READ_TIMEOUT_MSEC, 5000)
        if isinstance(name, int):
            capture = cv2.VideoCapture(name)
        elif "://" in name:
            capture = cv2.VideoCapture(name, cv2.CAP_FFMPEG, limits)
        else:
            capture = cv2.VideoCapture(name, cv2.CAP_GSTREAMER)
        if not capture.isOpened():
            raise UnavailableError(
                f"camera {self._name}: cannot be opened; check the cable, the address and that no other program holds it"
            )
        return capture

    def shots(self, stop: threading.Event) -> Iterator[Shot | InputError]:
        threading.Thread(target=self._grab, args=(stop,), name="camera", daemon=True).start()
        counted: Shot | None = None
        while not stop.is_set():
            if self._failure is not None:
                raise self._failure
            with self._lock:
                shot, age_s = self._newest, time.monotonic() - self._grabbed_at
            if shot is not None and shot is not counted and age_s < self.STALE_AFTER_S:
                counted = shot
                yield shot
                stop.wait(self._interval_s)
            else:
                stop.wait(0.05)

    def _grab(self, stop: threading.Event) -> None:
        try:
            self._grab_until(stop)
        except Exception as error:  # the top of the thread: a camera that is gone for good must end the agent, not fall silent
            log.exception("camera failed")
            self._failure = UnavailableError(f"camera {self._name}: failed ({error!r}); check it and start again")

    def _grab_until(self, stop: threading.Event) -> None:
        pause_s = 1.0
        while not stop.is_set():
            found, frame = self._capture.read()
            if found:
                pause_s = 1.0
                with self._lock:
                    self._newest, self._grabbed_at = Shot(frame, utc_now()), time.monotonic()
                continue
            log.warning("camera lost", source=self._name, again_in_s=pause_s)
            self._capture.release()
            stop.wait(pause_s)
            pause_s = min(self.MAX_PAUSE_S, 2 * pause_s)
            try:
                self._capture = self._open()
            except UnavailableError as error:
                log.warning("camera still away", reason=str(error))
        self._capture.release()
