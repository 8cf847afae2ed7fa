"""What the books say, and where bins are: imports, each whole or not at all."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from http import HTTPStatus
from typing import Annotated, Any, TypeVar

from fastapi import APIRouter, Header, Request, Response
from fastapi.exceptions import RequestValidationError
from pydantic import AwareDatetime, Field, TypeAdapter, ValidationError

from bintally.errors import InputError
from bintally.messages.base import Quantity
from warehouse.api.deps import Body, Importer, Reader, SharedApi
from warehouse.api.models import Given, ImportedRead, PlacesRead
from warehouse.api.names import BinName, Name, SitePath, SiteQuery
from warehouse.api.problems import RefusedError, documented
from warehouse.api.scopes import Caller
from warehouse.api.tagged import Tagged, has, tag_of
from warehouse.ledger.expectations import Row, expect
from warehouse.ledger.places import Place, import_layout, import_places, layout
from warehouse.ledger.sheets import BOOKS, PLACES, read_books, read_places

router = APIRouter(prefix="/v1", tags=["books"], route_class=Tagged, responses=documented())
_JSON, _CSV, _TOML = "application/json", "text/csv", "application/toml"
_Any = TypeVar("_Any")
_Sited = TypeVar("_Sited", Row, Place)


class ExpectedGiven(Given):
    """What the books say of one bin."""

    site: Name | None = Field(None, description="by default the query's, else the token's", examples=["berlin"])
    bin: BinName = Field(examples=["A-17"])
    quantity: Quantity | None = Field(description="null: the books no longer speak of it", examples=[5])
    at: AwareDatetime | None = Field(None, description="from when on; by default from now on", examples=["2026-11-22T08:30:00Z"])
    article: Name | None = Field(None, examples=["4006381333931"])
    value: float = Field(1.0, ge=0, le=1e9, description="what one item too many or too few costs", examples=[2.5])


class PlaceGiven(Given):
    """Where a bin is; docs/layouts.md says how aisles, blocks and positions are counted."""

    site: Name | None = Field(None, description="by default the query's, else the token's", examples=["berlin"])
    bin: BinName = Field(examples=["A-17"])
    aisle: int = Field(ge=0, lt=10_000, examples=[3])
    position_m: float = Field(ge=0, le=1e6, description="from the block's first position", examples=[12.5])
    block: int = Field(0, ge=0, lt=10_000, examples=[0])
    zone: Annotated[str, Field(max_length=200, pattern=r"^[^\x00-\x1f\x7f]*$")] = Field("", examples=["chilled"])


_ROWS, _BINS = TypeAdapter(list[ExpectedGiven]), TypeAdapter(list[PlaceGiven])


def _body_of(rows: type[Given], columns: tuple[Sequence[str], Sequence[str]]) -> dict[str, Any]:
    """The document's words for a body of rows, which the route takes apart itself."""
    schema = {"type": "array", "items": rows.model_json_schema(), "maxItems": 1_000_000}
    table = {"schema": {"type": "string", "description": f"columns {', '.join(columns[0])}; and, if wanted, {', '.join(columns[1])}"}}
    return {"requestBody": {"required": True, "content": {_JSON: {"schema": schema}, _CSV: table}}}


@router.post("/expected", summary="Import what the books say", openapi_extra=_body_of(ExpectedGiven, BOOKS), responses=documented(415))
def import_expected(request: Request, body: Body, api: SharedApi, caller: Importer, site: SiteQuery = None) -> ImportedRead:
    """Only what they say anew is kept; discrepancies of bins of which they say something else are superseded."""
    if _kind(request) == _CSV:
        rows = _table(read_books, body, site, caller)
    else:
        given = _parsed(_ROWS, body)
        rows = [Row(_site(one, site, caller), one.bin, one.quantity, one.at, one.article, one.value) for one in given]
    with api.ledger.begin("nothing was imported") as tx:
        done = expect(tx, rows, caller.name, "api", api.now(), api.rules)
    return ImportedRead(**vars(done))


@router.post(
    "/places",
    summary="Put bins to their places",
    openapi_extra=_body_of(PlaceGiven, PLACES),
    responses=documented(415),
)
def put_places(request: Request, body: Body, api: SharedApi, caller: Importer, site: SiteQuery = None) -> PlacesRead:
    """A bin that has a place already is moved."""
    if _kind(request) == _CSV:
        rows = _table(read_places, body, site, caller)
    else:
        given = _parsed(_BINS, body)
        rows = [Place(_site(one, site, caller), one.bin, one.aisle, one.position_m, one.block, one.zone) for one in given]
    with api.ledger.begin("nothing was imported") as tx:
        return PlacesRead(placed=import_places(tx, rows, caller.name, api.now()))


@router.put(
    "/sites/{site:name}/layout",
    summary="Import a site's layout",
    status_code=HTTPStatus.NO_CONTENT,
    response_class=Response,
    openapi_extra={
        "requestBody": {"required": True, "content": {_TOML: {"schema": {"type": "string", "description": "a file of docs/layouts.md"}}}}
    },
    responses=documented(412),
)
def put_layout(
    site: SitePath,
    body: Body,
    api: SharedApi,
    caller: Importer,
    if_match: Annotated[str | None, Header(description="ETag of the layout that is to be replaced")] = None,
) -> Response:
    """Refused where a bin's place would not be in it."""
    caller.site_of(site)
    text = _text(body)
    with api.ledger.begin("nothing was imported") as tx:
        before = layout(tx, site)
        if if_match is not None and (before is None or not has(if_match, tag_of(before.encode()))):
            raise RefusedError(HTTPStatus.PRECONDITION_FAILED, "the layout was changed meanwhile; get it again")
        import_layout(tx, site, text, caller.name, api.now())
    return Response(status_code=HTTPStatus.NO_CONTENT, headers={"ETag": tag_of(text.encode())})


@router.get(
    "/sites/{site:name}/layout",
    summary="A site's layout as it was imported",
    response_class=Response,
    responses={200: {"description": "a file of docs/layouts.md", "content": {_TOML: {"schema": {"type": "string"}}}}, **documented(404)},
)
def get_layout(site: SitePath, api: SharedApi, caller: Reader) -> Response:
    """The very text."""
    with api.ledger.read() as tx:
        text = layout(tx, site) if caller.sees(site) else None
    if text is None:
        raise RefusedError(HTTPStatus.NOT_FOUND, f"site {site[:80]!r}: has no layout; PUT one here")
    return Response(text, headers={"Content-Type": _TOML})


def _kind(request: Request) -> str:
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind not in (_JSON, _CSV):
        raise RefusedError(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, f"Content-Type {kind[:80]!r}: send {_JSON} or {_CSV}")
    return kind


def _table(read: Callable[[bytes, str, str | None], list[_Sited]], body: bytes, asked: str | None, caller: Caller) -> list[_Sited]:
    """The rows of a CSV body; they are of the site that is asked for, else each says its own, else they are of the token's."""
    names = {name.strip().lower() for name in re.split("[,;]", body.partition(b"\n")[0].decode("utf-8-sig", "replace"))}
    rows = read(body, "the body", asked if asked or "site" in names else caller.site)
    for site in {row.site for row in rows}:
        caller.site_of(site)
    return rows


def _site(row: ExpectedGiven | PlaceGiven, asked: str | None, caller: Caller) -> str:
    """The site of a row.

    Raises:
        RefusedError: the token is for another one.
        InputError: nobody says which.
    """
    site = caller.site_of(row.site or asked)
    if site is None:
        raise InputError(f"bin {row.bin!r}: of which site? give each row one, or ?site=… for all")
    return site


def _parsed(rows: TypeAdapter[_Any], body: bytes) -> _Any:
    try:
        return rows.validate_json(body)
    except ValidationError as error:
        raise RequestValidationError(error.errors(include_input=False, include_url=False)) from error


def _text(body: bytes) -> str:
    try:
        return body.decode("utf-8")
    except UnicodeDecodeError as error:
        raise InputError(f"the body is no UTF-8 text ({error.reason} at byte {error.start})") from error
