"""Which bins are wrong, and who goes to look."""

from __future__ import annotations

import uuid
from http import HTTPStatus
from typing import Annotated, Literal

import sqlalchemy as sa
from fastapi import APIRouter, Header, Path, Query, Request, Response

from bintally.errors import InputError
from bintally.messages.discrepancy import DiscrepancyKind
from warehouse.api.deps import Counter, Reader, SharedApi
from warehouse.api.models import (
    CorrectionGiven,
    CorrectionRead,
    DiscrepancyHistory,
    DiscrepancyRead,
    FoundGiven,
    RecountGiven,
    audit_read,
    discrepancy_read,
)
from warehouse.api.names import Name, SiteQuery
from warehouse.api.pages import LINK, Cursor, Limit, Page, as_page
from warehouse.api.problems import RefusedError, documented
from warehouse.api.scopes import Caller
from warehouse.api.tagged import Tagged
from warehouse.ledger import cases
from warehouse.ledger.corrections import Correction, correct
from warehouse.ledger.said import correction_by

router = APIRouter(prefix="/v1", tags=["discrepancies"], route_class=Tagged, responses=documented())
Number = Annotated[int, Path(ge=1, le=2**53, description="of the discrepancy")]
_KEY = r"^[\x21-\x7e]+$"


@router.get("/discrepancies", summary="Bins whose books are wrong, or may be", responses={200: {"headers": LINK}})
def list_discrepancies(
    request: Request,
    response: Response,
    api: SharedApi,
    caller: Reader,
    state: Annotated[Literal["open", "recount", "settled", "unsettled"], Query(description="unsettled: open or recount")] = "unsettled",
    kind: Annotated[DiscrepancyKind | None, Query(description="mismatch: an alarm; unsure: a task")] = None,
    site: SiteQuery = None,
    zone: Annotated[Name | None, Query(description="only those of bins in this zone")] = None,
    order: Annotated[cases.By, Query(description="the costliest, the oldest, or the one that changed last first")] = "cost",
    cursor: Cursor = None,
    limit: Limit = 100,
) -> Page[DiscrepancyRead]:
    """By default those that are not settled, the costliest first."""
    with api.ledger.read() as tx:
        seen = caller.site_of(site)
        rows = cases.page(tx, state=state, site=seen, zone=zone, kind=kind, order=order, cursor=cursor, limit=limit)
    return as_page(request, response, rows, discrepancy_read)


@router.get("/discrepancies/{number}", summary="One discrepancy, and all that happened to it", responses=documented(404))
def show_discrepancy(number: Number, api: SharedApi, caller: Reader) -> DiscrepancyHistory:
    """Who did what, and when."""
    with api.ledger.read() as tx:
        found = _find(tx, number, caller)
        return DiscrepancyHistory(discrepancy=discrepancy_read(found), audit=[audit_read(line) for line in cases.history(tx, number)])


@router.post("/discrepancies/{number}/recount", summary="Send somebody to look", responses=documented(404, 409))
def recount(number: Number, given: RecountGiven, api: SharedApi, caller: Counter) -> DiscrepancyRead:
    """Who was sent before need not go."""
    with api.ledger.begin() as tx:
        _find(tx, number, caller)
        cases.assign(tx, number, given.to, caller.name, api.now())
        return discrepancy_read(cases.case(tx, number))


@router.post("/discrepancies/{number}/release", summary="Nobody goes to look after all", responses=documented(404, 409))
def release(number: Number, api: SharedApi, caller: Counter) -> DiscrepancyRead:
    """It is open again."""
    with api.ledger.begin() as tx:
        _find(tx, number, caller)
        cases.release(tx, number, caller.name, api.now())
        return discrepancy_read(cases.case(tx, number))


@router.post("/discrepancies/{number}/settle", summary="Say what is in the bin", responses=documented(404, 409))
def settle(number: Number, given: FoundGiven, api: SharedApi, caller: Counter) -> DiscrepancyRead:
    """The discrepancy is settled, and the books are held to what was found."""
    with api.ledger.begin() as tx:
        found = _find(tx, number, caller)
        origin = "recount" if found.case.state == "recount" else "api"
        cases.settle(tx, number, given.quantity, _who(given, caller), api.now(), origin)
        return discrepancy_read(cases.case(tx, number))


@router.post(
    "/corrections",
    summary="Say what is in a bin, whether a discrepancy is open or not",
    status_code=HTTPStatus.CREATED,
    responses={200: {"description": "it was recorded before", "model": CorrectionRead}, **documented()},
)
def correct_bin(
    response: Response,
    given: CorrectionGiven,
    api: SharedApi,
    caller: Counter,
    idempotency_key: Annotated[
        str | None, Header(min_length=1, max_length=200, pattern=_KEY, description="with it, the same correction may be sent again")
    ] = None,
) -> CorrectionRead:
    """The same key with another correction is refused.

    Source: draft-ietf-httpapi-idempotency-key-header-07, section 2.
    """
    now, site = api.now(), caller.site_of(given.site) or given.site
    key = f"api:{caller.name}:{idempotency_key or uuid.uuid4()}"
    one = Correction(site, given.bin, given.quantity, _who(given, caller), given.at or now, "api", key)
    with api.ledger.begin() as tx:
        recorded = correct(tx, one, now, api.rules)
        if not recorded and not _is_same(one, correction_by(tx, key), given):
            raise RefusedError(HTTPStatus.UNPROCESSABLE_ENTITY, "Idempotency-Key: named another correction before; take a new one for each")
    response.status_code = HTTPStatus.CREATED if recorded else HTTPStatus.OK
    return CorrectionRead(recorded=recorded)


def _find(tx: sa.Connection, number: int, caller: Caller) -> cases.Listed:
    """A discrepancy that the token sees.

    Raises:
        RefusedError: there is none.
    """
    try:
        found = cases.case(tx, number)
    except InputError as error:
        raise RefusedError(HTTPStatus.NOT_FOUND, str(error)) from error
    if not caller.sees(found.case.site):
        raise RefusedError(HTTPStatus.NOT_FOUND, f"discrepancy {number}: there is none of this number")
    return found


def _who(given: FoundGiven, caller: Caller) -> str:
    """A token may speak for several people; the log has both names."""
    return caller.name if given.by is None else f"{given.by} ({caller.name})"


def _is_same(one: Correction, before: Correction | None, given: CorrectionGiven) -> bool:
    said = (one.site, one.bin, one.quantity, one.by)
    return before is not None and said == (before.site, before.bin, before.quantity, before.by) and given.at in (None, before.at)
