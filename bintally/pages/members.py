"""Who is logged in: what only members see, and what only they may order, out of a form of ours.

What threatens a page on which something can be ordered: strangers (token), other sites in the browser of somebody who is logged in (cookie that
is sent to no other site's requests, Origin, a secret in every form), what others call themselves (``html``, Content-Security-Policy).

Source:
    OWASP Cross-Site Request Forgery Prevention and Session Management Cheat Sheets; Fetch Metadata Request Headers, W3C.
"""

from __future__ import annotations

import hmac
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Generic, Protocol, TypeVar

import structlog
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from bintally.pages.answers import file_route, html_answer
from bintally.pages.asked import RefusedError, client_of, cookie_name, is_secure, read_form, refuse_foreign
from bintally.pages.frame import login_page
from bintally.pages.guesses import Guesses
from bintally.pages.html import Html
from bintally.pages.look import Look
from bintally.pages.sessions import LONGEST_S, Session, Sessions

_FILES = {"desk.css": "text/css", "page.css": "text/css", "live.js": "text/javascript", "icon.svg": "image/svg+xml"}
_Who = TypeVar("_Who")
_Known = TypeVar("_Known", covariant=True)  # noqa: PLC0105 - so do the others read
log = structlog.get_logger()


@dataclass(frozen=True)
class Badge:
    """A token's owner.

    Attributes:
        name: of the owner.
        token_hash: of the token; a session ends when its owner has another one.
    """

    name: str
    token_hash: str


class Door(Protocol[_Known]):
    """Who may come in. Each method is called in a thread of its own."""

    def owner(self, token: str) -> Badge | None:
        """Whose token it is; None: nobody's."""

    def still(self, badge: Badge) -> _Known | None:
        """What is known of somebody who came in with this badge; None: it is no longer good."""

    def entered(self, badge: Badge, client: str) -> None:
        """Somebody came in: for the log."""


@dataclass(frozen=True)
class Member(Generic[_Who]):
    """Somebody who is logged in.

    Attributes:
        session: since when, and what is shown next.
        who: what the door knows.
        key: the id in the cookie.
    """

    session: Session
    who: _Who
    key: str


class Members(Generic[_Who]):
    """The guards before a page's routes.

    Args:
        look: of the page.
        door: knows the tokens.
        monotonic: gives seconds that never go back.
        scripts: files of the page's own.
        login_scripts: those of them that the login page has.
    """

    def __init__(
        self,
        look: Look,
        door: Door[_Who],
        monotonic: Callable[[], float] = time.monotonic,
        scripts: Iterable[str] = (),
        login_scripts: Iterable[str] = (),
    ) -> None:
        self._look, self._door, self._monotonic = look, door, monotonic
        self._scripts, self._login_scripts = tuple(scripts), tuple(login_scripts)
        self._sessions, self._guesses = Sessions(), Guesses()

    def routes(self) -> list[Route]:
        """The page's files, logging in and out."""
        files = _FILES | dict.fromkeys(self._scripts, "text/javascript")
        return [
            *(Route(f"/{name}", file_route(self._look.package, name, kind)) for name, kind in files.items()),
            Route("/login", self._login_form, methods=["GET"]),
            Route("/login", self._login, methods=["POST"]),
            Route("/logout", self.ordering(self._logout), methods=["POST"]),
        ]

    def showing(self, show: Callable[[Request, Member[_Who]], Html | Response]) -> Callable[[Request], Awaitable[Response]]:
        """A route for members; the others are shown the door."""

        async def answer(request: Request) -> Response:
            member = await self._member(request)
            if member is None:
                return RedirectResponse("/login", HTTPStatus.SEE_OTHER)
            shown = await run_in_threadpool(show, request, member)
            return shown if isinstance(shown, Response) else html_answer(shown)

        return answer

    def ordering(
        self, order: Callable[[Request, Member[_Who], Mapping[str, str]], Awaitable[Response]]
    ) -> Callable[[Request], Awaitable[Response]]:
        """A route that changes something: for members, out of a form of ours, whose fields it is given."""

        async def answer(request: Request) -> Response:
            refuse_foreign(request)
            member = await self._member(request)
            if member is None:
                raise RefusedError(HTTPStatus.UNAUTHORIZED, "Your session is over, and nothing was done. Log in again.")
            given = await read_form(request)
            if not hmac.compare_digest(given.get("csrf", "").encode("utf-8", "replace"), member.session.csrf.encode()):
                raise RefusedError(HTTPStatus.FORBIDDEN, "This form is not of your session, so nothing was done. Load the page again.")
            return await order(request, member, given)

        return answer

    async def _member(self, request: Request) -> Member[_Who] | None:
        key = request.cookies.get(cookie_name(request, self._look.cookie), "")
        session = self._sessions.find(key, self._monotonic())
        if session is None:
            return None
        who = await run_in_threadpool(self._door.still, Badge(session.name, session.token_hash))
        if who is None:
            self._sessions.end(key)
            return None
        return Member(session, who, key)

    async def _login_form(self, _: Request) -> Response:
        return html_answer(login_page(self._look, scripts=self._login_scripts))

    async def _login(self, request: Request) -> Response:
        refuse_foreign(request)
        token = (await read_form(request)).get("token", "").strip()
        client, now = client_of(request), self._monotonic()
        wait_s = self._guesses.wait_s(client, now)
        if wait_s > 0:
            text = f"Too many wrong tokens. Try again in {wait_s:.0f} s."
            answer = html_answer(login_page(self._look, text, self._login_scripts), HTTPStatus.TOO_MANY_REQUESTS)
            answer.headers["Retry-After"] = str(int(wait_s) + 1)
            return answer
        # wrong until it is found to be right: of many that are looked up at once, none may be one guess more
        self._guesses.wrong(client, now)
        badge = await run_in_threadpool(self._door.owner, token)
        if badge is None:
            log.warning("wrong token", client=client)
            return html_answer(login_page(self._look, "This token is nobody's.", self._login_scripts), HTTPStatus.UNAUTHORIZED)
        self._guesses.right(client)
        await run_in_threadpool(self._door.entered, badge, client)
        key = self._sessions.begin(badge.name, badge.token_hash, now)
        answer = RedirectResponse("/", HTTPStatus.SEE_OTHER)
        name, secure = cookie_name(request, self._look.cookie), is_secure(request)
        answer.set_cookie(name, key, int(LONGEST_S), secure=secure, httponly=True, samesite="strict")
        return answer

    async def _logout(self, request: Request, member: Member[_Who], _: Mapping[str, str]) -> Response:
        self._sessions.end(member.key)
        answer = RedirectResponse("/login", HTTPStatus.SEE_OTHER)
        answer.delete_cookie(cookie_name(request, self._look.cookie), secure=is_secure(request), httponly=True, samesite="strict")
        return answer
