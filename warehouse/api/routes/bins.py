"""Bins as they stand, and stations."""

from __future__ import annotations

from datetime import datetime
from http import HTTPStatus
from typing import Annotated, Literal

from fastapi import APIRouter, Path, Query, Request, Response
from pydantic import BaseModel, Field

from bintally.messages import Health, State
from warehouse.api.deps import Reader, SharedApi
from warehouse.api.models import BinHistory, BinRead, bin_read, count_read
from warehouse.api.names import BinName, Name, SitePath, SiteQuery
from warehouse.api.pages import LINK, Cursor, Limit, Page, as_page
from warehouse.api.problems import RefusedError, documented
from warehouse.api.tagged import Tagged
from warehouse.ledger import bins, counts
from warehouse.ledger.stations import stations

router = APIRouter(prefix="/v1", tags=["bins"], route_class=Tagged, responses=documented())


class StationRead(BaseModel):
    """A station, and what it said of itself last; null is what it never said."""

    site: str = Field(examples=["berlin"])
    station: str = Field(examples=["pick-3"])
    state: State | None
    state_at: datetime | None
    health: Health | None
    health_at: datetime | None
    counted_at: datetime | None = Field(description="when its newest count was received")


@router.get("/bins", summary="Bins that were counted, booked, or put to a place", responses={200: {"headers": LINK}})
def list_bins(
    request: Request,
    response: Response,
    api: SharedApi,
    caller: Reader,
    site: SiteQuery = None,
    zone: Annotated[Name | None, Query(description="only those whose place is in this zone")] = None,
    article: Annotated[Name | None, Query(description="only those that hold this article")] = None,
    order: Annotated[Literal["name", "cost"], Query(description="by site and name, or the greatest expected cost first")] = "name",
    cursor: Cursor = None,
    limit: Limit = 100,
) -> Page[BinRead]:
    """The newest count of each, what the books say, and how sure it is that they are wrong."""
    with api.ledger.read() as tx:
        rows = bins.bins(tx, caller.site_of(site), zone=zone, article=article, order=order, cursor=cursor, limit=limit)
    return as_page(request, response, rows, bin_read)


@router.get("/sites/{site:name}/bins/{bin:name}", summary="One bin, and its newest counts", responses=documented(404))
def show_bin(
    api: SharedApi,
    caller: Reader,
    site: SitePath,
    bin: Annotated[BinName, Path(description="the bin's name, percent-encoded")],  # noqa: A002 # the field's word
    history: Annotated[int, Query(ge=1, le=200, description="so many counts")] = 20,
) -> BinHistory:
    """For who stands before it."""
    with api.ledger.read() as tx:
        found = bins.bin_of(tx, site, bin) if caller.sees(site) else None
        if found is None:
            raise RefusedError(HTTPStatus.NOT_FOUND, f"bin {bin[:80]!r} of site {site[:80]!r}: nothing is known of it")
        newest = counts.page(tx, site=site, bin=bin, limit=history)
    return BinHistory(bin=bin_read(found), counts=[count_read(one) for one in newest.rows])


@router.get("/stations", summary="Stations, by site and name")
def list_stations(api: SharedApi, caller: Reader, site: SiteQuery = None) -> list[StationRead]:
    """All that ever said something."""
    with api.ledger.read() as tx:
        return [StationRead(**vars(seen)) for seen in stations(tx, caller.site_of(site))]
