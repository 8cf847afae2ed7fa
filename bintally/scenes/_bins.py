"""Draw empty bins and what stands in front of them: cords, labels, a hand."""

from __future__ import annotations

import cv2
import numpy as np

from bintally.frames import Frame
from bintally.scenes._surface import shade, smooth_noise, to_bgr
from bintally.scenes._types import Bgr, BinKind, Interior, Mask

_FABRICS: tuple[Bgr, ...] = ((85, 170, 205), (120, 120, 118), (150, 110, 60), (90, 95, 150))
_PANELS: tuple[Bgr, ...] = ((150, 155, 158), (110, 150, 185), (185, 185, 180), (95, 80, 72))
_RAILS: tuple[Bgr, ...] = ((60, 70, 190), (170, 120, 70), (70, 130, 220), (90, 90, 90))


def draw_bin(rng: np.random.Generator, kind: BinKind, width: int, height: int) -> tuple[Frame, Interior]:
    """Draw an empty bin; returns the picture and the rectangle that items may stand in."""
    interior = Interior(
        left=int(width * rng.uniform(0.03, 0.1)),
        top=int(height * rng.uniform(0.05, 0.14)),
        right=int(width * rng.uniform(0.9, 0.97)),
        bottom=int(height * rng.uniform(0.83, 0.92)),
    )
    picture = _fabric(rng, width, height, interior) if kind == "fabric" else _shelf(rng, width, height, interior)
    _label(rng, picture, interior)
    return picture, interior


def _fabric(rng: np.random.Generator, width: int, height: int, inside: Interior) -> Frame:
    colour = to_bgr(np.array(_FABRICS[rng.choice(len(_FABRICS), p=(0.7, 0.12, 0.1, 0.08))]) + rng.normal(0, 10, 3))
    picture = np.empty((height, width, 3), np.float32)
    picture[:] = np.array(colour, np.float32) * rng.uniform(0.7, 0.95)
    folds = smooth_noise(rng, height, width, int(rng.integers(28, 70))) * rng.uniform(6, 24)
    weave = rng.normal(0, 3.0, (height, width)).astype(np.float32)
    picture += (folds + weave)[..., None]
    side = np.zeros((height, width), np.float32)
    side[:, : inside.left] = 1
    side[:, inside.right :] = 1
    picture *= (1 + 0.18 * cv2.GaussianBlur(side, (0, 0), 2))[..., None]
    sag = rng.uniform(0, 0.06) * height
    x = np.arange(width, dtype=np.float32)
    lip = inside.bottom + sag * (1 - ((x - width / 2) / (width / 2)) ** 2)
    below = np.arange(height, dtype=np.float32)[:, None] - lip[None, :]
    picture *= np.where(below > 0, 1.22, 1 - 0.3 * np.exp(np.minimum(below, 0) / (0.05 * height)))[..., None]
    return np.clip(picture, 0, 255).astype(np.uint8)


def _shelf(rng: np.random.Generator, width: int, height: int, inside: Interior) -> Frame:
    colour = to_bgr(np.array(_PANELS[rng.integers(len(_PANELS))]) + rng.normal(0, 8, 3))
    picture = np.empty((height, width, 3), np.uint8)
    picture[:] = np.array(shade(colour, 0.62), np.uint8)
    inset = int(width * rng.uniform(0.02, 0.07))
    back_bottom = inside.bottom - int(height * rng.uniform(0.06, 0.14))
    floor = np.array(
        (
            (inside.left + inset, back_bottom),
            (inside.right - inset, back_bottom),
            (inside.right, inside.bottom),
            (inside.left, inside.bottom),
        )
    )
    walls = (
        np.array(((inside.left, 0), (inside.left + inset, 0), floor[0], floor[3])),
        np.array(((inside.right, 0), (inside.right - inset, 0), floor[1], floor[2])),
    )
    cv2.fillPoly(picture, [floor.astype(np.int32)], shade(colour, 1.05), cv2.LINE_AA)
    for wall, light in zip(walls, (0.8, 0.48), strict=True):
        cv2.fillPoly(picture, [wall.astype(np.int32)], shade(colour, light), cv2.LINE_AA)
    for edge in (slice(0, inside.left), slice(inside.right, width)):
        picture[:, edge] = np.array(shade(colour, 1.15), np.uint8)
    if rng.random() < 0.4:  # perforated back
        step = int(rng.integers(14, 24))
        for y in range(inside.top, back_bottom, step):
            for x in range(inside.left + inset + step, inside.right - inset, step):
                cv2.circle(picture, (x, y), 2, shade(colour, 0.4), -1, cv2.LINE_AA)
    rail = _RAILS[rng.integers(len(_RAILS))]
    cv2.rectangle(picture, (0, inside.bottom), (width, height), shade(rail, rng.uniform(0.75, 1.05)), -1)
    cv2.line(picture, (0, inside.bottom), (width, inside.bottom), shade(rail, 0.5), 2)
    grain = smooth_noise(rng, height, width, 6) * 5 + rng.normal(0, 2, (height, width))
    return np.clip(picture + grain[..., None], 0, 255).astype(np.uint8)


def _label(rng: np.random.Generator, picture: Frame, inside: Interior) -> None:
    """Stick the location's label on the lower lip: a code beside a square of modules."""
    height, width = picture.shape[:2]
    size = max(14, int((height - inside.bottom) * 0.75))
    left = int(rng.uniform(0.25, 0.6) * width)
    top = min(height - size - 1, inside.bottom + int(0.1 * (height - inside.bottom)))
    band = to_bgr(rng.uniform(60, 220, 3))
    cv2.rectangle(picture, (left, top), (left + 3 * size, top + size), band, -1)
    code = f"{rng.integers(1, 6)}{chr(65 + rng.integers(0, 10))}"
    cv2.putText(picture, code, (left + 4, top + size - 5), cv2.FONT_HERSHEY_DUPLEX, size / 30, (15, 15, 15), 1, cv2.LINE_AA)
    modules = (rng.random((10, 10)) < 0.5).astype(np.uint8) * 225
    square = cv2.resize(modules, (size - 4, size - 4), interpolation=cv2.INTER_NEAREST)
    picture[top + 2 : top + size - 2, left + 2 * size : left + 3 * size - 4] = square[..., None]


def draw_cords(rng: np.random.Generator, kind: BinKind, width: int, height: int, inside: Interior) -> tuple[Mask, Bgr]:
    """Draw the elastic cords (fabric bin) or the broad band (shelf) that hold the items back.

    Returns:
        float32 [height, width] cover, 0 to 1 (all zero where the bin has none), and their colour.
    """
    cover = np.zeros((height, width), np.uint8)
    if kind == "shelf":
        if rng.random() < 0.35:
            _cord(rng, cover, inside.top + inside.height * rng.uniform(0.3, 0.8), int(rng.integers(5, 12)))
        return cover.astype(np.float32) / 255, to_bgr(rng.uniform(30, 120, 3))
    for share in (rng.uniform(0.12, 0.35), rng.uniform(0.6, 0.85)):
        if rng.random() < 0.9:
            spacing = rng.uniform(4.5, 9)
            first = inside.top + inside.height * share
            for number in range(int(rng.integers(3, 9))):
                _cord(rng, cover, first + number * spacing, 1)
    opacity = rng.uniform(0.5, 0.85)
    return cover.astype(np.float32) / 255 * opacity, to_bgr(np.array((140, 165, 180)) * rng.uniform(0.75, 1.15))


def _cord(rng: np.random.Generator, cover: np.ndarray, y: float, thickness: int) -> None:
    width = cover.shape[1]
    x = np.linspace(0, width - 1, 9)
    line = y + rng.normal(0, 1.5) * (x / width - 0.5) + rng.uniform(-2, 5) * (1 - (2 * x / width - 1) ** 2)
    cv2.polylines(cover, [np.stack((x, line), 1).astype(np.int32)], False, 255, thickness, cv2.LINE_AA)


def draw_hand(rng: np.random.Generator, reach: float, width: int, height: int) -> tuple[Frame, Mask]:
    """Draw an arm that reaches into the bin from below.

    Args:
        rng: source of randomness; the same state gives the same hand at every reach.
        reach: 0 (outside the frame) to 1 (its fingers near the bin's back).
        width: of the frame, pixels.
        height: of the frame, pixels.

    Returns:
        Picture uint8 [height, width, 3] and cover float32 [height, width].
    """
    skin = to_bgr(np.array(((120, 150, 205), (70, 95, 150), (45, 60, 95), (190, 190, 190))[rng.integers(4)]) + rng.normal(0, 8, 3))
    sleeve = to_bgr(rng.uniform(20, 200, 3))
    palm_x = width * rng.uniform(0.3, 0.7)
    tip_y = height * (1.12 - 0.95 * reach)
    size = 0.1 * width
    cover = np.zeros((height, width), np.uint8)
    picture = np.empty((height, width, 3), np.uint8)
    picture[:] = np.array(skin, np.uint8)
    foot_x = palm_x + rng.normal(0, 0.1) * width
    wrist_y = tip_y + 2.6 * size
    arm = np.array(
        (
            (palm_x - 0.5 * size, wrist_y),
            (palm_x + 0.5 * size, wrist_y),
            (foot_x + size, height + 2 * size),
            (foot_x - size, height + 2 * size),
        )
    )
    cv2.fillPoly(cover, [arm.astype(np.int32)], 255, cv2.LINE_AA)
    cuff = arm.copy()
    cuff[:2, 1] += 1.6 * size
    cv2.fillPoly(picture, [cuff.astype(np.int32)], sleeve, cv2.LINE_AA)
    cv2.ellipse(cover, (int(palm_x), int(tip_y + 1.9 * size)), (int(0.75 * size), int(0.95 * size)), 0, 0, 360, 255, -1, cv2.LINE_AA)
    for finger in range(5):
        angle = np.deg2rad(-90 + (finger - 2) * rng.uniform(13, 19))
        length = size * (1.9 if finger not in (0, 4) else 1.45)
        root = (palm_x + 0.3 * (finger - 2) * size, tip_y + 1.7 * size)
        tip = (root[0] + length * np.cos(angle), root[1] + length * np.sin(angle))
        points = [tuple(int(v) for v in point) for point in (root, tip)]
        cv2.line(cover, points[0], points[1], 255, max(3, int(0.34 * size)), cv2.LINE_AA)
        cv2.line(picture, points[0], points[1], shade(skin, 0.93), max(2, int(0.2 * size)), cv2.LINE_AA)
    return picture, cover.astype(np.float32) / 255
