"""One frame, with what is known of it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from bintally.frames import Frame


@dataclass(frozen=True)
class Shot:
    """A frame to look at.

    Attributes:
        frame: uint8 [h, w, 3], BGR; never written to.
        taken_at: time of day when it was grabbed.
        grabbed_at: monotonic seconds when it was grabbed.
        number: grows with each frame of a source.
        file: the image file that it came from.
        bin: the bin that the file's name tells.
    """

    frame: Frame
    taken_at: datetime
    grabbed_at: float = 0.0
    number: int = 0
    file: str | None = None
    bin: str | None = None
