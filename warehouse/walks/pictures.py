"""Walks as SVG texts, for answers and pages."""

from __future__ import annotations

import tempfile
import threading
from pathlib import Path

from bintally.layouts import Ladder
from warehouse.walks.tours import Walk

_ONE_AT_A_TIME = threading.Lock()
"""matplotlib's settings are the whole process's."""


def svg(ladder: Ladder, title: str, walk: Walk) -> str:
    """The places in the order of their visits, and the way."""
    with tempfile.TemporaryDirectory(prefix="bintally-walk-") as folder:
        path = Path(folder) / "walk.svg"
        draw(path, ladder, title, walk)
        return path.read_text("utf-8")


def draw(path: Path, ladder: Ladder, title: str, walk: Walk) -> None:
    """Draw into a file.

    Raises:
        UsageError: the suffix is none of a picture.
        UnavailableError: the file cannot be written.
    """
    from warehouse.routing.pictures import draw_lists  # which loads matplotlib, for who wants pictures only

    plain = title.replace("$", r"\$")  # two dollars would begin and end a formula
    with _ONE_AT_A_TIME:
        draw_lists(path, ladder, [(plain, walk.picks, walk.found)])
