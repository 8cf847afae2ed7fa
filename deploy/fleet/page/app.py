"""The page's routes, and who may ask what of them.

What threatens a page with a stop button: strangers (token), other sites in the browser of somebody who is logged in (cookie that is sent to no
other site's requests, Origin, a secret in every form), what stations call themselves (``html``, Content-Security-Policy).

Source:
    OWASP Cross-Site Request Forgery Prevention and Session Management Cheat Sheets; Fetch Metadata Request Headers, W3C.
"""

from __future__ import annotations

import hmac
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from http import HTTPStatus

import structlog
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from bintally.errors import BintallyError, InputError, UsageError
from bintally.pages.guesses import Guesses
from deploy.fleet.page.answers import WithHeaders, broken, failed, file_route, gone, html_answer, no_route, refused
from deploy.fleet.page.asked import RefusedError, client_of, cookie_name, is_secure, read_form, refuse_foreign
from deploy.fleet.page.frame import login_page, member_page, panel
from deploy.fleet.page.glance import Watch
from deploy.fleet.page.html import Html
from deploy.fleet.page.query import read_query
from deploy.fleet.page.rollouts import address, log_table, rollout_page
from deploy.fleet.page.sessions import LONGEST_S, Session, Sessions
from deploy.fleet.page.stations import stations_page
from deploy.fleet.page.tokens import TokenFile, owner
from deploy.fleet.rollout.orders import ORDERS, give_order
from deploy.fleet.rollout.store import Store

_FILES = {"page.css": "text/css", "page.js": "text/javascript", "icon.svg": "image/svg+xml"}
_LOG_LINES = 500
log = structlog.get_logger()


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
            *(Route(f"/{name}", file_route(name, kind)) for name, kind in _FILES.items()),
            Route("/healthz", self._health),
            Route("/login", self._login_form, methods=["GET"]),
            Route("/login", self._login, methods=["POST"]),
            Route("/logout", self._ordering(self._logout), methods=["POST"]),
            Route("/", self._showing(self._stations)),
            Route("/log", self._showing(self._log)),
            Route("/rollout/{id}", self._showing(self._rollout)),
            Route("/rollout/{id}/{order}", self._ordering(self._order), methods=["POST"]),
        ]
        handlers = {RefusedError: refused, BintallyError: failed, HTTPException: no_route, ClientDisconnect: gone, Exception: broken}
        return WithHeaders(Starlette(routes=routes, exception_handlers=handlers))  # type: ignore[arg-type]  # each handler takes its own error

    # who asks

    def _showing(self, show: Callable[[Request, Session], Html]) -> Callable[[Request], Awaitable[Response]]:
        """A route for members; the others are shown the door."""

        async def answer(request: Request) -> Response:
            member = self._member(request)
            if member is None:
                return RedirectResponse("/login", HTTPStatus.SEE_OTHER)
            return html_answer(await run_in_threadpool(show, request, member.session))

        return answer

    def _ordering(self, order: Callable[[Request, _Member], Awaitable[Response]]) -> Callable[[Request], Awaitable[Response]]:
        """A route that changes something: for members, out of a form of ours."""

        async def answer(request: Request) -> Response:
            refuse_foreign(request)
            member = self._member(request)
            if member is None:
                raise RefusedError(HTTPStatus.UNAUTHORIZED, "Your session is over, and nothing was done. Log in again.")
            given = (await read_form(request)).get("csrf", "")
            if not hmac.compare_digest(given.encode("utf-8", "replace"), member.session.csrf.encode()):
                raise RefusedError(HTTPStatus.FORBIDDEN, "This form is not of your session, so nothing was done. Load the page again.")
            return await order(request, member)

        return answer

    def _member(self, request: Request) -> _Member | None:
        key = request.cookies.get(cookie_name(request), "")
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
        return html_answer(login_page())

    async def _login(self, request: Request) -> Response:
        refuse_foreign(request)
        token = (await read_form(request)).get("token", "").strip()
        client, now = (
            client_of(request),
            self._monotonic(),
        )  # from here to the verdict nothing waits, or many at once would guess more often
        wait_s = self._guesses.wait_s(client, now)
        if wait_s > 0:
            answer = html_answer(login_page(f"Too many wrong tokens. Try again in {wait_s:.0f} s."), HTTPStatus.TOO_MANY_REQUESTS)
            answer.headers["Retry-After"] = str(int(wait_s) + 1)
            return answer
        hashes = self._hashes()
        name = owner(hashes, token)
        if name is None:
            self._guesses.wrong(client, now)
            log.warning("wrong token", client=client)
            return html_answer(login_page("This token is nobody's."), HTTPStatus.UNAUTHORIZED)
        await run_in_threadpool(self._store.note, _who(name), "login", f"from {client}", self._clock())
        key = self._sessions.begin(name, hashes[name], now)
        answer = RedirectResponse("/", HTTPStatus.SEE_OTHER)
        answer.set_cookie(cookie_name(request), key, int(LONGEST_S), secure=is_secure(request), httponly=True, samesite="strict")
        return answer

    async def _logout(self, request: Request, member: _Member) -> Response:
        self._sessions.end(member.key)
        answer = RedirectResponse("/login", HTTPStatus.SEE_OTHER)
        answer.delete_cookie(cookie_name(request), secure=is_secure(request), httponly=True, samesite="strict")
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


def _who(name: str) -> str:
    return f"{name} (page)"
