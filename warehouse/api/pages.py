"""Long lists, a page at a time.

Source:
    RFC 8288 for ``Link``; a reference without scheme and host holds behind any proxy.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, Generic, TypeVar
from urllib.parse import urlencode

from fastapi import Query, Request, Response
from pydantic import BaseModel, Field

from warehouse.ledger.paging import MOST
from warehouse.ledger.paging import Page as Rows

_Row = TypeVar("_Row")
_Item = TypeVar("_Item")
Cursor = Annotated[str | None, Query(max_length=2000, description="«next» of the page before; left out: the first page")]
Limit = Annotated[int, Query(ge=1, le=MOST, description="as many on a page")]
LINK: dict[str, Any] = {"Link": {"schema": {"type": "string"}, "description": '<…>; rel="next" leads to the next page'}}


class Page(BaseModel, Generic[_Item]):
    """A page of a list."""

    items: list[_Item]
    next: str | None = Field(description="cursor of the next page; null: this is the last one")


def as_page(request: Request, response: Response, rows: Rows[_Row], make: Callable[[_Row], _Item]) -> Page[_Item]:
    """A page for who asked, and the header that leads to the next."""
    if rows.cursor is not None:
        asked = [(name, value) for name, value in request.query_params.multi_items() if name != "cursor"]
        response.headers["Link"] = f'<?{urlencode([*asked, ("cursor", rows.cursor)])}>; rel="next"'
    return Page(items=[make(row) for row in rows.rows], next=rows.cursor)
