"""A camera tried in a process of its own, which may hang in a driver and be killed: one JSON line in, one out."""

from __future__ import annotations

import contextlib
import json
import os
import sys
import time
from typing import Any

_FRAMES, _SECONDS = 60, 1.5
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
        ``width``, ``height``, ``frames``, ``seconds`` between the first and the last of them, ``said_fps`` and ``brightness`` (0–255);
        ``{}`` where it cannot be opened, ``frames`` 0 where it gives none.
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
    return _watched(capture) if capture.isOpened() else {}


def _watched(capture: Any) -> dict[str, Any]:
    import cv2

    found, frame = capture.read()
    if not found or frame is None:
        return {"frames": 0}
    first = last = time.monotonic()
    frames = 1
    while frames < _FRAMES and last - first < _SECONDS:
        found, newer = capture.read()
        if not found:
            break
        frame, frames, last = newer, frames + 1, time.monotonic()
    said_fps = 0.0
    with contextlib.suppress(cv2.error):
        said_fps = float(capture.get(cv2.CAP_PROP_FPS))
    return {
        "width": frame.shape[1],
        "height": frame.shape[0],
        "frames": frames,
        "seconds": last - first,
        "said_fps": said_fps,
        "brightness": float(frame.mean()),
    }


if __name__ == "__main__":
    main()
