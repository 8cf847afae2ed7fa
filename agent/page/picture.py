"""The live picture as JPEG: made only when somebody looks, at most twice a second, once for all who look."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass

import cv2

from bintally.frames import Frame, resize

INTERVAL_S = 0.5
MAX_SIDE_PX = 960
_QUALITY = 80


@dataclass(frozen=True)
class Offer:
    """The frame that the page shows next.

    Attributes:
        number: another one for each frame, also after a restart of the agent.
        grabbed_at: monotonic seconds.
        frame: uint8 [h, w, 3], BGR.
    """

    number: int
    grabbed_at: float
    frame: Frame


class Pictures:
    """Chooses which frames are shown, and encodes them; every method may be called from any thread."""

    def __init__(self) -> None:
        self._lock, self._encoding = threading.Lock(), threading.Lock()
        self._number = time.time_ns() // 1_000_000
        self._offer: Offer | None = None
        self._offered_at = 0.0
        self._jpeg: tuple[int, bytes] | None = None

    def offer(self, frame: Frame | None, grabbed_at: float | None, now: float) -> Offer | None:
        """The frame to show now: the newest one, unless another was offered a moment ago.

        Args:
            frame: the newest; None before the first.
            grabbed_at: monotonic seconds.
            now: monotonic seconds.
        """
        with self._lock:
            if frame is None:
                return self._offer
            new = self._offer is None or self._offer.frame is not frame
            if new and (self._offer is None or now - self._offered_at >= INTERVAL_S):
                self._number += 1
                self._offer, self._offered_at = Offer(self._number, now if grabbed_at is None else grabbed_at, frame), now
            return self._offer

    def jpeg(self) -> bytes | None:
        """The frame that was offered last, encoded; None before the first."""
        with self._encoding:
            with self._lock:
                offer = self._offer
            if offer is None:
                return None
            if self._jpeg is None or self._jpeg[0] != offer.number:
                self._jpeg = offer.number, _encode(offer.frame)
            return self._jpeg[1]


def size_of(frame: Frame) -> tuple[int, int]:
    """Width and height in pixels of a frame's picture, which is never larger than the frame."""
    height, width = frame.shape[:2]
    scale = min(1.0, MAX_SIDE_PX / max(height, width))
    return max(1, round(width * scale)), max(1, round(height * scale))


def _encode(frame: Frame) -> bytes:
    width, height = size_of(frame)
    _, data = cv2.imencode(".jpg", resize(frame, (height, width)), (cv2.IMWRITE_JPEG_QUALITY, _QUALITY))
    return data.tobytes()
