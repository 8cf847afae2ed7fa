"""Counts as they came."""

from __future__ import annotations

from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Query, Request, Response
from pydantic import AwareDatetime

from bintally.topics import Station
from warehouse.api.deps import Reader, SharedApi
from warehouse.api.models import CountRead, count_read
from warehouse.api.names import BinName, Name, SiteQuery
from warehouse.api.pages import LINK, Cursor, Limit, Page, as_page
from warehouse.api.problems import RefusedError, documented
from warehouse.api.tagged import Tagged
from warehouse.ledger import counts

router = APIRouter(prefix="/v1", tags=["counts"], route_class=Tagged, responses=documented())


@router.get("/counts", summary="Counts, the newest to arrive first", responses={200: {"headers": LINK}})
def list_counts(
    request: Request,
    response: Response,
    api: SharedApi,
    caller: Reader,
    site: SiteQuery = None,
    bin: Annotated[BinName | None, Query(description="only of this bin")] = None,  # noqa: A002 # the field's word
    station: Annotated[Name | None, Query(description="only of this station; give its site, too")] = None,
    since: Annotated[AwareDatetime | None, Query(description="received then or later")] = None,
    until: Annotated[AwareDatetime | None, Query(description="received before then")] = None,
    cursor: Cursor = None,
    limit: Limit = 100,
) -> Page[CountRead]:
    """Every count that arrived, once, whatever became of it."""
    seen = caller.site_of(site)
    if station is not None and seen is None:
        raise RefusedError(HTTPStatus.UNPROCESSABLE_ENTITY, "station: give its site, too; stations of several sites may have the same name")
    source = None if station is None or seen is None else Station(seen, station).source
    with api.ledger.read() as tx:
        rows = counts.page(tx, site=seen, bin=bin, source=source, since=since, until=until, cursor=cursor, limit=limit)
    return as_page(request, response, rows, count_read)
