"""What sets one page apart from the others."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Look:
    """A page's names.

    Attributes:
        package: its files are in its folder ``static``.
        title: in the browser's title, after the name of what is shown.
        heading: at the top of everything.
        home: words of the link to ``/``.
        token: where somebody has the token from that is asked for.
        cookie: name of the session's cookie.
    """

    package: str
    title: str
    heading: str
    home: str
    token: str
    cookie: str
