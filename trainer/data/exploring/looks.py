"""How pictures look: size, brightness, contrast, and a digest that finds the same picture again."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import cv2

from bintally.errors import InputError
from bintally.frames import Frame, read_frame
from trainer.data.dataset import Example, Refused


@dataclass(frozen=True)
class Look:
    """What one picture looks like.

    Attributes:
        width_px: width of the file's picture.
        height_px: height of the file's picture.
        brightness: mean of the luma, 0 (black) to 255 (white).
        contrast: standard deviation of the luma, 0 (one tone) to 127.5.
        digest: of the pixels; two files with the same digest show the same picture, however they are stored.
    """

    width_px: int
    height_px: int
    brightness: float
    contrast: float
    digest: str


def look(frame: Frame) -> Look:
    """Measure a frame, uint8 [height, width, 3], BGR.

    Source:
        ITU-R BT.601 (luma).
    """
    mean, deviation = cv2.meanStdDev(cv2.cvtColor(frame, cv2.COLOR_BGR2GRAY))
    height, width = frame.shape[:2]
    pixels = hashlib.blake2b(frame.tobytes(), digest_size=16, salt=f"{width}x{height}".encode())
    return Look(width, height, float(mean[0, 0]), float(deviation[0, 0]), pixels.hexdigest())


def look_at(examples: Sequence[Example]) -> tuple[dict[str, Look], tuple[Refused, ...]]:
    """Read every image once.

    Returns:
        For each image id its look, and the images that can no longer be read.
    """
    with ThreadPoolExecutor() as pool:
        found = list(pool.map(_look_at, examples))
    looks = {example.image_id: one for example, one in zip(examples, found, strict=True) if isinstance(one, Look)}
    return looks, tuple(one for one in found if isinstance(one, Refused))


def _look_at(example: Example) -> Look | Refused:
    try:
        return look(read_frame(Path(example.image)))
    except InputError as error:
        return Refused(example.image, str(error))
