"""Measures of one picture against the ones before: light, sharpness, movement, change, a hand (pure, under a millisecond)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from bintally.frames import Frame

Cells = NDArray[Any]
"""float32 [3, 60, 80]: blue, green and red means of the picture's cells, each with its eight neighbours."""
Mask = NDArray[np.bool_]
"""bool [60, 80]."""

_THIN, _MID, _GRID = (320, 240), (160, 120), (80, 60)
"""Widths and heights; whole multiples, which OpenCV averages fast."""
_MIN_DIFFERENCE = 2.5
"""Grey levels below which nothing counts as different, however quiet the sensor."""
_NOISE_FACTOR, _MAX_NOISE = 6.0, 3.0
_LIGHT_TOLERANCE = 0.04
"""Share of a cell's level that lamps may vary by, after the whole picture's gain is taken out."""
_MAX_GAIN, _BANDS = 2.0, 0.1
"""Most that exposure may change between two pictures, and that a line of the sensor may differ from the others."""
MOVED_CELLS = 4
"""As many cells must differ; fewer are an insect or a glint."""
_BRIGHT, _ENOUGH = 120.0, 30
"""Fine print of black and white clips pixels in cells that are as bright on average; and cells enough to tell a gain from."""
_HAND_CONTRAST = 0.12
"""An arm differs from what is behind it by as much; bands of light do not."""
_HAND_CELLS = 5
"""An arm is at least as wide where it crosses the border of the picture."""
_HAND_DEPTH = 6
"""And reaches at least as many cells into it."""
_HAND_MAX_BORDER = 0.6
"""What touches more of the border is another bin, or a camera that was pushed."""
_EDGE_CONTRAST, _MIN_EDGES = 40, 7
"""Grey levels, and places, without which sharpness cannot be told."""


@dataclass(frozen=True)
class Small:
    """A picture made small: ``mid`` uint8 [120, 160, 3] tells identical pictures, ``cells`` differing ones."""

    mid: Frame
    cells: Cells


@dataclass(frozen=True)
class Look:
    """What was seen of one picture.

    Attributes:
        light: level that a twentieth of the picture is brighter than, 0–255; a small one means that no lamp is on.
        sharpness: how much of an edge lies between two neighbouring pixels of 160×120: 1 for a perfect step, below 0.2 far out
            of focus; 1 where the picture has no edges to judge by.
        repeated: whether it is the picture before, bit for bit.
        moved: whether the bin differs from the picture at its last movement.
        changed: whether it differs from the picture that was counted last; True where there is none.
        hand: whether what differs reaches into the picture from its border, as an arm does.
    """

    light: float
    sharpness: float
    repeated: bool
    moved: bool
    changed: bool
    hand: bool


class Looker:
    """Remembers the pictures that the next one is compared with."""

    def __init__(self) -> None:
        self.forget()

    def forget(self) -> None:
        """Compare with nothing that was seen before."""
        self._before: Small | None = None
        self._anchor: Small | None = None
        self._counted: Small | None = None
        self._noise = 1.0

    def see(self, picture: Frame) -> Look:
        """Measure a picture, uint8 [h, w, 3], BGR."""
        small = shrink(picture)
        repeated = self._before is not None and np.array_equal(self._before.mid, small.mid)
        self._before = small
        since_moved, since_counted = self._compare(small)
        moved = since_moved is None or _differs(since_moved)
        if moved:
            self._anchor = small
        return Look(
            light=_light(small.cells),
            sharpness=sharpness(small.mid),
            repeated=repeated,
            moved=moved,
            changed=since_counted is None or _differs(since_counted),
            hand=since_counted is not None and reaches_in(since_counted > _HAND_CONTRAST),
        )

    def counted(self) -> None:
        """The picture seen last, of a bin at rest, was counted: the next ones are compared with it."""
        self._counted = self._anchor = self._before

    def _compare(self, small: Small) -> tuple[NDArray[Any] | None, NDArray[Any] | None]:
        """How the picture differs from the one at the last movement, and from the one counted last: mostly the same one."""
        if self._anchor is None:
            return None, None
        noise_before = self._noise
        since_moved, noise = excess(small.cells, self._anchor.cells, noise_before)
        # a hand that fills the view looks like noise for a moment, so the estimate may only creep up
        self._noise = min(noise, 1.25 * noise_before + 0.02, _MAX_NOISE)
        if self._counted is None or self._counted is self._anchor:
            return since_moved, since_moved if self._counted is self._anchor else None
        return since_moved, excess(small.cells, self._counted.cells, self._noise)[0]


def shrink(picture: Frame) -> Small:
    """Make a picture small; it is thinned out first, because averaging all its pixels would cost more than all the rest."""
    thin = cv2.resize(picture, _THIN, interpolation=cv2.INTER_NEAREST)
    mid = cv2.resize(thin, _MID, interpolation=cv2.INTER_AREA)
    cells = cv2.blur(cv2.resize(mid, _GRID, interpolation=cv2.INTER_AREA).astype(np.float32), (3, 3))
    return Small(mid, np.ascontiguousarray(cells.transpose(2, 0, 1)))


def excess(now: Cells, then: Cells, noise: float) -> tuple[NDArray[Any], float]:
    """Compare two pictures, robust against the sensor's noise, automatic exposure and flickering lamps.

    A common gain of each channel is taken out: the median of the ratios, which a hand that covers less than half does not shift;
    what differs then must differ also where each line has its own gain, within narrow bounds, because lamps put bands into the
    pictures of sensors that are read line by line.

    Args:
        now: the newer picture.
        then: the older one.
        noise: standard deviation, in grey levels, of the difference of two pictures of one thing.

    Returns:
        float32 [60, 80], how much more each cell differs than noise explains, in shares of its level; and the noise as these
        two pictures show it: from the median difference, which movement hardly touches.
    """
    expected = then * np.array([_gain(*pair) for pair in zip(now, then, strict=True)], np.float32)[:, None, None]
    unexplained, difference = _compare(now, then, expected, noise)
    if unexplained.max() > _LIGHT_TOLERANCE:
        lines = (now[:, :, ::2].sum(axis=0) + 1) / (expected[:, :, ::2].sum(axis=0) + 1)
        by_line = expected * _middle(lines).clip(1 - _BANDS, 1 + _BANDS)[:, None]
        unexplained = np.minimum(unexplained, _compare(now, then, by_line, noise)[0])
    return unexplained, _ranked(difference[:, ::2, ::2].ravel(), 0.5) / 0.6745


def _gain(now: NDArray[Any], then: NDArray[Any]) -> float:
    """Of one channel, told from cells that no pixel is clipped in, where there are enough of them."""
    after, before = now[::4, ::4].ravel() + 1, then[::4, ::4].ravel() + 1
    clear = np.maximum(after, before) < _BRIGHT
    ratios = after / before
    return float(_middle(ratios[clear] if np.count_nonzero(clear) >= _ENOUGH else ratios).clip(1 / _MAX_GAIN, _MAX_GAIN))


def _compare(now: Cells, then: Cells, expected: Cells, noise: float) -> tuple[NDArray[Any], Cells]:
    difference = np.abs(now - expected)
    bright = expected > _BRIGHT
    if bright.any():  # some of such a cell's pixels are clipped, and follow no gain
        nearest = np.clip(now, np.minimum(then, expected), np.maximum(then, expected))
        difference = np.where(bright, np.abs(now - nearest), difference)
    unexplained = (difference - max(_MIN_DIFFERENCE, _NOISE_FACTOR * noise)) / (expected + 1)
    return unexplained.max(axis=0), difference


def _middle(values: NDArray[Any]) -> NDArray[Any]:
    """Medians along the last axis; ``numpy.median`` takes a tenth of a millisecond to begin."""
    middle: NDArray[Any] = np.partition(values, values.shape[-1] // 2, axis=-1)[..., values.shape[-1] // 2]
    return middle


def _differs(unexplained: NDArray[Any]) -> bool:
    return int(np.count_nonzero(unexplained > _LIGHT_TOLERANCE)) >= MOVED_CELLS


def reaches_in(difference: Mask) -> bool:
    """Whether one connected part of what differs crosses the border as an arm does, and reaches inside."""
    border = np.zeros_like(difference)
    border[[0, -1], :] = border[:, [0, -1]] = True
    crossing = np.count_nonzero(difference & border)
    if not _HAND_CELLS <= crossing <= _HAND_MAX_BORDER * np.count_nonzero(border):
        return False
    _, labels, boxes, _ = cv2.connectedComponentsWithStats(difference.astype(np.uint8), connectivity=4)
    touching = np.bincount(labels[border & difference], minlength=len(boxes))
    deep = np.minimum(boxes[:, cv2.CC_STAT_WIDTH], boxes[:, cv2.CC_STAT_HEIGHT]) >= _HAND_DEPTH
    return bool(np.any((touching >= _HAND_CELLS) & deep))


def sharpness(mid: Frame) -> float:
    """The steepest slope over the full height of the edge, where contrast is highest: it tells blur, whatever is in the picture.

    A plain variance of the Laplacian would call an empty bin blurred.

    Args:
        mid: uint8 [120, 160, 3].

    Returns:
        Their ratio, 1 where nothing has contrast.
    """
    grey = cv2.cvtColor(mid, cv2.COLOR_BGR2GRAY)
    around = np.ones((13, 13), np.uint8)
    contrast = cv2.subtract(cv2.dilate(grey, around), cv2.erode(grey, around))[::4, ::4]
    slope = np.zeros_like(grey)
    slope[:, 1:] = cv2.absdiff(grey[:, 1:], grey[:, :-1])
    slope[1:] = cv2.max(slope[1:], cv2.absdiff(grey[1:], grey[:-1]))
    edges = contrast >= max(_EDGE_CONTRAST, _ranked(contrast.ravel(), 0.9))
    if np.count_nonzero(edges) < _MIN_EDGES:
        return 1.0
    return float(cv2.dilate(slope, around)[::4, ::4][edges].sum(dtype=np.int64) / contrast[edges].sum(dtype=np.int64))


def _light(cells: Cells) -> float:
    return _ranked(cells[1, ::4, ::4].ravel(), 0.95)


def _ranked(values: NDArray[Any], share: float) -> float:
    """The value that a share of all is below."""
    place = int(share * (values.size - 1))
    return float(np.partition(values, place)[place])
