"""Which names and regions of bins a station can work with (pure)."""

from __future__ import annotations

from collections.abc import Sequence

from bintally.errors import InputError, UsageError
from bintally.messages import Region
from bintally.topics import encode

MIN_SHARE = 0.01
"""A region narrower than this may hold not one pixel of a small frame."""


def check_bin(name: str) -> None:
    """Refuse a bin's name with which no count could travel or be kept.

    Raises:
        InputError: it is too long for a topic, or has control characters, which not every ledger can hold.
    """
    try:
        encode(name)
    except UsageError as error:
        raise InputError(str(error)) from error
    if any(character < " " or character == "\x7f" for character in name):
        raise InputError(f"{name[:40]!r}: a bin's name has no control characters")


def check_regions(regions: Sequence[Region], default_bin: str, read_labels: bool) -> None:
    """Refuse regions that cannot be counted apart.

    Args:
        regions: of one view.
        default_bin: the bin of a region that names none.
        read_labels: whether such a region's bin is read from its label instead.

    Raises:
        InputError: a region is empty, its bin's name is unusable, or two regions are of the same bin; says which.
    """
    seen: dict[str, int] = {}
    for number, region in enumerate(regions):
        if region.right - region.left < MIN_SHARE or region.bottom - region.top < MIN_SHARE:
            raise InputError(f"regions.{number}: left must be less than right and top less than bottom, by {MIN_SHARE} or more")
        if region.bin is None and read_labels:
            continue
        name = default_bin if region.bin is None else region.bin
        check_bin(name)
        if name in seen:
            raise InputError(f"regions.{number}: of the same bin {name!r} as regions.{seen[name]}; give each region its own")
        seen[name] = number
