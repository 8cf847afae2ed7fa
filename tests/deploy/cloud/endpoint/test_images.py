"""The size that a header gives is the one that the decoder sees, and a bomb is refused before it is decoded."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bintally.frames import decode_frame
from deploy.cloud.endpoint.images import frame_from, size_of
from deploy.cloud.endpoint.refusals import RefusedError
from tests.deploy.cloud.endpoint.asking import grey_file, jpeg_of, many_scans, png_of

EXIF = b"\xff\xe1\x00\x20Exif\0\0" + b"\xff\xc0" * 12
"""A segment whose content looks like other segments."""


@pytest.mark.parametrize(("width", "height"), [(1, 1), (17, 300), (300, 17), (640, 480)])
@pytest.mark.parametrize(
    ("suffix", "options"),
    [
        (".png", ()),
        (".jpg", ()),
        (".jpg", (cv2.IMWRITE_JPEG_PROGRESSIVE, 1)),
        (".jpg", (cv2.IMWRITE_JPEG_RST_INTERVAL, 1)),
        (".jpg", (cv2.IMWRITE_JPEG_OPTIMIZE, 1)),
    ],
)
def test_the_size_is_that_of_the_decoded_image(suffix: str, options: tuple[int, ...], width: int, height: int) -> None:
    frame = np.random.default_rng(0).integers(0, 256, (height, width, 3), np.uint8)
    done, data = cv2.imencode(suffix, frame, options)
    assert done
    assert size_of(data.tobytes()) == (width, height)


def test_segments_and_fill_bytes_before_the_size_are_passed_over() -> None:
    data = grey_file(3)
    for before in (EXIF, b"\xff\xfe\x00\x02", b"\xff\xff\xff\xfe\x00\x04\xff\xc0", EXIF + b"\xff\xff"):
        longer = data[:2] + before + data[2:]
        assert size_of(longer) == (64, 48)
        assert decode_frame(longer, "x").shape == (48, 64, 3)


@given(st.sampled_from((grey_file(3), grey_file(3, ".png"), many_scans(0))), st.data())
def test_no_damage_makes_the_decoder_see_more_than_was_checked(whole: bytes, data: st.DataObject) -> None:
    at = data.draw(st.integers(2, min(len(whole) - 1, 400)))
    damaged = whole[:at] + bytes([data.draw(st.integers(0, 255))]) + whole[at + data.draw(st.integers(0, 3)) :]
    try:
        frame = frame_from(damaged, "damaged", 5_000_000)
    except RefusedError:
        return
    size = size_of(damaged)
    assert size is not None
    assert frame.shape[0] * frame.shape[1] == size[0] * size[1]


@given(
    st.binary(max_size=300),
    st.sampled_from((b"", b"\xff\xd8", b"\xff\xd8\xff\xe0", b"\x89PNG\r\n\x1a\n", b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR")),
)
def test_no_bytes_raise_anything_but_a_refusal(data: bytes, start: bytes) -> None:
    with pytest.raises(RefusedError, match=r"^fuzz: "):
        frame_from(start + data, "fuzz", 1000)


@pytest.mark.parametrize("data", [png_of(50_000, 50_000), png_of(2**31 - 1, 2**31 - 1), jpeg_of(65_500, 65_500), jpeg_of(1001, 1000)])
def test_a_bomb_is_refused_by_its_header(data: bytes) -> None:
    assert len(data) < 1000
    with pytest.raises(RefusedError, match=r"× ?\d+ pixels; at most 1,000,000 are counted") as refused:
        frame_from(data, "bomb", 1_000_000)
    assert refused.value.status == 422


def test_an_image_of_just_as_many_pixels_as_allowed_is_decoded() -> None:
    assert frame_from(grey_file(3), "x", 48 * 64).shape == (48, 64, 3)
    with pytest.raises(RefusedError):
        frame_from(grey_file(3), "x", 48 * 64 - 1)


def test_a_jpeg_of_endless_scans_is_refused() -> None:
    assert frame_from(many_scans(10), "x", 10_000).shape == (64, 64, 3)
    with pytest.raises(RefusedError, match="more than 100 scans") as refused:
        frame_from(many_scans(200), "x", 10_000)
    assert refused.value.status == 422


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "is empty"),
        (b"GIF89a" + bytes(100), "no JPEG or PNG"),
        (b"\xff\xd8\xff\xd9", "no JPEG or PNG"),
        (grey_file(3)[:100], "no JPEG or PNG|ends early"),
        (grey_file(3)[:-200], r"truncated|ends early"),
        (grey_file(3, ".png")[:-60], "damaged"),
        (jpeg_of(0, 0), "damaged|usable"),
    ],
)
def test_what_cannot_be_decoded_is_named(data: bytes, words: str) -> None:
    with pytest.raises(RefusedError, match=f"^image: .*({words})") as refused:
        frame_from(data, "image", 1_000_000)
    assert refused.value.status == 400
