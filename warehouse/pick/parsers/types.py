"""What the text behind an option may be."""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable


def number(text: str) -> float:
    """A finite number."""
    try:
        if math.isfinite(value := float(text)):
            return value
    except ValueError:
        pass
    raise argparse.ArgumentTypeError(f"{text!r} is not a finite number")


def above_0(text: str) -> float:
    """A finite number above 0."""
    if (value := number(text)) <= 0:
        raise argparse.ArgumentTypeError(f"{text!r} is not above 0")
    return value


def whole_from(least: int) -> Callable[[str], int]:
    """A reader of whole numbers from ``least`` on."""

    def whole(text: str) -> int:
        try:
            if (value := int(text)) >= least:
                return value
        except ValueError:
            pass
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number of at least {least}")

    return whole


def hands(text: str) -> int | str:
    """A whole number above 0, or «unlimited»."""
    return text if text == "unlimited" else whole_from(1)(text)
