"""Draw single items: boxes, books, bags and bottles, each as a sprite with its transparency."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np

from bintally.frames import Frame
from bintally.scenes._surface import contrasting, printed_face, random_colour, shade, smooth_noise, to_bgr
from bintally.scenes._types import Mask, Sprite

KINDS = ("box", "book", "bag", "bottle")
_ASPECTS = {"box": (0.5, 1.9), "book": (0.12, 0.45), "bag": (0.7, 1.7), "bottle": (0.28, 0.55)}
"""Width over height, as the item stands."""


def draw_item(rng: np.random.Generator, kind: str, area: float, density: float) -> Sprite:
    """Draw one item.

    Args:
        rng: source of randomness.
        kind: one of ``KINDS``.
        area: pixels that the front should cover, roughly.
        density: how much print there is on it, 0 to 1.

    Returns:
        The item upright, its feet at the bottom of the sprite.
    """
    low, high = _ASPECTS[kind]
    aspect = float(np.exp(rng.uniform(np.log(low), np.log(high))))
    height = max(10, int(np.sqrt(area / aspect)))
    width = max(6, int(height * aspect))
    image, alpha = _DRAW[kind](rng, width, height, density)
    return Sprite(kind, image, alpha)


def lay(sprite: Sprite, degrees: float) -> Sprite:
    """Turn a sprite around its centre; positive is counter-clockwise; the canvas grows to hold it."""
    if abs(degrees) < 0.5:
        return sprite
    height, width = sprite.alpha.shape
    turn = cv2.getRotationMatrix2D((width / 2, height / 2), degrees, 1.0)
    cos, sin = abs(turn[0, 0]), abs(turn[0, 1])
    new_width, new_height = int(height * sin + width * cos) + 2, int(height * cos + width * sin) + 2
    turn[:, 2] += ((new_width - width) / 2, (new_height - height) / 2)
    image = cv2.warpAffine(sprite.image, turn, (new_width, new_height), borderMode=cv2.BORDER_REPLICATE)
    alpha = cv2.warpAffine(sprite.alpha, turn, (new_width, new_height))
    return Sprite(sprite.kind, image, alpha)


def shrink(sprite: Sprite, factor: float) -> Sprite:
    """Scale a sprite by ``factor`` (below 1)."""
    height, width = sprite.alpha.shape
    size = (max(5, int(width * factor)), max(5, int(height * factor)))
    return Sprite(
        sprite.kind,
        cv2.resize(sprite.image, size, interpolation=cv2.INTER_AREA),
        cv2.resize(sprite.alpha, size, interpolation=cv2.INTER_AREA),
    )


def _edge(image: Frame, outline: np.ndarray, factor: float = 0.45) -> None:
    """Darken the outline of a face, where two surfaces meet."""
    line = np.zeros(image.shape[:2], np.uint8)
    cv2.polylines(line, [outline.astype(np.int32)], True, 255, 1, cv2.LINE_AA)
    weight = (line.astype(np.float32) / 255 * (1 - factor))[..., None]
    image[:] = (image * (1 - weight)).astype(np.uint8)


def _draw_box(rng: np.random.Generator, width: int, height: int, density: float) -> tuple[Frame, Mask]:
    colour = random_colour(rng)
    top = max(1, int(height * rng.uniform(0.03, 0.22)))
    side = int(width * rng.uniform(-0.16, 0.16))
    canvas_width, canvas_height = width + abs(side), height + top
    image = np.zeros((canvas_height, canvas_width, 3), np.uint8)
    alpha = np.zeros((canvas_height, canvas_width), np.uint8)
    left = max(0, -side)
    front = np.array(((left, top), (left + width - 1, top), (left + width - 1, canvas_height - 1), (left, canvas_height - 1)))
    lid = np.array((front[0], front[1], front[1] + (side, -top), front[0] + (side, -top)))
    image[top:, left : left + width] = printed_face(rng, width, height, colour, density)
    cv2.fillPoly(image, [lid.astype(np.int32)], shade(colour, rng.uniform(1.1, 1.35)))
    outlines = [front, lid]
    if abs(side) > 2:
        edge = front[1:3] if side > 0 else front[[0, 3]]
        flank = np.array((edge[0], edge[0] + (side, -top), edge[1] + (side, -top), edge[1]))
        cv2.fillPoly(image, [flank.astype(np.int32)], shade(colour, rng.uniform(0.5, 0.75)))
        outlines.append(flank)
    for outline in outlines:
        cv2.fillPoly(alpha, [outline.astype(np.int32)], 255, cv2.LINE_AA)
    for outline in outlines:
        _edge(image, outline)
    return image, alpha.astype(np.float32) / 255


def _draw_book(rng: np.random.Generator, width: int, height: int, density: float) -> tuple[Frame, Mask]:
    """Draw a book from its spine; the text runs along it."""
    colour = random_colour(rng)
    spine = printed_face(rng, height, width, colour, density * 0.7)
    spine = np.ascontiguousarray(np.rot90(spine, 3))
    for share in rng.uniform(0.03, 0.97, rng.integers(0, 4)):
        cv2.line(spine, (0, int(share * height)), (width, int(share * height)), contrasting(colour, rng), 1 + int(rng.integers(0, 2)))
    curve = 1 - rng.uniform(0.15, 0.5) * np.abs(np.linspace(-1, 1, width, dtype=np.float32)) ** 3
    image = (spine * curve[None, :, None]).astype(np.uint8)
    pages = int(rng.uniform(0, 0.05) * height)
    if pages > 1:
        image[:pages] = np.array((200, 215, 220), np.uint8)
        image[:pages, ::2] = np.array((150, 170, 180), np.uint8)
    _edge(image, np.array(((0, 0), (width - 1, 0), (width - 1, height - 1), (0, height - 1))), 0.35)
    return image, np.ones((height, width), np.float32)


def _draw_bag(rng: np.random.Generator, width: int, height: int, density: float) -> tuple[Frame, Mask]:
    """Draw a soft bag: a bulging outline, wrinkles and bright reflections of the film."""
    angles = np.linspace(0, 2 * np.pi, 40, endpoint=False)
    square = 1 / np.maximum(np.abs(np.cos(angles)), np.abs(np.sin(angles)))
    radius = 0.5 * (1 + rng.uniform(0.3, 0.75) * (square - 1))
    for wave in range(2, 6):
        radius *= 1 + rng.normal(0, 0.035) * np.cos(wave * angles + rng.uniform(0, 2 * np.pi))
    radius = radius / radius.max() * 0.7
    x = np.clip(width / 2 + radius * np.cos(angles) * width, 0, width - 1)
    y = np.clip(height / 2 + radius * np.sin(angles) * height, 0, height - 1)
    outline = np.stack((x, y), 1)
    alpha = np.zeros((height, width), np.uint8)
    cv2.fillPoly(alpha, [outline.astype(np.int32)], 255, cv2.LINE_AA)
    image = printed_face(rng, width, height, random_colour(rng), density * 0.8).astype(np.float32)
    bulges = smooth_noise(rng, height, width, max(4, min(width, height) // 4))
    creases = 1 - np.abs(smooth_noise(rng, height, width, max(3, min(width, height) // 6))) * 4
    image += (bulges * rng.uniform(10, 40) - np.clip(creases, 0, 1) * rng.uniform(10, 45))[..., None]
    image += (np.clip(bulges * 1.5 - rng.uniform(0.5, 1.0), 0, 1) * rng.uniform(60, 220))[..., None]
    inside = cv2.distanceTransform(alpha, cv2.DIST_L2, 3)
    rim = np.clip(inside / (0.12 * min(width, height) + 1), 0, 1)
    image *= (0.5 + 0.5 * rim)[..., None]
    return np.clip(image, 0, 255).astype(np.uint8), alpha.astype(np.float32) / 255


def _draw_bottle(rng: np.random.Generator, width: int, height: int, density: float) -> tuple[Frame, Mask]:
    """Draw a bottle or a jar: body, shoulder, neck and cap, shaded as a cylinder."""
    neck = width * rng.uniform(0.28, 0.85)
    cap, shoulder = height * rng.uniform(0.07, 0.16), height * rng.uniform(0.04, 0.2)
    centre = width / 2
    half, half_neck = width / 2 - 1, neck / 2
    rows = (0.0, cap, cap + 1, cap + shoulder, height - 3.0, height - 1.0)
    halves = (half_neck, half_neck, half_neck * 0.92, half, half, half * 0.93)
    right = [(centre + h, y) for h, y in zip(halves, rows, strict=True)]
    outline = np.array(right + [(2 * centre - x, y) for x, y in reversed(right)])
    alpha = np.zeros((height, width), np.uint8)
    cv2.fillPoly(alpha, [outline.astype(np.int32)], 255, cv2.LINE_AA)
    body, lid = random_colour(rng), random_colour(rng)
    image = np.empty((height, width, 3), np.uint8)
    image[:] = np.array(body, np.uint8)
    image[: int(cap)] = np.array(lid, np.uint8)
    label_top = int(cap + shoulder + rng.uniform(0.02, 0.2) * height)
    label_bottom = int(height * rng.uniform(0.75, 0.97))
    if label_bottom - label_top > 6:
        label = printed_face(rng, width, label_bottom - label_top, to_bgr(np.array(contrasting(body, rng))), density)
        image[label_top:label_bottom] = label
    across = np.linspace(-1, 1, width, dtype=np.float32)
    round_shade = 1.08 - rng.uniform(0.45, 0.65) * across**2
    gloss = 70 * rng.uniform(0, 1) * np.exp(-(((across + rng.uniform(-0.5, 0.5)) / 0.12) ** 2))
    lit = image * round_shade[None, :, None] + gloss[None, :, None]
    return np.clip(lit, 0, 255).astype(np.uint8), alpha.astype(np.float32) / 255


_DRAW: dict[str, Callable[[np.random.Generator, int, int, float], tuple[Frame, Mask]]] = {
    "box": _draw_box,
    "book": _draw_book,
    "bag": _draw_bag,
    "bottle": _draw_bottle,
}
