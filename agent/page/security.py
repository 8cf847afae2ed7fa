"""Who may ask the page what (pure): attacks from other sites, from the network, and by guessing.

Without a token the page listens on loopback only, and what threatens it is the browser on the same machine: a foreign site that
points its own name at 127.0.0.1 (DNS rebinding: the Host header tells) or that sends requests across sites (Origin, Sec-Fetch-Site
and the JSON content type tell). With a token, requests carry it as ``Authorization: Bearer``, or a cookie that was given for it.

Source:
    OWASP Cross-Site Request Forgery Prevention Cheat Sheet; Fetch Metadata Request Headers, W3C; RFC 6750, section 2.1.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from urllib.parse import urlsplit

from agent.page.address import is_loopback
from bintally.pages.guesses import Guesses

HEADERS = {
    "Content-Security-Policy": "default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; object-src 'none'",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
}
"""On every answer; nothing inline is allowed, and no other site may show or embed any of it."""
PUBLIC = frozenset({"/login", "/api/login", "/page.css", "/login.js", "/icon.svg"})
"""What the login form needs; nothing of the station is in it."""
_FOR_MACHINES = frozenset({"/metrics", "/healthz"})
_ENTRANCES = frozenset({"/", "/login"})
_COOKIE_S = 400 * 86_400  # the longest that browsers keep one; every visit renews it


@dataclass(frozen=True)
class Asked:
    """A request, without its body.

    Attributes:
        method: of HTTP.
        path: decoded, without the query.
        headers: names in lower case.
        client: address of the other end.
    """

    method: str
    path: str
    headers: Mapping[str, str]
    client: str


@dataclass(frozen=True)
class Refusal:
    """Why a request gets nothing.

    Attributes:
        status: of HTTP.
        detail: for people.
        headers: of the answer.
    """

    status: HTTPStatus
    detail: str
    headers: Mapping[str, str] = field(default_factory=dict)


class Guard:
    """Decides on each request.

    Args:
        token: None where only loopback is listened on.
        port: that the page listens on.
    """

    def __init__(self, token: str | None, port: int) -> None:
        self._token, self._port = token, port
        self._guesses = Guesses()
        # There are no users, only the station's token: a session is known by what only its holders can derive, also after a restart
        # of the agent, and another token ends all.
        self._session = hmac.new((token or "").encode(), b"bintally page session", hashlib.sha256).hexdigest()

    def refusal(self, asked: Asked, now: float) -> Refusal | None:
        """Why a request must not be answered; None when it may be.

        Args:
            asked: the request.
            now: monotonic seconds.
        """
        return self._foreign_host(asked) or _foreign_site(asked) or self._stranger(asked, now)

    def login(self, token: str, client: str, now: float) -> Refusal | None:
        """Why a token opens nothing; None when it is the right one."""
        wait_s = self._guesses.wait_s(client, now)
        if wait_s > 0:
            text = f"too many wrong tokens; try again in {wait_s:.0f} s"
            return Refusal(HTTPStatus.TOO_MANY_REQUESTS, text, {"Retry-After": str(int(wait_s) + 1)})
        if self._token is not None and hmac.compare_digest(token.encode(), self._token.encode()):
            return None
        self._guesses.wrong(client, now)
        return Refusal(HTTPStatus.UNAUTHORIZED, "this is not the station's token", {"WWW-Authenticate": "Bearer"})

    def cookie(self) -> dict[str, str]:
        """The header that starts or renews a session; none where no token is asked for."""
        if self._token is None:
            return {}
        return {"Set-Cookie": f"{self._cookie_name}={self._session}; Path=/; Max-Age={_COOKIE_S}; HttpOnly; SameSite=Strict"}

    @property
    def _cookie_name(self) -> str:
        return f"bintally-{self._port}"  # cookies do not tell ports apart, and a machine may have two agents

    def _foreign_host(self, asked: Asked) -> Refusal | None:
        if self._token is None and not self._is_own_name(asked):
            text = f"this page is at http://localhost:{self._port}/ and under no other name; for others, give the agent a --page-token-file"
            return Refusal(HTTPStatus.MISDIRECTED_REQUEST, text)
        return None

    def _is_own_name(self, asked: Asked) -> bool:
        try:
            host = urlsplit(f"//{asked.headers.get('host', '')}")
            return host.username is None and is_loopback(host.hostname or "") and (host.port or 80) == self._port
        except ValueError:
            return False

    def _stranger(self, asked: Asked, now: float) -> Refusal | None:
        if self._token is None or asked.path in PUBLIC or self._has_session(asked):
            return None
        if asked.path in _FOR_MACHINES and is_loopback(asked.client) and self._is_own_name(asked):
            return None
        scheme, _, token = asked.headers.get("authorization", "").partition(" ")
        if scheme.lower() == "bearer":
            return self.login(token.strip(), asked.client, now)
        if asked.path == "/":
            return Refusal(HTTPStatus.SEE_OTHER, "log in first", {"Location": "/login"})
        return Refusal(HTTPStatus.UNAUTHORIZED, "log in first, or send the token as Authorization: Bearer", {"WWW-Authenticate": "Bearer"})

    def _has_session(self, asked: Asked) -> bool:
        cookies = (pair.strip().partition("=") for pair in asked.headers.get("cookie", "").split(";"))
        return any(name == self._cookie_name and hmac.compare_digest(value.encode(), self._session.encode()) for name, _, value in cookies)


def _foreign_site(asked: Asked) -> Refusal | None:
    headers = asked.headers
    if headers.get("sec-fetch-site") in ("cross-site", "same-site") and (asked.method != "GET" or asked.path not in _ENTRANCES):
        return Refusal(HTTPStatus.FORBIDDEN, "other sites may not ask this page anything")
    if asked.method in ("GET", "HEAD"):
        return None
    if "origin" in headers and urlsplit(headers["origin"]).netloc != headers.get("host"):
        return Refusal(HTTPStatus.FORBIDDEN, "other sites may not ask this page anything")
    if headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
        return Refusal(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "send JSON, with Content-Type: application/json")
    return None
