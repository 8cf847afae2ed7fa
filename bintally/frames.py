"""Frames: reading them from files, and the one resize that trainer, export and agent share."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from bintally.errors import InputError

Frame = NDArray[Any]
"""uint8 [height, width, 3], BGR as OpenCV gives it. OpenCV's stubs promise no element type, so none is checked statically."""

MAX_SIDE_PX = 16_384
_LARGE = 3
"""From so many times the size on, a frame is halved first, which OpenCV does fastest: a grey level's difference in a fifth of the time."""

# a damaged image is told once, by an InputError; where the function is depends on OpenCV's version
_set_log_level = cv2.setLogLevel if hasattr(cv2, "setLogLevel") else cv2.utils.logging.setLogLevel
_set_log_level(0)


def resize(frame: Frame, size: tuple[int, int]) -> Frame:
    """Bring a frame to the size that a count graph takes; the aspect ratio is not kept.

    Args:
        frame: uint8 [height, width, 3], BGR.
        size: height and width in pixels.

    Returns:
        uint8 [size[0], size[1], 3]; the frame itself where it has that size already.

    Raises:
        InputError: the array is not a picture of three uint8 channels.
    """
    if frame.ndim != 3 or frame.shape[2] != 3 or frame.dtype != np.uint8 or 0 in frame.shape:
        raise InputError(f"a frame must be uint8 [height, width, 3]; this one is {frame.dtype} {list(frame.shape)}")
    height, width = size
    if frame.shape[:2] == (height, width):
        return frame
    if _times_larger(frame, size) >= _LARGE:
        while _times_larger(frame, size) >= 2 and frame.shape[0] % 2 == frame.shape[1] % 2 == 0:
            frame = cv2.resize(frame, (frame.shape[1] // 2, frame.shape[0] // 2), interpolation=cv2.INTER_AREA)
    smaller = frame.shape[0] >= height and frame.shape[1] >= width
    return cv2.resize(frame, (width, height), interpolation=cv2.INTER_AREA if smaller else cv2.INTER_LINEAR)


def _times_larger(frame: Frame, size: tuple[int, int]) -> float:
    return float(min(frame.shape[0] / size[0], frame.shape[1] / size[1]))


def read_frame(path: Path) -> Frame:
    """Read an image file.

    Returns:
        uint8 [height, width, 3], BGR.

    Raises:
        InputError: the file is missing, empty, truncated, or no image that OpenCV knows.
    """
    try:
        data = path.read_bytes()
    except FileNotFoundError as error:
        raise InputError(f"{path}: no such file; check the path") from error
    except IsADirectoryError as error:
        raise InputError(f"{path}: this is a folder; name an image file in it") from error
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror})") from error
    return decode_frame(data, str(path))


def decode_frame(data: bytes, name: str) -> Frame:
    """Decode an image file's bytes; ``name`` says in errors where they came from.

    Raises:
        InputError: the bytes are truncated, or no image that OpenCV knows.
    """
    if not data:
        raise InputError(f"{name}: the file is empty; fetch or record it again")
    if data.startswith(b"\xff\xd8") and b"\xff\xd9" not in data[-1024:]:
        raise InputError(f"{name}: the JPEG ends early (truncated); fetch or record it again")
    try:
        frame = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    except cv2.error as error:
        raise InputError(f"{name}: not a usable image ({error.err}); JPEG and PNG work best") from error
    if frame is None:
        raise InputError(f"{name}: not an image that OpenCV can read, or damaged; JPEG and PNG work best")
    if max(frame.shape[:2]) > MAX_SIDE_PX:
        raise InputError(f"{name}: {frame.shape[1]}×{frame.shape[0]} pixels; at most {MAX_SIDE_PX} a side are counted")
    return frame
