"""Compose a scene from bin, items, cords and camera; and sequences in which a hand adds and takes items."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import cv2
import numpy as np

from bintally.frames import Frame
from bintally.scenes._bins import draw_bin, draw_cords, draw_hand
from bintally.scenes._camera import Camera, mark_rendered
from bintally.scenes._filling import Assortment, Filling
from bintally.scenes._types import Bgr, BinKind, Mask, Placed, Scene

WIDTH, HEIGHT = 480, 360
MAX_QUANTITY = 12
_SHADOW_PX = 9


class _Stage:
    """One bin with its light and camera; items come and go."""

    def __init__(self, rng: np.random.Generator, quantity: int) -> None:
        self.bin_kind: BinKind = "fabric" if rng.random() < 0.6 else "shelf"
        self._rng = rng
        self._empty, inside = draw_bin(rng, self.bin_kind, WIDTH, HEIGHT)
        self.filling = Filling(inside, (HEIGHT, WIDTH))
        self._assortment = Assortment(rng, quantity, inside)
        self._cords, self._cord_colour = draw_cords(rng, self.bin_kind, WIDTH, HEIGHT, inside)
        self._camera = Camera.draw(rng)
        for _ in range(quantity):
            self.add_item()

    def add_item(self) -> None:
        sprite, article = self._assortment.next(self._rng)
        self.filling.add(self._rng, sprite, article)

    def picture(self, hand: tuple[Frame, Mask] | None = None) -> Frame:
        canvas = self._empty.astype(np.float32)
        for item in self.filling.items:
            _cast_shadow(canvas, item)
            _paint(canvas, item)
        _cover(canvas, np.array(self._cord_colour, np.float32), self._cords)
        if hand is not None:
            _cover(canvas, hand[0].astype(np.float32), hand[1])
        frame = self._camera.expose(np.clip(canvas, 0, 255).astype(np.uint8), self._rng)
        mark_rendered(frame)
        return frame

    def scene(self) -> Scene:
        items = self.filling.items
        return Scene(
            frame=self.picture(),
            quantity=len(items),
            bin_kind=self.bin_kind,
            articles=tuple(item.article for item in items),
            item_kinds=tuple(item.sprite.kind for item in items),
            visible=tuple(self.filling.visible()),
            centres=tuple(self.filling.centres()),
            foreground=float((self.filling.owner >= 0).mean()),
        )


def render_scene(seed: int | tuple[int, ...], quantity: int | None = None) -> Scene:
    """Render one bin.

    Args:
        seed: the same seed gives the same scene.
        quantity: number of items, 0 to 12; drawn evenly from 0 to 12, with 0 to 5 as likely as all above, if not given.

    Returns:
        The picture, uint8 [360, 480, 3] in BGR, with its truth.

    Raises:
        ValueError: the quantity is out of range.
    """
    rng = np.random.default_rng(seed)
    if quantity is None:
        quantity = int(rng.integers(0, 7))
        if quantity == 6:
            quantity = int(rng.integers(6, MAX_QUANTITY + 1))
    if not 0 <= quantity <= MAX_QUANTITY:
        raise ValueError(f"quantity {quantity}: a rendered bin holds 0 to {MAX_QUANTITY} items")
    return _Stage(rng, quantity).scene()


@dataclass(frozen=True)
class Moment:
    """One frame of a sequence: ``quantity`` is the truth while the bin rests, None while a hand is in it."""

    frame: Frame
    quantity: int | None


def render_sequence(seed: int | tuple[int, ...], changes: int = 6, rest_frames: int = 12, reach_frames: int = 8) -> Iterator[Moment]:
    """Render a video of one bin in which a hand adds and takes items.

    Args:
        seed: the same seed gives the same sequence.
        changes: how often a hand comes.
        rest_frames: frames between two hands.
        reach_frames: frames for the hand's way in, and as many for its way out.

    Yields:
        One moment a frame.
    """
    rng = np.random.default_rng(seed)
    stage = _Stage(rng, int(rng.integers(0, 6)))
    for _ in range(changes):
        for _ in range(rest_frames):
            yield Moment(stage.picture(), len(stage.filling.items))
        yield from _hand_visits(rng, stage, reach_frames)
    for _ in range(rest_frames):
        yield Moment(stage.picture(), len(stage.filling.items))


def _hand_visits(rng: np.random.Generator, stage: _Stage, reach_frames: int) -> Iterator[Moment]:
    hand_seed = int(rng.integers(1 << 31))
    held = len(stage.filling.items)
    takes = held > 0 and (held >= MAX_QUANTITY or rng.random() < 0.5)
    reaches = [(step + 1) / reach_frames for step in range(reach_frames)]
    for step, reach in enumerate(reaches + reaches[::-1]):
        if step == reach_frames:
            if takes:
                stage.filling.remove_last()
            else:
                stage.add_item()
        hand = draw_hand(np.random.default_rng(hand_seed), reach, WIDTH, HEIGHT)
        yield Moment(stage.picture(hand), None)


def _cast_shadow(canvas: np.ndarray, item: Placed) -> None:
    """Darken what lies behind an item, a little to the right and below."""
    pad = _SHADOW_PX
    alpha = cv2.copyMakeBorder(item.sprite.alpha, pad, pad, pad, pad, cv2.BORDER_CONSTANT, value=0)
    alpha = cv2.blur(alpha, (pad, pad))
    _blend(canvas, np.zeros(3, np.float32), alpha * 0.5, item.left - pad + 3, item.top - pad + 2)


def _paint(canvas: np.ndarray, item: Placed) -> None:
    _blend(canvas, item.sprite.image.astype(np.float32), item.sprite.alpha, item.left, item.top)


def _cover(canvas: np.ndarray, colour: np.ndarray, cover: Mask) -> None:
    _blend(canvas, colour, cover, 0, 0)


def _blend(canvas: np.ndarray, colour: np.ndarray | Bgr, alpha: Mask, left: int, top: int) -> None:
    """Lay a colour [3] or a picture [h, w, 3] over the canvas where ``alpha`` [h, w] says, cut at the frame's edges."""
    height, width = alpha.shape
    y0, x0 = max(0, top), max(0, left)
    y1, x1 = min(canvas.shape[0], top + height), min(canvas.shape[1], left + width)
    if y1 <= y0 or x1 <= x0:
        return
    inside = (slice(y0 - top, y1 - top), slice(x0 - left, x1 - left))
    source = np.asarray(colour, np.float32)
    if source.ndim == 3:
        source = source[inside]
    weight = alpha[inside][..., None]
    part = canvas[y0:y1, x0:x1]
    part += (source - part) * weight
