"""A bin for a camera of tests: a textured picture that the tiny bundle counts as wished, with a sensor's noise."""

from __future__ import annotations

import numpy as np

from bintally.frames import Frame
from tests.fakes.bundle import GREY_STEP

HEIGHT, WIDTH = 240, 324
_STRIPES = 6
_MARGIN = 10
"""Rows above and below that stay empty: what reaches the border of the picture may be a hand."""
_TEXTURE = np.where(np.indices((HEIGHT, WIDTH)).sum(0) // 8 % 2 == 0, 16, -16)[:, :, None]


class Bin:
    """What a camera sees: each item is a bright stripe; set ``count`` (1 to 6, halves leave the counter unsure)."""

    def __init__(self, count: float) -> None:
        self.count = count

    def picture(self, number: int) -> Frame:
        """Frame of a number, uint8 [240, 324, 3]; each has noise of its own."""
        filled = np.clip(self.count - np.arange(_STRIPES), 0, 1).repeat(WIDTH // _STRIPES)[None, :, None]
        noise = np.random.default_rng(number).integers(-3, 4, (HEIGHT, WIDTH, 1))
        items = (_STRIPES * GREY_STEP * HEIGHT / (HEIGHT - 2 * _MARGIN) + _TEXTURE) * filled
        items[:_MARGIN] = items[-_MARGIN:] = 0
        picture: Frame = np.clip(items + noise, 0, 255).astype(np.uint8).repeat(3, axis=2)
        return picture
