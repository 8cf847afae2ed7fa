"""Which bin it is, from the Data Matrix or QR label in the picture."""

from __future__ import annotations

from collections.abc import Callable

import structlog

from bintally import topics
from bintally.errors import UsageError
from bintally.frames import Frame

EQUAL_READINGS = 2
KEPT_FOR_S = 5.0
EVERY_S = 0.3
_MAX_CHARACTERS = 255
log = structlog.get_logger()


def read_labels(frame: Frame) -> frozenset[str]:
    """Read the labels in a frame that may name a bin.

    Codes on the goods are passed over as far as they can be told from labels: web addresses, and GS1's article codes.

    Args:
        frame: uint8 [h, w, 3], BGR.

    Returns:
        The names; a text that cannot be a bin's name is logged and left out.
    """
    import zxingcpp

    formats = zxingcpp.barcode_formats_from_str("DataMatrix,QRCode")
    codes = zxingcpp.read_barcodes(frame, formats=formats, try_downscale=False, try_invert=False)
    texts = {code.text for code in codes if code.content_type == zxingcpp.ContentType.Text}
    return frozenset(text for text in texts if _is_name(text))


def read_label(frame: Frame) -> str | None:
    """Read the label in a frame; None where there is none, or more than one.

    Args:
        frame: uint8 [h, w, 3], BGR.
    """
    names = read_labels(frame)
    return next(iter(names)) if len(names) == 1 else None


def refusal(text: str) -> str | None:
    """Why a text is no name of a bin; None if it is one."""
    if "://" in text:
        return "it is a web address"
    if not text.isprintable() or text != text.strip():
        return "it holds characters that cannot be printed, or spaces around it"
    if len(text) > _MAX_CHARACTERS:
        return f"it has more than {_MAX_CHARACTERS} characters"
    try:
        topics.encode(text)
    except UsageError as error:
        return str(error)
    return None


def _is_name(text: str) -> bool:
    reason = refusal(text)
    if reason is not None:
        log.warning("label is no name of a bin", text=text[:40], reason=reason)
    return reason is None


class LabelReader:
    """Knows which bin is in view; one misread label changes nothing, and a hand before it neither.

    It reads a few times a second, and a label that is known is not read again while the bin is at rest, because a reading costs
    several times as much as all else that an idle station does. Two different labels in view mean that nobody knows which bin will be counted,
    so that there is none.
    """

    def __init__(self, read: Callable[[Frame], frozenset[str]] = read_labels) -> None:
        self._read = read
        self.forget()

    def forget(self) -> None:
        """The camera was started again, or another region is read."""
        self.name: str | None = None
        self._candidate: str | None = None
        self._readings = 0
        self._read_at = float("-inf")
        self._missing_since: float | None = None
        self._confirmed_at = float("-inf")

    def see(self, frame: Frame, at: float, at_rest: bool) -> str | None:
        """Look at a frame.

        Args:
            frame: uint8 [h, w, 3], BGR.
            at: monotonic seconds when it was grabbed.
            at_rest: whether the scene says so; a label that is known is not read then.

        Returns:
            The bin's name, None where it is not known.
        """
        known = at_rest and self.name is not None and self._missing_since is None and self._candidate == self.name
        if not known and at - self._read_at >= EVERY_S:
            self._read_at = at
            self._take(self._read(frame), at)
        return self.name

    def confirms(self, frame: Frame, at: float, since: float) -> bool:
        """Whether the name was read in a picture after the moment ``since``; where it was not yet, this one is read.

        Args:
            frame: uint8 [h, w, 3], BGR.
            at: monotonic seconds when it was grabbed.
            since: monotonic seconds.
        """
        name = self.name
        if self._confirmed_at <= since:
            self._read_at = at
            self._take(self._read(frame), at)
        return name is not None and name == self.name and self._confirmed_at > since

    def _take(self, names: frozenset[str], at: float) -> None:
        if len(names) == 1:
            self._take_name(next(iter(names)), at)
            return
        self._candidate, self._readings = None, 0
        self._missing_since = at if self._missing_since is None else self._missing_since
        if names or at - self._missing_since >= KEPT_FOR_S:
            self.name = None

    def _take_name(self, name: str, at: float) -> None:
        self._missing_since = None
        self._readings = self._readings + 1 if name == self._candidate else 1
        self._candidate = name
        if self._readings >= EQUAL_READINGS:
            self.name = name
        if name == self.name:
            self._confirmed_at = at
