"""Pictures that travel in answers."""

from __future__ import annotations

import base64
from datetime import datetime, timezone
from typing import Any

import cv2
import numpy as np
import pytest

from agent.commands.snapshot import MAX_BASE64_BYTES, snapshot
from bintally.errors import InputError
from bintally.frames import Frame

AT = datetime(2026, 11, 21, 12, tzinfo=timezone.utc)
NOISE = np.random.default_rng(5).integers(0, 256, (1080, 1920, 3), np.uint8)


def picture(result: dict[str, Any]) -> Frame:
    decoded = cv2.imdecode(np.frombuffer(base64.b64decode(result["jpeg"], validate=True), np.uint8), cv2.IMREAD_COLOR)
    assert decoded is not None
    assert decoded.shape == (result["height"], result["width"], 3)
    return decoded


def smooth(height: int, width: int) -> Frame:
    return np.ascontiguousarray(np.broadcast_to(np.linspace(0, 255, width, dtype=np.uint8)[None, :, None], (height, width, 3)))


@pytest.mark.parametrize(
    ("shape", "side", "sent"),
    [
        ((480, 640), 320, (240, 320)),
        ((640, 480), 320, (320, 240)),
        ((48, 64), 640, (48, 64)),
        ((1, 4000), 32, (1, 32)),
        ((1, 1), 32, (1, 1)),
    ],
)
def test_a_picture_keeps_its_shape_and_is_never_made_larger(shape: tuple[int, int], side: int, sent: tuple[int, int]) -> None:
    result = snapshot(smooth(*shape), AT, side)
    assert (result["height"], result["width"]) == sent
    assert result["taken_at"] == "2026-11-21T12:00:00+00:00"
    picture(result)


def test_a_picture_that_fits_looks_like_the_frame() -> None:
    frame = smooth(480, 640)
    assert np.abs(picture(snapshot(frame, AT, 640)).astype(int) - frame).mean() < 2


def test_noise_is_lowered_in_quality_and_size_until_it_fits() -> None:
    before = NOISE.copy()
    result = snapshot(NOISE, AT, 4096)
    assert len(result["jpeg"]) <= MAX_BASE64_BYTES
    assert 300 < result["width"] < 1920
    assert result["width"] / result["height"] == pytest.approx(1920 / 1080, rel=0.01)
    picture(result)
    assert np.array_equal(NOISE, before)


@pytest.mark.parametrize("frame", [np.zeros((4, 4), np.uint8), np.zeros((0, 4, 3), np.uint8), np.zeros((4, 4, 3), np.float32), np.zeros(0)])
def test_what_is_no_picture_is_refused(frame: Frame) -> None:
    with pytest.raises(InputError):
        snapshot(frame, AT, 640)
