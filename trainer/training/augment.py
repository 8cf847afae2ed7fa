"""Vary training frames: drawn once, applied by OpenCV on the processor or by torch on an accelerator, to the same pixels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import affine_grid, grid_sample

from bintally.frames import Frame


@dataclass(frozen=True)
class Variations:
    """What happens to each frame of a batch.

    Attributes:
        matrices: float32 [n, 2, 3], from a place (x, y, 1) in the frame to its place in the varied one, in shares of its side
            about the middle (−0.5 to 0.5).
        gains: float32 [n, 3], factors of blue, green, red.
        shifts: float32 [n], grey levels added afterwards.
        erased: float32 [n, 4], left, top, right, bottom of a rectangle that is made grey, in shares; empty where right ≤ left.
    """

    matrices: NDArray[np.float32]
    gains: NDArray[np.float32]
    shifts: NDArray[np.float32]
    erased: NDArray[np.float32]

    def part(self, which: slice) -> Variations:
        """Those of some frames of the batch."""
        return Variations(self.matrices[which], self.gains[which], self.shifts[which], self.erased[which])


def draw(rng: np.random.Generator, number: int, erase: float = 0.0) -> Variations:
    """Mirror, crop a little or pull in the edges, turn a little, and change light and colour; nearly all of a frame stays in view.

    Args:
        rng: the same state gives the same variations.
        number: of frames.
        erase: probability that a frame has a small rectangle erased.
    """
    mirror = np.where(rng.random(number) < 0.5, -1.0, 1.0)
    turn = np.deg2rad(rng.normal(0, 2.5, number))
    scale = rng.uniform(0.92, 1.06, (number, 1)) * rng.uniform(0.96, 1.04, (number, 2))
    cos, sin = np.cos(turn), np.sin(turn)
    matrices = np.empty((number, 2, 3))
    matrices[:, 0] = np.stack((cos * mirror * scale[:, 0], -sin * scale[:, 0], rng.uniform(-0.03, 0.03, number)), 1)
    matrices[:, 1] = np.stack((sin * mirror * scale[:, 1], cos * scale[:, 1], rng.uniform(-0.03, 0.03, number)), 1)
    gains = rng.uniform(0.75, 1.3, (number, 1)) * rng.uniform(0.92, 1.08, (number, 3))
    corner, size = rng.random((number, 2)), rng.uniform(0.05, 0.18, (number, 2))
    end = np.where((rng.random(number) < erase)[:, None], corner + size, corner)
    return Variations(
        matrices.astype(np.float32),
        gains.astype(np.float32),
        rng.uniform(-15, 15, number).astype(np.float32),
        np.concatenate((corner, end), 1).astype(np.float32),
    )


def move(places: NDArray[np.float32], matrix: NDArray[np.float32]) -> NDArray[np.float32]:
    """Where places [items, 2] (shares of width and height, 0 to 1) come to lie in the varied frame."""
    return np.asarray((places - 0.5) @ matrix[:, :2].T + matrix[:, 2] + 0.5, np.float32)


def vary(frames: Sequence[Frame], variations: Variations, varied: Frame) -> None:
    """Apply the variations with OpenCV.

    Args:
        frames: n of uint8 [side, side, 3].
        variations: for n frames.
        varied: uint8 [n, side, side, 3], filled with the varied frames.
    """
    side = frames[0].shape[0]
    middle = (side - 1) / 2
    matrices = variations.matrices.astype(np.float64)
    matrices[:, :, 2] = matrices[:, :, 2] * (side - 1) + middle - matrices[:, :, :2].sum(2) * middle
    curves = np.arange(256)[:, None] * variations.gains[:, None] + variations.shifts[:, None, None]
    curves = np.clip(curves, 0, 255).astype(np.uint8)[:, None]
    erased = (variations.erased * side).astype(int).tolist()
    for number, frame in enumerate(frames):
        moved = cv2.warpAffine(frame, matrices[number], (side, side), borderMode=cv2.BORDER_REFLECT_101)
        cv2.LUT(moved, curves[number], dst=varied[number])
        left, top, right, bottom = erased[number]
        if right > left:
            varied[number, top:bottom, left:right] = 127


def vary_on_device(frames: Tensor, variations: Variations) -> Tensor:
    """Apply all variations with torch, where the frames are.

    Args:
        frames: uint8 [n, side, side, 3].
        variations: for n frames.

    Returns:
        uint8 [n, side, side, 3]; within rounding and the finer interpolation what ``vary`` gives.
    """
    device, side = frames.device, frames.shape[1]
    back = np.linalg.inv(variations.matrices[:, :, :2])  # torch asks where each new pixel comes from
    way = np.concatenate((back, -2 * back @ variations.matrices[:, :, 2:]), 2)
    grid = affine_grid(torch.from_numpy(way).to(device), [len(frames), 3, side, side], align_corners=True)
    pixels = frames.permute(0, 3, 1, 2).float()
    moved = grid_sample(pixels, grid, mode="bilinear", padding_mode="reflection", align_corners=True).round()
    gains = torch.from_numpy(variations.gains).to(device)[:, :, None, None]
    shifts = torch.from_numpy(variations.shifts).to(device)[:, None, None, None]
    varied = (moved * gains + shifts).clamp(0, 255)
    left, top, right, bottom = (torch.from_numpy((variations.erased * side).astype(np.int64)).to(device)[:, :, None, None]).unbind(1)
    x, y = torch.arange(side, device=device)[None, None, :], torch.arange(side, device=device)[None, :, None]
    inside = (x >= left) & (x < right) & (y >= top) & (y < bottom)
    varied = varied.masked_fill(inside[:, None], 127)
    return varied.to(torch.uint8).permute(0, 2, 3, 1)
