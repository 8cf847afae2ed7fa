"""The camera's own process: opens a source, reads all of it, and hands the newest frame over in shared memory.

Started by ``agent.camera.child``; nobody else should. It may hang in a driver and be killed at any moment, and carries no model.
It reads its task as one JSON line, says ``opened``, then at the end ``ended`` or ``failed`` with the reason; it is killed
with the thread that started it.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass

import cv2

from agent.camera.kind import Kind
from agent.camera.pacing import Freshness, Pace
from agent.camera.shared import Ring
from bintally.errors import InputError, UnavailableError
from bintally.processes import die_with, own_stdout

OPEN_TIMEOUT_S = 10.0
READ_TIMEOUT_S = 5.0


@dataclass(frozen=True)
class Task:
    """What the process is to do.

    Attributes:
        source: its name.
        kind: what the name means.
        frames_per_s: handed over, at most.
        first: number of the first frame; a recording goes on where that one stands.
        ring: file descriptor of the shared memory.
        poke: file descriptor of the event that tells of a new frame.
        parent: process that must not be survived.
    """

    source: str
    kind: Kind
    frames_per_s: float
    first: int
    ring: int
    poke: int
    parent: int


def main() -> None:
    """Work until killed, or until the source ends."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)  # the agent's end is this one's, and not the other way round
    line = sys.stdin.readline()
    if not line:
        return  # the agent died before it could say
    task = Task(**json.loads(line))
    die_with(task.parent)
    say = own_stdout()
    try:
        capture = _open(task)
        say.write("opened\n")
        _hand_over(task, capture)
        say.write("ended\n")
    except (InputError, UnavailableError) as error:
        say.write(f"failed {error}\n")
    except Exception as error:  # noqa: BLE001 - the top of the process: the agent must learn why it ends
        say.write(f"failed {type(error).__name__}: {str(error)!r}\n")


def _open(task: Task) -> cv2.VideoCapture:
    """Open the source.

    Raises:
        InputError: the recording is not one.
        UnavailableError: the camera does not answer.
    """
    cv2.setNumThreads(1)
    name = task.source
    if task.kind == "device":
        capture = cv2.VideoCapture(int(name), cv2.CAP_V4L2)
        capture.set(cv2.CAP_PROP_BUFFERSIZE, 1)
    elif task.kind == "url":
        limits = (cv2.CAP_PROP_OPEN_TIMEOUT_MSEC, OPEN_TIMEOUT_S, cv2.CAP_PROP_READ_TIMEOUT_MSEC, READ_TIMEOUT_S)
        capture = cv2.VideoCapture(name, cv2.CAP_FFMPEG, [int(x if i % 2 == 0 else 1000 * x) for i, x in enumerate(limits)])
    elif task.kind == "pipeline":
        capture = cv2.VideoCapture(name, cv2.CAP_GSTREAMER)
    else:
        capture = cv2.VideoCapture(name)
    if capture.isOpened():
        return capture
    if task.kind == "recording":
        raise InputError("not a video that OpenCV can read")
    raise UnavailableError(f"cannot be opened{_why(task)}; {_ADVICE[task.kind]}")


_ADVICE: dict[Kind, str] = {
    "device": "check the cable, the number and that no other program holds it",
    "url": "check the cable, the address and the password, and that the camera is on",
    "pipeline": "check the cable, and what gst-launch-1.0 says to this pipeline",
}


def _why(task: Task) -> str:
    if task.kind != "device":
        return ""
    try:
        os.close(os.open(f"/dev/video{task.source}", os.O_RDWR | os.O_NONBLOCK))
    except OSError as error:
        return f" (/dev/video{task.source}: {error.strerror})"
    return ""


def _hand_over(task: Task, capture: cv2.VideoCapture) -> None:
    """Read until the end, and keep the newest wanted frame in the ring.

    Raises:
        InputError: there is no frame in a recording; the frames are of no usable form.
        UnavailableError: the camera gives no more frames, or older and older ones.
    """
    ring = Ring(task.ring)
    wanted = _recorded(task, capture) if task.kind == "recording" else _live(task, capture)
    for number in wanted:
        grabbed_ns, wall_ns = time.monotonic_ns(), time.time_ns()
        found, frame = capture.retrieve()
        if found and frame is not None:
            ring.write(number, grabbed_ns, wall_ns, frame)
            os.eventfd_write(task.poke, 1)


def _live(task: Task, capture: cv2.VideoCapture) -> Iterator[int]:
    """Grab everything, so that no buffer fills; yield the number of each frame that is wanted at the moment of its grab."""
    pace, freshness, number = Pace(task.frames_per_s), Freshness(capture.get(cv2.CAP_PROP_FPS)), task.first
    while True:
        began, worked = time.monotonic(), time.thread_time()
        if not capture.grab():
            raise UnavailableError("gives no more frames")
        came = time.monotonic()
        waited_s = came - began - (time.thread_time() - worked)
        if freshness.fresh(waited_s, came) and pace.takes(came):
            yield number
            number += 1
        if freshness.hopeless(came):
            raise UnavailableError("its frames are never waited for: it is no live camera, or too fast for this machine")


def _recorded(task: Task, capture: cv2.VideoCapture) -> Iterator[int]:
    """Play a recording at its own pace; a frame's number is its place in it, from 1."""
    rate = capture.get(cv2.CAP_PROP_FPS)
    rate = rate if 0 < rate < 1000 else 25.0
    pace, began, number = Pace(task.frames_per_s), time.monotonic(), 0
    while capture.grab():
        number += 1
        if number < task.first:
            began = time.monotonic() - number / rate
            continue
        time.sleep(max(0.0, began + (number - 1) / rate - time.monotonic()))
        if pace.takes(number / rate):
            yield number
    if not number:
        raise InputError("no frame could be read from this video; record it again")


if __name__ == "__main__":
    main()
