"""Cut the parts of a view that show one bin each (pure)."""

from __future__ import annotations

from bintally.errors import InputError
from bintally.frames import Frame
from bintally.messages import Region

MIN_SIDE_PX = 16


def check_region(region: Region) -> None:
    """Refuse a region that holds nothing.

    Raises:
        InputError: its edges are in the wrong order; says which.
    """
    for low, high in (("left", "right"), ("top", "bottom")):
        if not getattr(region, low) < getattr(region, high):
            raise InputError(f"{_name(region)}: {low} {getattr(region, low):g} must be less than {high} {getattr(region, high):g}")


def cut(frame: Frame, region: Region) -> Frame:
    """Take a region out of a frame, as a view: nothing is copied.

    Args:
        frame: uint8 [h, w, 3].
        region: its edges in shares of the frame.

    Returns:
        uint8 [h', w', 3], at least 16×16.

    Raises:
        InputError: the region is empty, or too few of this frame's pixels are in it.
    """
    check_region(region)
    height, width = frame.shape[:2]
    left, right = round(region.left * width), round(region.right * width)
    top, bottom = round(region.top * height), round(region.bottom * height)
    if right - left < MIN_SIDE_PX or bottom - top < MIN_SIDE_PX:
        raise InputError(
            f"{_name(region)}: it is {right - left}×{bottom - top} pixels of this {width}×{height} frame, at least "
            f"{MIN_SIDE_PX}×{MIN_SIDE_PX} are needed; make it larger, or let the camera send larger frames"
        )
    return frame[top:bottom, left:right]


def _name(region: Region) -> str:
    return "region" if region.bin is None else f"region {region.bin!r}"
