"""Images from bytes; one that would be too large is refused by its header, before anything is decoded (pure).

OpenCV gives no size without decoding, so the headers of the two accepted formats are read here. What is not read
exactly as the decoders read it is refused, so that they cannot see another size than the one that was checked.

Source:
    ITU-T T.81, annex B (JPEG); W3C PNG Specification, third edition, sections 5.2 and 11.2.1.
"""

from __future__ import annotations

from http import HTTPStatus

from bintally.errors import InputError
from bintally.frames import Frame, decode_frame
from deploy.cloud.endpoint.refusals import RefusedError

_PNG, _JPEG = b"\x89PNG\r\n\x1a\n", b"\xff\xd8"
_SIZES = {*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC}
"""Markers of JPEG's segments that hold its size; the three others define tables or are reserved."""
_ALONE = {0x01, *range(0xD0, 0xD8)}
"""Markers without a segment."""
_SCAN, _END = 0xDA, 0xD9
_MAX_SCANS = 100
"""Progressive JPEGs have about ten. Each one costs a pass over the whole image, and a few bytes are enough for one."""


def frame_from(data: bytes, name: str, max_pixels: int) -> Frame:
    """Decode a JPEG or a PNG.

    Args:
        data: the file.
        name: of the image in refusals.
        max_pixels: width × height.

    Raises:
        RefusedError: it is too large, damaged, or neither of the two.
    """
    if not data:
        raise RefusedError(HTTPStatus.BAD_REQUEST, f"{name}: is empty; send the bytes of a JPEG or PNG file")
    size = size_of(data)
    if size is None:
        raise RefusedError(HTTPStatus.BAD_REQUEST, f"{name}: no JPEG or PNG file, or its header is damaged")
    width, height = size
    if width * height > max_pixels:
        raise RefusedError(
            HTTPStatus.UNPROCESSABLE_ENTITY, f"{name}: {width}×{height} pixels; at most {max_pixels:,} are counted; send a smaller image"
        )
    if data.startswith(_JPEG) and data.count(bytes((0xFF, _SCAN))) > _MAX_SCANS:
        raise RefusedError(
            HTTPStatus.UNPROCESSABLE_ENTITY, f"{name}: a JPEG of more than {_MAX_SCANS} scans; save it again, as a baseline JPEG"
        )
    try:
        return decode_frame(data, name)
    except InputError as error:
        raise RefusedError(HTTPStatus.BAD_REQUEST, str(error)) from error


def size_of(data: bytes) -> tuple[int, int] | None:
    """Width and height as a JPEG's or PNG's header gives them; None where there is no such header."""
    if data.startswith(_PNG):
        return _ends(data, 16, 4) if data[8:16] == b"\0\0\0\rIHDR" else None
    return _jpeg_size(data) if data.startswith(_JPEG) else None


def _jpeg_size(data: bytes) -> tuple[int, int] | None:
    at = 2
    while at + 4 <= len(data) and data[at] == 0xFF:
        marker = data[at + 1]
        if marker == 0xFF:  # any marker may have fill bytes before it
            at += 1
        elif marker in _ALONE:
            at += 2
        elif marker in _SIZES:
            found = _ends(data, at + 5, 2)
            return None if found is None else (found[1], found[0])
        elif marker in (0x00, _SCAN, _END):
            return None
        else:
            at += 2 + max(2, int.from_bytes(data[at + 2 : at + 4], "big"))
    return None


def _ends(data: bytes, at: int, width: int) -> tuple[int, int] | None:
    """Two numbers one after the other, big end first."""
    if len(data) < at + 2 * width:
        return None
    return int.from_bytes(data[at : at + width], "big"), int.from_bytes(data[at + width : at + 2 * width], "big")
