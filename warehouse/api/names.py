"""Names of sites, stations and bins in addresses: each one level, percent-encoded, whatever it holds."""

from __future__ import annotations

from typing import Annotated
from urllib.parse import quote, unquote

from fastapi import Path, Query
from pydantic import StringConstraints
from starlette.convertors import Convertor, register_url_convertor
from starlette.types import ASGIApp, Receive, Scope, Send

# PostgreSQL keeps no NUL, and no name that a person reads holds other control characters
_PRINTED = r"^[^\x00-\x1f\x7f]+$"
Name = Annotated[str, StringConstraints(min_length=1, max_length=200, pattern=_PRINTED)]
"""Of a site, a station, a person, an article."""
BinName = Annotated[str, StringConstraints(min_length=1, max_length=255, pattern=_PRINTED)]
SitePath = Annotated[Name, Path(description="the site's name, percent-encoded")]
SiteQuery = Annotated[Name | None, Query(description="only this site; left out: all that the token sees")]


class _Level(Convertor[str]):
    """One level of a path, decoded after the path was taken apart."""

    regex = "[^/]+"

    def convert(self, value: str) -> str:
        return unquote(value, errors="replace")

    def to_string(self, value: str) -> str:
        return quote(value, safe="")


register_url_convertor("name", _Level())


class Undecoded:
    """Lets routes see the path as it was sent, so that ``a%2Fb`` is one name."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            raw = scope.get("raw_path") or quote(scope["path"]).encode()
            scope = {**scope, "path": raw.partition(b"?")[0].decode("latin-1")}
        await self._app(scope, receive, send)
