"""Varying frames: drawn once, the same pixels from OpenCV and from torch, and places that move with what they mark."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest
import torch

from bintally.frames import resize
from bintally.scenes import render_scene
from trainer.training.augment import Variations, draw, move, vary, vary_on_device

SIDE = 96


def frames(number: int) -> np.ndarray:
    return np.stack([resize(render_scene((3, n)).frame, (SIDE, SIDE)) for n in range(number)])


def unvaried(number: int) -> Variations:
    return Variations(
        np.tile(np.eye(2, 3, dtype=np.float32), (number, 1, 1)),
        np.ones((number, 3), np.float32),
        np.zeros(number, np.float32),
        np.zeros((number, 4), np.float32),
    )


def by_opencv_of(given: np.ndarray, variations: Variations) -> np.ndarray:
    varied = np.empty_like(given)
    vary(list(given), variations, varied)
    return varied


def test_torch_gives_the_pixels_that_opencv_gives() -> None:
    given, variations = frames(12), draw(np.random.default_rng(1), 12, erase=0.5)
    by_opencv = by_opencv_of(given, variations)
    by_torch = vary_on_device(torch.from_numpy(given), variations).numpy()
    difference = np.abs(by_opencv.astype(int) - by_torch)
    assert difference.mean() < 1
    assert np.quantile(difference, 0.99) <= 8  # OpenCV interpolates between 32 places of a pixel


def test_the_two_would_differ_if_one_turned_the_other_way() -> None:
    given, variations = frames(4), draw(np.random.default_rng(1), 4)
    turned = replace(
        variations, matrices=np.linalg.inv(np.concatenate((variations.matrices, np.tile(((((0, 0, 1),)),), (4, 1, 1))), 1))[:, :2]
    )
    by_opencv = by_opencv_of(given, variations)
    by_torch = vary_on_device(torch.from_numpy(given), replace(turned, matrices=turned.matrices.astype(np.float32))).numpy()
    assert np.abs(by_opencv.astype(int) - by_torch).mean() > 3


def test_nothing_drawn_changes_nothing() -> None:
    given = frames(2)
    assert np.array_equal(by_opencv_of(given, unvaried(2)), given)
    assert np.array_equal(vary_on_device(torch.from_numpy(given), unvaried(2)).numpy(), given)


@pytest.mark.parametrize("number", range(6))
def test_a_place_moves_with_the_spot_it_marks(number: int) -> None:
    place = np.array([[0.4, 0.6]], np.float32)
    frame = np.zeros((SIDE, SIDE, 3), np.uint8)
    cv2.circle(frame, (round(0.4 * SIDE), round(0.6 * SIDE)), 3, (255, 255, 255), -1)
    variations = draw(np.random.default_rng(number), 1)
    seen = by_opencv_of(frame[None], replace(variations, shifts=np.zeros(1, np.float32)))[0, ..., 1]
    rows, columns = np.nonzero(seen > seen.max() / 2)
    x, y = move(place, variations.matrices[0])[0] * SIDE
    assert abs(columns.mean() - x) < 1.5
    assert abs(rows.mean() - y) < 1.5


def test_the_same_seed_draws_the_same_and_half_of_the_frames_are_mirrored() -> None:
    one, other = draw(np.random.default_rng(5), 400), draw(np.random.default_rng(5), 400)
    assert all(np.array_equal(a, b) for a, b in zip(vars(one).values(), vars(other).values(), strict=True))
    assert 150 < (one.matrices[:, 0, 0] < 0).sum() < 250


def test_only_asked_for_rectangles_are_erased() -> None:
    erased = draw(np.random.default_rng(5), 400, erase=0.25).erased
    some = (erased[:, 2] > erased[:, 0]).mean()
    assert 0.18 < some < 0.32
    assert not (draw(np.random.default_rng(5), 400).erased[:, 2:] > draw(np.random.default_rng(5), 400).erased[:, :2]).any()
