"""How all pictures look, and how they are written."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

import matplotlib as mpl
from matplotlib.figure import Figure

from bintally.errors import UsageError
from bintally.files import write_atomically

INK, FAINT, SHELF = "#000000", "#767676", "#e9e9e9"
BLUE, ORANGE, GREEN, PURPLE, SKY, BROWN = "#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#8a5a00"
"""Okabe and Ito's palette, which the colour-blind can tell apart; its yellow is too light for lines, brown stands for it."""
_NO_DATES: dict[str, dict[str, Any]] = {
    ".svg": {"Date": None, "Creator": None},
    ".pdf": {"CreationDate": None, "Creator": None, "Producer": None},
    ".png": {"Software": None},
}
_STYLE: Any = {  # matplotlib names every key in its types, another set in each version
    "svg.fonttype": "none",
    "svg.hashsalt": "bintally",
    "pdf.fonttype": 42,
    "font.family": "DejaVu Sans",
    "font.size": 8.5,
    "axes.titlesize": 10,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.linewidth": 0.8,
    "legend.frameon": False,
}


@contextmanager
def style() -> Iterator[None]:
    """Settings of matplotlib while a picture is drawn and written."""
    with mpl.rc_context(_STYLE):
        yield


def check_suffix(path: Path) -> None:
    """Say so before anything is computed.

    Raises:
        UsageError: no picture is written to such a name.
    """
    if path.suffix.lower() not in _NO_DATES:
        raise UsageError(f"{path}: pictures are written as .svg, .pdf or .png; choose one of these suffixes")


def write(path: Path, figure: Figure, title: str, text: str) -> None:
    """Write a picture; the same picture gives the same bytes.

    Args:
        path: where to; the suffix chooses the format.
        figure: what was drawn.
        title: what it shows.
        text: the same in words, for who cannot see it (SVG only).

    Raises:
        UsageError: another suffix.
        UnavailableError: the file cannot be written.
    """
    check_suffix(path)
    suffix = path.suffix.lower()
    out = io.BytesIO()
    # at most 14,000 pixels a side: large layouts get fewer pixels an inch, not more memory than a small computer has
    dots = min(200.0, 14_000 / max(figure.get_size_inches()))
    figure.savefig(out, format=suffix[1:], dpi=dots, metadata={"Title": title} | _NO_DATES[suffix])
    content = out.getvalue()
    if suffix == ".svg":
        heading = f"<title>{escape(title)}</title>"
        content = (
            content.decode()
            .replace(heading, f"{heading}\n <desc>{escape(text)}</desc>", 1)
            .replace("<svg ", '<svg role="img" ', 1)
            .encode()
        )
    write_atomically(path, content)
