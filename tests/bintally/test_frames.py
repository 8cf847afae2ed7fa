"""Reading image files, and the one resize."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bintally.errors import InputError
from bintally.frames import MAX_SIDE_PX, decode_frame, read_frame, resize

RANDOM = np.random.default_rng(0).integers(0, 256, (60, 80, 3), np.uint8)


def encoded(suffix: str) -> bytes:
    done, data = cv2.imencode(suffix, RANDOM)
    assert done
    return data.tobytes()


def test_a_frame_of_the_right_size_is_not_touched() -> None:
    assert resize(RANDOM, (60, 80)) is RANDOM


@given(st.integers(1, 90), st.integers(1, 90), st.integers(1, 90), st.integers(1, 90), st.integers(0, 255))
def test_resize_gives_the_size_and_keeps_an_even_colour(height: int, width: int, to_height: int, to_width: int, value: int) -> None:
    frame = np.full((height, width, 3), value, np.uint8)
    frame[:, :, 1] = 255 - value
    resized = resize(frame, (to_height, to_width))
    assert resized.dtype == np.uint8
    assert resized.shape == (to_height, to_width, 3)
    assert (resized == [value, 255 - value, value]).all()


def test_shrinking_averages_over_areas() -> None:
    board = np.zeros((8, 8, 3), np.uint8)
    board[::2, ::2] = 200
    assert (resize(board, (4, 4)) == 50).all()


@pytest.mark.parametrize(("height", "width"), [(720, 1280), (1080, 1920), (721, 1283), (640, 640)])
def test_a_large_frame_is_what_averaging_over_its_areas_gives(height: int, width: int) -> None:
    small = np.random.default_rng(1).integers(0, 256, (height // 40, width // 40, 3), np.uint8)
    frame = cv2.resize(small, (width, height), interpolation=cv2.INTER_CUBIC)
    exact = cv2.resize(frame, (160, 160), interpolation=cv2.INTER_AREA)
    assert np.abs(resize(frame, (160, 160)).astype(int) - exact).mean() < 1


@pytest.mark.parametrize(
    "frame",
    [
        RANDOM.astype(np.float32),
        RANDOM.astype(np.int16),
        RANDOM[:, :, 0],
        RANDOM[:, :, :1],
        np.zeros((4, 4, 4), np.uint8),
        RANDOM[None],
        RANDOM[:0],
    ],
)
def test_what_is_no_colour_picture_is_not_resized(frame: np.ndarray) -> None:
    with pytest.raises(InputError, match=r"a frame must be uint8 \[height, width, 3\]; this one is"):
        resize(frame, (32, 32))


@pytest.mark.parametrize("suffix", [".png", ".bmp"])
def test_lossless_files_are_read_in_bgr(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"image{suffix}"
    path.write_bytes(encoded(suffix))
    assert (read_frame(path) == RANDOM).all()


def test_grey_and_transparent_images_become_three_channels() -> None:
    for picture in (RANDOM[:, :, 0], np.dstack((RANDOM, RANDOM[:, :, 0]))):
        done, data = cv2.imencode(".png", picture)
        assert done
        assert decode_frame(data.tobytes(), "x").shape == (60, 80, 3)


def test_a_missing_file_and_a_folder_are_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"gone\.jpg: no such file; check the path"):
        read_frame(tmp_path / "gone.jpg")
    with pytest.raises(InputError, match="this is a folder; name an image file in it"):
        read_frame(tmp_path)


@pytest.mark.parametrize(
    ("data", "fault"),
    [
        (b"", "the file is empty"),
        (encoded(".jpg")[:-700], r"the JPEG ends early \(truncated\)"),
        (encoded(".jpg")[:20], r"the JPEG ends early \(truncated\)"),
        (encoded(".png")[:-700], "not an image that OpenCV can read, or damaged"),
        (b"just some text\n", "not an image that OpenCV can read"),
        (b"\xff\xd8 pretends to be a JPEG \xff\xd9", "not an image that OpenCV can read"),
    ],
)
def test_a_broken_image_is_refused_by_name(tmp_path: Path, data: bytes, fault: str) -> None:
    path = tmp_path / "bin.jpg"
    path.write_bytes(data)
    with pytest.raises(InputError, match=rf"bin\.jpg: {fault}"):
        read_frame(path)


def test_a_picture_too_large_to_count_is_refused() -> None:
    done, data = cv2.imencode(".png", np.zeros((1, MAX_SIDE_PX + 1, 3), np.uint8))
    assert done
    with pytest.raises(InputError, match="at most 16384 a side"):
        decode_frame(data.tobytes(), "wide.png")


@given(st.binary(max_size=400))
def test_no_bytes_that_are_no_image_raise_anything_but_input_error(data: bytes) -> None:
    with pytest.raises(InputError, match=r"^fuzz: "):
        decode_frame(data, "fuzz")
