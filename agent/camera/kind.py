"""What kind of source a name means, and what differs between the kinds."""

from __future__ import annotations

import re
from typing import Literal

Kind = Literal["device", "url", "pipeline", "recording"]

FROZEN_AFTER_S: dict[Kind, float | None] = {
    "device": 5.0,
    "pipeline": 5.0,
    # A video encoder may repeat a still picture bit by bit until its next key frame, which a thrifty camera sends every 20 s.
    "url": 30.0,
    "recording": None,
}
"""Seconds of an identical picture after which a source of that kind hangs; None: it may repeat pictures."""


def repeats(kind: Kind) -> bool:
    """Whether a source may rightly give an identical picture: what was encoded may, a sensor's noise never lets it."""
    return kind in ("url", "recording")


def kind_of(name: str) -> Kind:
    """Tell a camera index, URL, GStreamer pipeline (with '!') and video file apart."""
    if name.isdigit():
        return "device"
    if "://" in name:
        return "url"
    return "pipeline" if "!" in name else "recording"


def shown(name: str) -> str:
    """A source's name for logs and errors, without the password that a URL may hold."""
    return re.sub(r"//[^/@\s]*@", "//", name)
