"""The page's routes, and who may ask what of them.

What threatens a page with a stop button: strangers (token), other sites in the browser of somebody who is logged in (cookie that is sent to no
other site's requests, Origin, a secret in every form), what stations call themselves (``html``, Content-Security-Policy).

Source:
    OWASP Cross-Site Request Forgery Prevention and Session Management Cheat Sheets; Fetch Metadata Request Headers, W3C.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from importlib import resources
from urllib.parse import parse_qsl, urlsplit

import structlog
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from bintally.errors import BintallyError, InputError, UnavailableError, UsageError
from deploy.fleet.page.frame import login_page, member_page, panel, problem_page
from deploy.fleet.page.glance import Watch
from deploy.fleet.page.html import Html
from deploy.fleet.page.query import read_query
from deploy.fleet.page.rollouts import address, log_table, rollout_page
from deploy.fleet.page.sessions import LONGEST_S, Guesses, Session, Sessions
from deploy.fleet.page.stations import stations_page
from deploy.fleet.page.tokens import TokenFile, owner
from deploy.fleet.rollout.orders import ORDERS, give_order
from deploy.fleet.rollout.store import Store

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
_FILES = {"page.css": "text/css", "page.js": "text/javascript", "icon.svg": "image/svg+xml"}
_MAX_BODY_BYTES, _RECEIVE_S, _LOG_LINES = 4096, 10.0, 500
log = structlog.get_logger()
Form = Mapping[str, str]


class RefusedError(Exception):
    """Why a request gets nothing."""

    def __init__(self, status: HTTPStatus, detail: str) -> None:
        super().__init__(detail)
        self.status = status


@dataclass(frozen=True)
class _Member:
    """Somebody who is logged in, and the id in the cookie."""

    session: Session
    key: str


class Page:
    """What the routes share.

    Args:
        store: the database.
        tokens: who may log in.
        clock: gives Unix seconds.
        monotonic: gives seconds that never go back.
    """

    def __init__(
        self,
        store: Store,
        tokens: TokenFile,
        clock: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._store, self._tokens, self._clock, self._monotonic = store, tokens, clock, monotonic
        self._watch, self._sessions, self._guesses = Watch(store, clock), Sessions(), Guesses()

    def app(self) -> ASGIApp:
        """The whole application."""
        routes = [
            *(Route(f"/{name}", _file(name, kind)) for name, kind in _FILES.items()),
            Route("/healthz", self._health),
            Route("/login", self._login_form, methods=["GET"]),
            Route("/login", self._login, methods=["POST"]),
            Route("/logout", self._ordering(self._logout), methods=["POST"]),
            Route("/", self._showing(self._stations)),
            Route("/log", self._showing(self._log)),
            Route("/rollout/{id}", self._showing(self._rollout)),
            Route("/rollout/{id}/{order}", self._ordering(self._order), methods=["POST"]),
        ]
        handlers = {RefusedError: _refused, BintallyError: _failed, HTTPException: _no_route, ClientDisconnect: _gone, Exception: _broken}
        return _WithHeaders(Starlette(routes=routes, exception_handlers=handlers))  # type: ignore[arg-type]  # each handler takes its own error

    # who asks

    def _showing(self, show: Callable[[Request, Session], Html]) -> Callable[[Request], Awaitable[Response]]:
        """A route for members; the others are shown the door."""

        async def answer(request: Request) -> Response:
            member = self._member(request)
            if member is None:
                return RedirectResponse("/login", HTTPStatus.SEE_OTHER)
            return _html(await run_in_threadpool(show, request, member.session))

        return answer

    def _ordering(self, order: Callable[[Request, _Member], Awaitable[Response]]) -> Callable[[Request], Awaitable[Response]]:
        """A route that changes something: for members, out of a form of ours."""

        async def answer(request: Request) -> Response:
            _refuse_foreign(request)
            member = self._member(request)
            if member is None:
                raise RefusedError(HTTPStatus.UNAUTHORIZED, "Your session is over, and nothing was done. Log in again.")
            given = (await _form(request)).get("csrf", "")
            if not hmac.compare_digest(given.encode("utf-8", "replace"), member.session.csrf.encode()):
                raise RefusedError(HTTPStatus.FORBIDDEN, "This form is not of your session, so nothing was done. Load the page again.")
            return await order(request, member)

        return answer

    def _member(self, request: Request) -> _Member | None:
        key = request.cookies.get(_cookie_name(request), "")
        session = self._sessions.find(key, self._hashes(), self._monotonic())
        return None if session is None else _Member(session, key)

    def _hashes(self) -> Mapping[str, str]:
        try:
            return self._tokens.hashes()
        except BintallyError as error:
            log.error("nobody can log in", reason=str(error))  # noqa: TRY400 - the text says it all
            text = "Nobody can log in at the moment; the page's log says why."
            raise RefusedError(HTTPStatus.SERVICE_UNAVAILABLE, text) from error

    # routes

    async def _login_form(self, _: Request) -> Response:
        return _html(login_page())

    async def _login(self, request: Request) -> Response:
        _refuse_foreign(request)
        token = (await _form(request)).get("token", "").strip()
        client, now = _client(request), self._monotonic()  # from here to the verdict nothing waits, or many at once would guess more often
        wait_s = self._guesses.wait_s(client, now)
        if wait_s > 0:
            answer = _html(login_page(f"Too many wrong tokens. Try again in {wait_s:.0f} s."), HTTPStatus.TOO_MANY_REQUESTS)
            answer.headers["Retry-After"] = str(int(wait_s) + 1)
            return answer
        hashes = self._hashes()
        name = owner(hashes, token)
        if name is None:
            self._guesses.wrong(client, now)
            log.warning("wrong token", client=client)
            return _html(login_page("This token is nobody's."), HTTPStatus.UNAUTHORIZED)
        await run_in_threadpool(self._store.note, _who(name), "login", f"from {client}", self._clock())
        key = self._sessions.begin(name, hashes[name], now)
        answer = RedirectResponse("/", HTTPStatus.SEE_OTHER)
        answer.set_cookie(_cookie_name(request), key, int(LONGEST_S), secure=_is_secure(request), httponly=True, samesite="strict")
        return answer

    async def _logout(self, request: Request, member: _Member) -> Response:
        self._sessions.end(member.key)
        answer = RedirectResponse("/login", HTTPStatus.SEE_OTHER)
        answer.delete_cookie(_cookie_name(request), secure=_is_secure(request), httponly=True, samesite="strict")
        return answer

    def _stations(self, request: Request, session: Session) -> Html:
        return stations_page(read_query(request.query_params), self._watch.look(), session)

    def _rollout(self, request: Request, session: Session) -> Html:
        try:
            found = self._store.rollout(request.path_params["id"])
        except InputError as error:
            raise RefusedError(HTTPStatus.NOT_FOUND, str(error)) from error
        return rollout_page(found, self._watch.look(), session)

    def _log(self, _: Request, session: Session) -> Html:
        entries = self._store.audit(_LOG_LINES)
        return member_page("Log", session, self._clock(), panel(f"The newest {len(entries)} entries", log_table(entries), id_="log"))

    async def _order(self, request: Request, member: _Member) -> Response:
        """Write an order down, in the name of who gave it; what came of it is shown on the next page."""
        rollout, order = request.path_params["id"], request.path_params["order"]
        if order not in ORDERS:
            raise HTTPException(HTTPStatus.NOT_FOUND)
        try:
            told = await run_in_threadpool(give_order, self._store, rollout, order, _who(member.session.name), self._clock())
            member.session.said = (True, told)
        except UsageError as error:  # it has ended, or somebody else was quicker
            member.session.said = (False, str(error))
        except InputError as error:
            raise RefusedError(HTTPStatus.NOT_FOUND, str(error)) from error
        self._watch.forget()
        return RedirectResponse(address(rollout), HTTPStatus.SEE_OTHER)

    async def _health(self, _: Request) -> Response:
        await run_in_threadpool(self._store.controller, self._clock())
        return Response("the database answers\n", media_type="text/plain")


class _WithHeaders:
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


def _who(name: str) -> str:
    return f"{name} (page)"


def _is_secure(request: Request) -> bool:
    return request.url.scheme == "https"


def _cookie_name(request: Request) -> str:
    """The prefix binds it to this very host, and lets no plain-text answer set it (RFC 6265bis, 4.1.3.2); ports share cookies."""
    return "__Host-bintally-fleet" if _is_secure(request) else f"bintally-fleet-{request.url.port or 80}"


def _refuse_foreign(request: Request) -> None:
    """Let no other site send forms.

    Raises:
        RefusedError: another one did.
    """
    origin, site = request.headers.get("origin"), request.headers.get("sec-fetch-site", "same-origin")
    if site != "same-origin" or (origin is not None and urlsplit(origin).netloc != request.headers.get("host")):
        raise RefusedError(HTTPStatus.FORBIDDEN, "Other sites may order nothing here. Behind a proxy: it must hand on the Host header.")


async def _form(request: Request) -> Form:
    """The body of a form; of a name that stands twice the last one.

    Raises:
        RefusedError: it is too long, too slow, or no form.
    """
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/x-www-form-urlencoded":
        raise RefusedError(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "Send a form.")
    try:
        body = await asyncio.wait_for(_body(request), _RECEIVE_S)
        return dict(parse_qsl(body.decode("ascii"), max_num_fields=16))
    except asyncio.TimeoutError as error:
        raise RefusedError(HTTPStatus.REQUEST_TIMEOUT, f"The form did not come within {_RECEIVE_S:g} s.") from error
    except ValueError as error:
        raise RefusedError(HTTPStatus.BAD_REQUEST, "This is no form.") from error


async def _body(request: Request) -> bytes:
    body = b""
    async for part in request.stream():
        body += part
        if len(body) > _MAX_BODY_BYTES:
            raise RefusedError(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"The form is too large; {_MAX_BODY_BYTES:,} bytes are read.")
    return body


def _client(request: Request) -> str:
    return request.client.host if request.client else ""


def _html(content: Html, status: int = HTTPStatus.OK) -> Response:
    return Response(content.encode(), status, media_type="text/html")


def _file(name: str, kind: str) -> Callable[[Request], Awaitable[Response]]:
    """A route to one file of this package: only these exist, whatever path is asked for."""
    content = resources.files("deploy.fleet.page").joinpath("static", name).read_bytes()
    kept = {"Cache-Control": "no-cache", "ETag": f'"{hashlib.sha256(content).hexdigest()[:32]}"'}

    async def answer(request: Request) -> Response:
        if request.headers.get("if-none-match") == kept["ETag"]:
            return Response(status_code=HTTPStatus.NOT_MODIFIED, headers=kept)
        return Response(content, headers=kept, media_type=kind)

    return answer


async def _refused(_: Request, error: RefusedError) -> Response:
    answer = _html(problem_page("Not done", str(error)), error.status)
    answer.headers["Connection"] = "close"  # a body that was not read would be read to its end, and thrown away
    return answer


async def _failed(_: Request, error: BintallyError) -> Response:
    if not isinstance(error, UnavailableError):
        return _html(problem_page("Not done", str(error)), HTTPStatus.UNPROCESSABLE_ENTITY)
    log.error("the page failed", reason=str(error))  # which names the database: not for strangers
    return _html(problem_page("Not now", "The database does not answer; the page's log says why."), HTTPStatus.SERVICE_UNAVAILABLE)


async def _no_route(request: Request, error: HTTPException) -> Response:
    return _html(problem_page("Not found", f"{request.method} {request.url.path[:80]}: there is no such page."), error.status_code)


async def _gone(_: Request, __: ClientDisconnect) -> Response:
    return Response(status_code=HTTPStatus.BAD_REQUEST)  # nobody reads it


async def _broken(request: Request, error: Exception) -> Response:
    log.error("the page failed", path=request.url.path, error=repr(error))
    return _html(problem_page("Not done", "This did not work; the page's log says why."), HTTPStatus.INTERNAL_SERVER_ERROR)
