"""A day's report, for who reads it elsewhere than on the page."""

from __future__ import annotations

from datetime import date
from http import HTTPStatus
from typing import Annotated, Literal
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Query, Response

from warehouse.api.deps import Reader, SharedApi
from warehouse.api.names import SiteQuery
from warehouse.api.problems import RefusedError, documented
from warehouse.api.tagged import Tagged
from warehouse.discrepancies.report import to_csv
from warehouse.discrepancies.report_page import to_html
from warehouse.ledger.reports import report

router = APIRouter(prefix="/v1", tags=["report"], route_class=Tagged, responses=documented())
_WRITERS = {"html": ("text/html", to_html), "csv": ("text/csv", to_csv)}
_TEXT = {"schema": {"type": "string"}}
# the page brings its own styles and pictures, and runs nothing
_POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; frame-ancestors 'none'; sandbox"


@router.get(
    "/report",
    summary="What was found on a day, and what was done about it",
    response_class=Response,
    responses={200: {"description": "the report", "content": {kind: _TEXT for kind, _ in _WRITERS.values()}}},
)
def get_report(
    api: SharedApi,
    caller: Reader,
    day: Annotated[
        date | None, Query(ge=date(2000, 1, 1), le=date(2200, 1, 1), description="by default today", examples=["2026-11-22"])
    ] = None,
    timezone: Annotated[str, Query(max_length=60, description="in which days begin", examples=["Europe/Berlin"])] = "UTC",
    site: SiteQuery = None,
    format: Annotated[Literal["html", "csv"], Query(description="a page, or a line a discrepancy")] = "html",  # noqa: A002 # its usual name
) -> Response:
    """As 'bintally wms report' writes it."""
    zone = _zone(timezone)
    now = api.now().astimezone(zone)
    with api.ledger.read() as tx:
        found = report(tx, day or now.date(), zone, now, caller.site_of(site), api.rules)
    kind, write = _WRITERS[format]
    return Response(write(found), media_type=kind, headers={"Content-Security-Policy": _POLICY})


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError) as error:
        text = f"timezone: {name[:60]!r} is none that is known here, such as UTC or Europe/Berlin"
        raise RefusedError(HTTPStatus.UNPROCESSABLE_ENTITY, text) from error
