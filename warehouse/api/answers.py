"""Errors as answers; what a stranger must not know stands in the log alone."""

from __future__ import annotations

from collections.abc import Sequence
from http import HTTPStatus
from typing import Any

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.responses import Response

from bintally.errors import BintallyError, InputError, UsageError
from warehouse.api.problems import PROBLEM, RefusedError, problem

_LATER = {"Retry-After": "2"}
_MOST_ERRORS = 20
log = structlog.get_logger()


def refused(error: RefusedError, close: bool = False) -> Response:
    """A refusal as an answer.

    Args:
        error: why.
        close: end the connection; a body that was not read would be read to its end, and thrown away.
    """
    headers = error.headers | ({"Connection": "close"} if close else {})
    return Response(problem(error.status, str(error)), error.status, headers, PROBLEM)


def failed(error: BintallyError) -> Response:
    """An error of ours as an answer: of what came, of how things stand, or of the database."""
    if isinstance(error, RefusedError):
        return refused(error)
    if isinstance(error, InputError):
        return Response(problem(422, str(error)), 422, media_type=PROBLEM)
    if isinstance(error, UsageError):
        return Response(problem(409, str(error)), 409, media_type=PROBLEM)
    log.error("request failed", reason=str(error))  # which names the database: not for strangers
    text = "the ledger does not answer; ask again in a moment, the server's log says why"
    return Response(problem(503, text), 503, _LATER, PROBLEM)


def add_handlers(app: FastAPI) -> None:
    """Let every error of the routes be answered as problem details."""

    @app.exception_handler(BintallyError)
    async def ours(_: Request, error: BintallyError) -> Response:
        return failed(error)

    @app.exception_handler(RequestValidationError)
    async def invalid(_: Request, error: RequestValidationError) -> Response:
        faults = error.errors()
        if any(fault["type"] == "json_invalid" for fault in faults):
            return Response(problem(400, "the body is no JSON"), 400, media_type=PROBLEM)
        return Response(invalid_body(faults), 422, media_type=PROBLEM)

    @app.exception_handler(HTTPException)
    async def no_such_route(request: Request, error: HTTPException) -> Response:
        text = f"{request.method} {request.url.path[:80]}: {error.detail}; GET /openapi.json says what there is"
        return Response(problem(error.status_code, text), error.status_code, error.headers, PROBLEM)

    @app.exception_handler(ClientDisconnect)
    async def gone(_: Request, __: ClientDisconnect) -> Response:
        return Response(status_code=HTTPStatus.BAD_REQUEST)  # nobody reads it

    @app.exception_handler(Exception)
    async def broken(request: Request, error: Exception) -> Response:
        log.error("request failed", path=request.url.path, error=repr(error))
        return Response(problem(500, "this did not work; the server's log says why"), 500, media_type=PROBLEM)


def invalid_body(faults: Sequence[Any]) -> bytes:
    """The problem of values that cannot be, the first twenty.

    Args:
        faults: as pydantic tells them.
    """
    errors = [{"field": ".".join(str(part) for part in fault["loc"])[:200], "why": _why(fault)} for fault in faults[:_MOST_ERRORS]]
    more = "" if len(faults) <= _MOST_ERRORS else f" and {len(faults) - _MOST_ERRORS} more"
    first = f"{errors[0]['field']}: {errors[0]['why']}"
    return problem(422, f"{len(faults)} {'value' if len(faults) == 1 else 'values'} cannot be: {first}{more}", errors)


def _why(fault: Any) -> str:
    return "there is no such field" if fault["type"] == "extra_forbidden" else str(fault["msg"])
