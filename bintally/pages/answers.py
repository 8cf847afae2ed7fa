"""How the page answers: headers on everything, its files, and what went wrong in words that are fit for strangers."""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import Any

import structlog
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from bintally.errors import BintallyError, UnavailableError
from bintally.pages.asked import RefusedError
from bintally.pages.files import page_file
from bintally.pages.frame import problem_page
from bintally.pages.html import Html
from bintally.pages.look import Look

HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
        "base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    # no-referrer would make browsers send "Origin: null" with this page's own forms
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}
"""On every answer that has no other; nothing inline is allowed, and no other site may show or embed any of it."""
log = structlog.get_logger()


class WithHeaders:
    """Puts the headers on every answer."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                given = {name.lower() for name, _ in message["headers"]}
                added = ((name.lower().encode(), value.encode()) for name, value in {**HEADERS, "Cache-Control": "no-store"}.items())
                message["headers"] = [*message["headers"], *(one for one in added if one[0] not in given)]
            await send(message)

        await self._app(scope, receive, send_with_headers)


def html_answer(content: Html, status: int = HTTPStatus.OK) -> Response:
    return Response(content.encode(), status, media_type="text/html")


def file_route(package: str, name: str, kind: str) -> Callable[[Request], Awaitable[Response]]:
    """A route to one file of a page's package: only these exist, whatever path is asked for."""
    content = page_file(package, name)
    kept = {"Cache-Control": "no-cache", "ETag": f'"{hashlib.sha256(content).hexdigest()[:32]}"'}

    async def answer(request: Request) -> Response:
        if request.headers.get("if-none-match") == kept["ETag"]:
            return Response(status_code=HTTPStatus.NOT_MODIFIED, headers=kept)
        return Response(content, headers=kept, media_type=kind)

    return answer


def handlers(look: Look) -> dict[type[Exception], Callable[[Request, Any], Awaitable[Response]]]:
    """What is answered to each kind of error; what a stranger must not know stands in the log alone."""

    def answer(title: str, detail: str, status: int) -> Response:
        return html_answer(problem_page(look, title, detail), status)

    async def refused(_: Request, error: RefusedError) -> Response:
        told = answer("Not done", str(error), error.status)
        told.headers["Connection"] = "close"  # a body that was not read would be read to its end, and thrown away
        return told

    async def failed(_: Request, error: BintallyError) -> Response:
        if not isinstance(error, UnavailableError):
            return answer("Not done", str(error), HTTPStatus.UNPROCESSABLE_ENTITY)
        log.error("the page failed", reason=str(error))  # which names the database: not for strangers
        return answer("Not now", "The database does not answer; the page's log says why.", HTTPStatus.SERVICE_UNAVAILABLE)

    async def no_route(request: Request, error: HTTPException) -> Response:
        return answer("Not found", f"{request.method} {request.url.path[:80]}: there is no such page.", error.status_code)

    async def gone(_: Request, __: ClientDisconnect) -> Response:
        return Response(status_code=HTTPStatus.BAD_REQUEST)  # nobody reads it

    async def broken(request: Request, error: Exception) -> Response:
        log.error("the page failed", path=request.url.path, error=repr(error))
        return answer("Not done", "This did not work; the page's log says why.", HTTPStatus.INTERNAL_SERVER_ERROR)

    return {RefusedError: refused, BintallyError: failed, HTTPException: no_route, ClientDisconnect: gone, Exception: broken}
