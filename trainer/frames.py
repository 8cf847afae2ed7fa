"""Labelled frames for torch: read, resized by the one resize, and varied for training."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import torch
from torch.utils.data import Dataset

from bintally.frames import Frame, read_frame, resize
from trainer.data.dataset import Example
from trainer.model import TOP_CLASS


class LabelledFrames(Dataset[tuple[torch.Tensor, int]]):
    """Frames uint8 [size, size, 3] with their class, 0 to 6.

    Args:
        examples: which images.
        size: side in pixels.
        vary: the seed of this epoch's variations, or None for frames as they are. Each frame's variation depends on the
            seed and on its position alone, so a run that was resumed sees what it would have seen.
    """

    def __init__(self, examples: Sequence[Example], size: int, vary: tuple[int, int] | None = None) -> None:
        self._examples, self._size, self._vary = examples, size, vary

    def __len__(self) -> int:
        return len(self._examples)

    def __getitem__(self, position: int) -> tuple[torch.Tensor, int]:
        example = self._examples[position]
        frame = read_frame(Path(example.image))
        if self._vary is not None:
            frame = vary(frame, np.random.default_rng((*self._vary, position)), self._size)
        frame = resize(frame, (self._size, self._size))
        return torch.from_numpy(frame), min(example.quantity, TOP_CLASS)


def vary(frame: Frame, rng: np.random.Generator, size: int) -> Frame:
    """Mirror, crop a little or pull in the edges, turn a little, and change light and colour; every item stays in view."""
    frame = resize(frame, (size, size))
    if rng.random() < 0.5:
        frame = np.ascontiguousarray(frame[:, ::-1])
    turn = np.deg2rad(rng.normal(0, 2.5))
    scale = rng.uniform(0.92, 1.06) * rng.uniform(0.96, 1.04, 2)
    matrix = np.array(((np.cos(turn), -np.sin(turn)), (np.sin(turn), np.cos(turn)))) * scale[:, None]
    centre = np.full(2, size / 2)
    shift = centre - matrix @ centre + rng.uniform(-0.03, 0.03, 2) * size
    moved = cv2.warpAffine(frame, np.column_stack((matrix, shift)), (size, size), borderMode=cv2.BORDER_REFLECT_101)
    gain = rng.uniform(0.75, 1.3) * rng.uniform(0.92, 1.08, 3)
    curve = np.clip(np.arange(256)[:, None] * gain + rng.uniform(-15, 15), 0, 255).astype(np.uint8)
    return cv2.LUT(moved, curve[None])
