"""Whether it lives, and how it gets on."""

from __future__ import annotations

from http import HTTPStatus

from fastapi import APIRouter, Response

from warehouse.api.deps import Api, Reader, SharedApi
from warehouse.api.problems import PROBLEM, REFERENCE, RefusedError, documented
from warehouse.api.prometheus import as_text
from warehouse.ledger.operations import answers, figures

router = APIRouter(tags=["operations"])
_TEXT = "text/plain; version=0.0.4; charset=utf-8"


@router.get(
    "/healthz",
    summary="200 if the ledger answers",
    response_class=Response,
    responses={
        200: {"description": "it does", "content": {"text/plain": {"schema": {"type": "string"}}}},
        503: {"description": "it does not", "content": {PROBLEM: {"schema": REFERENCE}}},
    },
)
def health(api: SharedApi) -> Response:
    """Needs no token."""
    with api.ledger.read() as tx:
        answers(tx)
    return Response("the ledger answers\n", media_type="text/plain")


@router.get(
    "/metrics",
    summary="Figures for Prometheus",
    response_class=Response,
    responses={200: {"description": "exposition format 0.0.4", "content": {"text/plain": {"schema": {"type": "string"}}}}, **documented()},
)
def metrics(api: SharedApi, caller: Reader) -> Response:
    """Of all sites together; a token of one site does not see them."""
    if caller.site is not None:
        raise RefusedError(HTTPStatus.FORBIDDEN, "these are figures of all sites; this token is for one")
    return Response(_figures(api), headers={"Content-Type": _TEXT})


def _figures(api: Api) -> str:
    with api.ledger.read() as tx:
        found = figures(tx)
    return as_text(found, None if api.files is None else api.files.used_bytes)
