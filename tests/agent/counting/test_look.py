"""What is seen of a picture: noise, lamps and exposure are no movement; goods, hands and blur are seen."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from agent.counting.look import Look, Looker, sharpness, shrink
from bintally.frames import Frame
from bintally.scenes import render_scene

BIN = cv2.resize(render_scene(11, 3).frame, (320, 240))


def _noisy(picture: Frame, seed: int, level: float = 3.0, gain: float | np.ndarray = 1.0) -> Frame:
    rng = np.random.default_rng(seed)
    noise = rng.standard_normal(picture.shape, np.float32) * level
    seen: Frame = np.clip(picture * np.asarray(gain, np.float32) + noise, 0, 255).astype(np.uint8)
    return seen


def _after_count(*pictures: Frame) -> Look:
    """Look at the bin, count it, then look at these; returns the last look."""
    looker = Looker()
    for seed in range(4):
        look = looker.see(_noisy(BIN, seed))
    looker.counted()
    for picture in pictures:
        look = looker.see(picture)
    return look


def _with_arm(picture: Frame, tip: int = 75, colour: tuple[int, int, int] = (120, 150, 205)) -> Frame:
    seen = picture.copy()
    cv2.rectangle(seen, (135, tip), (185, 240), colour, -1)
    return seen


def test_the_first_picture_moves_and_is_new() -> None:
    look = Looker().see(BIN)
    assert look.moved
    assert look.changed
    assert not look.hand
    assert not look.repeated


@pytest.mark.parametrize("level", [0.5, 3.0, 8.0])
def test_noise_is_no_movement(level: float) -> None:
    looker = Looker()
    looks = [looker.see(_noisy(BIN, seed, level)) for seed in range(20)]
    looker.counted()
    looks += [looker.see(_noisy(BIN, seed, level)) for seed in range(20, 60)]
    assert not any(look.moved for look in looks[4:])
    assert not any(look.changed or look.hand for look in looks[20:])


def test_flicker_bands_and_exposure_are_no_movement() -> None:
    lines = np.arange(240)[:, None, None] / 240
    bands = [1 + 0.03 * np.sin(12 * lines + 2.1 * number) for number in range(12)]
    for picture in (*(_noisy(BIN, 50 + n, gain=gain) for n, gain in enumerate([0.9, 1.08, 0.7])), *(_noisy(BIN, 9, gain=g) for g in bands)):
        look = _after_count(picture)
        assert not look.moved
        assert not look.changed
        assert not look.hand


def test_a_swap_between_two_pictures_is_seen() -> None:
    swapped = BIN.copy()
    cv2.rectangle(swapped, (150, 110), (175, 135), (40, 40, 200), -1)
    look = _after_count(_noisy(swapped, 8), _noisy(swapped, 9))
    assert not look.moved
    assert look.changed
    assert not look.hand


def test_a_drift_that_no_two_pictures_show_is_seen() -> None:
    pictures = []
    for step in range(60):
        drifted = BIN.copy()
        drifted[100:150, 125:200] = cv2.addWeighted(BIN[100:150, 125:200], 1 - step / 60, np.full((50, 75, 3), 20, np.uint8), step / 60, 0)
        pictures.append(_noisy(drifted, step))
    assert _after_count(*pictures).changed


def test_a_hand_that_is_held_still_is_seen_and_goods_are_no_hand() -> None:
    arm = _with_arm(BIN)
    still = _after_count(_noisy(arm, 7), _noisy(arm, 8), _noisy(arm, 9))
    assert still.hand
    assert not still.moved
    goods = BIN.copy()
    cv2.rectangle(goods, (75, 50), (200, 210), (30, 60, 220), -1)
    assert not _after_count(_noisy(goods, 7), _noisy(goods, 8)).hand
    assert not _after_count(_noisy(render_scene(12, 4).frame, 7)).hand, "another bin is no hand"


def test_only_the_same_bits_are_a_repeated_picture() -> None:
    picture = _noisy(BIN, 99)
    assert _after_count(picture, picture.copy()).repeated
    assert not _after_count(picture, _noisy(BIN, 100)).repeated


def test_after_forgetting_nothing_is_compared() -> None:
    looker = Looker()
    looker.see(BIN)
    looker.counted()
    looker.forget()
    look = looker.see(BIN)
    assert look.moved
    assert look.changed
    assert not look.repeated


def test_blur_lowers_sharpness_and_emptiness_does_not() -> None:
    values = [sharpness(shrink(cv2.GaussianBlur(BIN, (0, 0), sigma) if sigma else BIN).mid) for sigma in (0, 2, 4, 8)]
    assert values == sorted(values, reverse=True)
    assert values[0] > 0.4
    assert values[-1] < 0.17
    assert sharpness(shrink(_noisy(np.full((240, 320, 3), 120, np.uint8), 1)).mid) == 1.0


@pytest.mark.parametrize("shape", [(16, 16, 3), (1080, 1920, 3), (90, 700, 3)])
def test_any_size_is_looked_at(shape: tuple[int, int, int]) -> None:
    looker = Looker()
    picture = cv2.resize(BIN, (shape[1], shape[0]))
    looker.see(picture)
    looker.counted()
    assert not looker.see(picture).changed


def test_the_frame_is_not_written_to() -> None:
    picture = BIN.copy()
    picture.flags.writeable = False
    looker = Looker()
    looker.see(picture[10:200, 20:300])
