"""How a bin stands, in one word; by shape and colour on the map (pure)."""

from __future__ import annotations

from collections.abc import Mapping

from bintally.pages.html import Html, tag
from warehouse.ledger.atlas import Cell

WORDS: Mapping[str, str] = {
    "wrong": "Books wrong",
    "unsure": "Somebody should look",
    "recount": "Somebody goes",
    "right": "Books right",
    "free": "Not in the books",
    "blank": "Not counted",
}
"""What needs somebody first."""
URGENT = frozenset({"wrong", "unsure", "recount"})
SIZE = 10
"""Of a sign, in units of the picture."""
_LINES: Mapping[str, str] = {
    "wrong": "M2.5 2.5 7.5 7.5M7.5 2.5 2.5 7.5",
    "unsure": "M5 2V6M5 7.4V8.4",
    "recount": "M2 5H8M5.5 2.5 8 5 5.5 7.5",
    "free": "M3 5H7",
}
"""Drawn over the square: a cross, an exclamation mark, an arrow, a bar; a plain square is right, an empty one was never counted."""


def standing(cell: Cell) -> str:
    """A key of ``WORDS``."""
    if cell.state is not None:
        return "recount" if cell.state == "recount" else "wrong" if cell.kind == "mismatch" else "unsure"
    if cell.taken_at is None:
        return "blank"
    return "free" if cell.expected is None else "right"


def symbols() -> Html:
    """The signs, to be used by ``use``."""
    return tag("defs", (tag("g", *_shape(name), id=f"sign-{name}") for name in WORDS))


def sign(name: str) -> Html:
    """One sign beside a text."""
    return tag("svg", *_shape(name), viewBox=f"0 0 {SIZE} {SIZE}", class_="sign", aria_hidden="true")


def _shape(name: str) -> list[Html]:
    square = tag("rect", x="0.5", y="0.5", width=SIZE - 1, height=SIZE - 1, rx="1.5", class_=f"is-{name}")
    lines = _LINES.get(name)
    return [square] if lines is None else [square, tag("path", d=lines, class_=f"on-{name}")]
