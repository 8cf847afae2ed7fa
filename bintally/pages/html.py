"""HTML that is escaped by construction: text becomes markup only through ``tag``, so nobody can forget it."""

from __future__ import annotations

import html
import re
from collections.abc import Iterable
from typing import Union

_VOID = frozenset({"br", "img", "input", "link", "meta"})
# what a browser would show as something else: control characters, and those that turn the direction of what follows
_HIDDEN = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


class Html(str):
    """Markup; made by ``tag`` and ``join`` alone."""

    __slots__ = ()


Content = Union[str, int, None, Iterable["Content"]]  # noqa: UP007 - a recursive alias in Python 3.10
"""What stands in an element: text, which is escaped, markup, nothing, or several of these."""


def tag(name: str, /, *content: Content, **attributes: str | int | bool | None) -> Html:
    """An element.

    Args:
        name: of the element.
        content: inside.
        attributes: ``class_`` for ``class``, ``_`` for ``-``; True has no value, False and None are left out.
    """
    words = [name, *(_attribute(key, value) for key, value in attributes.items() if value is not None and value is not False)]
    opening = f"<{' '.join(words)}>"
    return Html(opening if name in _VOID else f"{opening}{join(content)}</{name}>")


def join(content: Content) -> Html:
    """Several pieces as one."""
    if content is None:
        return Html("")
    if isinstance(content, Html):
        return content
    if isinstance(content, str | int):
        return Html(html.escape(_HIDDEN.sub("�", str(content))))
    return Html("".join(map(join, content)))


def _attribute(key: str, value: str | int | bool) -> str:
    name = key.rstrip("_").replace("_", "-")
    return name if value is True else f'{name}="{join(str(value))}"'
