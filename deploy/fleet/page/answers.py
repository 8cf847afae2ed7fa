"""How the page answers: headers on everything, its files, and what went wrong in words that are fit for strangers."""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable
from http import HTTPStatus

import structlog
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from bintally.errors import BintallyError, UnavailableError
from bintally.pages.files import page_file
from deploy.fleet.page.asked import RefusedError
from deploy.fleet.page.frame import problem_page
from deploy.fleet.page.html import Html

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
"""On every answer; nothing inline is allowed, and no other site may show or embed any of it."""
log = structlog.get_logger()


class WithHeaders:
    """Puts the headers on every answer."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                given = {name.lower() for name, _ in message["headers"]}
                added = HEADERS if b"cache-control" in given else {**HEADERS, "Cache-Control": "no-store"}
                message["headers"] = [*message["headers"], *((n.lower().encode(), v.encode()) for n, v in added.items())]
            await send(message)

        await self._app(scope, receive, send_with_headers)


def html_answer(content: Html, status: int = HTTPStatus.OK) -> Response:
    return Response(content.encode(), status, media_type="text/html")


def file_route(name: str, kind: str) -> Callable[[Request], Awaitable[Response]]:
    """A route to one file of this package: only these exist, whatever path is asked for."""
    content = page_file("deploy.fleet.page", name)
    kept = {"Cache-Control": "no-cache", "ETag": f'"{hashlib.sha256(content).hexdigest()[:32]}"'}

    async def answer(request: Request) -> Response:
        if request.headers.get("if-none-match") == kept["ETag"]:
            return Response(status_code=HTTPStatus.NOT_MODIFIED, headers=kept)
        return Response(content, headers=kept, media_type=kind)

    return answer


async def refused(_: Request, error: RefusedError) -> Response:
    answer = html_answer(problem_page("Not done", str(error)), error.status)
    answer.headers["Connection"] = "close"  # a body that was not read would be read to its end, and thrown away
    return answer


async def failed(_: Request, error: BintallyError) -> Response:
    if not isinstance(error, UnavailableError):
        return html_answer(problem_page("Not done", str(error)), HTTPStatus.UNPROCESSABLE_ENTITY)
    log.error("the page failed", reason=str(error))  # which names the database: not for strangers
    return html_answer(problem_page("Not now", "The database does not answer; the page's log says why."), HTTPStatus.SERVICE_UNAVAILABLE)


async def no_route(request: Request, error: HTTPException) -> Response:
    return html_answer(problem_page("Not found", f"{request.method} {request.url.path[:80]}: there is no such page."), error.status_code)


async def gone(_: Request, __: ClientDisconnect) -> Response:
    return Response(status_code=HTTPStatus.BAD_REQUEST)  # nobody reads it


async def broken(request: Request, error: Exception) -> Response:
    log.error("the page failed", path=request.url.path, error=repr(error))
    return html_answer(problem_page("Not done", "This did not work; the page's log says why."), HTTPStatus.INTERNAL_SERVER_ERROR)
