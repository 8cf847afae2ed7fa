"""The files that browsers ask for: each page's own, and those of all pages."""

from __future__ import annotations

from importlib import resources

_OF_ALL = frozenset({"icon.svg", "desk.css", "live.js"})


def page_file(package: str, name: str) -> bytes:
    """A file of a page.

    Args:
        package: of the page; the file is in its folder ``static``.
        name: of the file. ``page.css`` has the colours of all pages before its own rules; ``icon.svg``, ``desk.css`` and
            ``live.js`` are those of all pages.
    """
    shared = resources.files("bintally.pages").joinpath("static")
    if name in _OF_ALL:
        return shared.joinpath(name).read_bytes()
    own = resources.files(package).joinpath("static", name).read_bytes()
    return shared.joinpath("colours.css").read_bytes() + own if name == "page.css" else own
