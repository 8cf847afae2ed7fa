"""A camera tried in a process of its own, which may hang in a driver and be killed: one JSON line in, one out."""

from __future__ import annotations

import json
import os
import sys
import time
from typing import Any

_QUEUED_S, _MEASURE_S = 0.8, 1.2
"""What a network camera sent while it was opened comes at once, and tells nothing of its rate."""
_OPEN_TIMEOUT_MS, _READ_TIMEOUT_MS = 6000, 3000


def main() -> None:
    """Open the source that standard input names, look at its frames for a moment, and say what they are."""
    source = json.loads(sys.stdin.readline())
    out = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # drivers and codecs print to standard output, too
    print(json.dumps(try_source(source)), file=out, flush=True)


def try_source(source: str) -> dict[str, Any]:
    """Open a source as the agent would.

    Returns:
        ``width``, ``height`` and ``brightness`` (0–255) of a frame; ``frames_per_s``, of a recording as it says itself, of others
        as measured. ``{}`` where it cannot be opened, only ``frames_per_s`` 0 where it gives no picture.
    """
    import cv2

    from agent.camera.kind import kind_of

    cv2.setNumThreads(1)
    kind = kind_of(source)
    if kind == "device":
        capture = cv2.VideoCapture(int(source), cv2.CAP_V4L2)
    elif kind == "url":
        limits = [cv2.CAP_PROP_OPEN_TIMEOUT_MSEC, _OPEN_TIMEOUT_MS, cv2.CAP_PROP_READ_TIMEOUT_MSEC, _READ_TIMEOUT_MS]
        capture = cv2.VideoCapture(source, cv2.CAP_FFMPEG, limits)
    elif kind == "pipeline":
        capture = cv2.VideoCapture(source, cv2.CAP_GSTREAMER)
    else:
        capture = cv2.VideoCapture(source)
    if not capture.isOpened():
        return {}
    return _watched(capture, 0.0 if kind == "recording" else _MEASURE_S)


def _watched(capture: Any, measure_s: float) -> dict[str, Any]:
    import cv2

    found, frame = capture.read()
    if not found or frame is None:
        return {"frames_per_s": 0.0}
    frames_per_s = float(capture.get(cv2.CAP_PROP_FPS))
    if measure_s:
        _count(capture, _QUEUED_S)
        frames_per_s = _count(capture, measure_s)
    return {"width": frame.shape[1], "height": frame.shape[0], "frames_per_s": frames_per_s, "brightness": float(frame.mean())}


def _count(capture: Any, seconds: float) -> float:
    """Read for some seconds: frames a second."""
    began = now = time.monotonic()
    frames = 0
    while now - began < seconds and capture.grab():
        frames, now = frames + 1, time.monotonic()
    return frames / (now - began) if frames else 0.0


if __name__ == "__main__":
    main()
