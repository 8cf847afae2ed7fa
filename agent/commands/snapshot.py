"""A picture small enough to travel in an answer."""

from __future__ import annotations

import base64
import math
from datetime import datetime
from typing import Any

import cv2

from bintally.errors import InputError
from bintally.frames import Frame, resize

MAX_BASE64_BYTES = 256 * 2**10
_MAX_JPEG_BYTES = MAX_BASE64_BYTES // 4 * 3
_QUALITIES = (85, 60, 35)
_SMALLER = 0.9


def snapshot(frame: Frame, taken_at: datetime, max_side_px: int) -> dict[str, Any]:
    """The result of a ``snapshot`` command.

    Args:
        frame: uint8 [h, w, 3], BGR.
        taken_at: when it was grabbed.
        max_side_px: larger pictures are made smaller, smaller ones stay. Where the JPEG does not fit into ``MAX_BASE64_BYTES`` its
            quality is lowered first, then its size.

    Returns:
        ``jpeg`` (base64), ``width``, ``height`` in pixels, ``taken_at``.

    Raises:
        InputError: the frame is no picture.
    """
    side, jpeg = min(max_side_px, max(frame.shape[:2], default=0)), b""
    while side >= 1:
        picture = _within(frame, side)
        for quality in _QUALITIES:
            jpeg = _encode(picture, quality)
            if len(jpeg) <= _MAX_JPEG_BYTES:
                height, width = picture.shape[:2]
                text = base64.b64encode(jpeg).decode()
                return {"jpeg": text, "width": width, "height": height, "taken_at": taken_at.isoformat()}
        side = int(side * min(_SMALLER, math.sqrt(_MAX_JPEG_BYTES / len(jpeg))))
    raise InputError(f"a frame {list(frame.shape)} makes no JPEG of {_MAX_JPEG_BYTES} bytes or fewer")


def _within(frame: Frame, side_px: int) -> Frame:
    share = min(1.0, side_px / max(frame.shape[:2]))
    return resize(frame, (max(1, round(frame.shape[0] * share)), max(1, round(frame.shape[1] * share))))


def _encode(picture: Frame, quality: int) -> bytes:
    try:
        encoded, data = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, quality])
    except cv2.error as error:
        raise InputError(f"a frame cannot be made a JPEG ({error.err})") from error
    if not encoded:
        raise InputError("a frame cannot be made a JPEG")
    return bytes(data)
