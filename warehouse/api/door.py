"""Who comes in: a token on every request, and no more requests of one token than its share.

Wrong tokens are counted by address, so that guessing does not load the database; nobody can guess 256 bits. A token that was good before
is looked up even then: strangers behind the same address do not lock a station out.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from datetime import datetime
from http import HTTPStatus

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from bintally.errors import BintallyError
from warehouse.api.answers import failed
from warehouse.api.limits import Buckets, Left, network
from warehouse.api.problems import RefusedError
from warehouse.api.scopes import Caller
from warehouse.api.settings import Settings
from warehouse.ledger import Ledger
from warehouse.ledger.tokens import digest, owner

GUARDED = ("/v1/", "/evidence/", "/metrics")
_TRUSTED_S = 3.0
_MOST_KNOWN = 10_000
_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'; sandbox",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
}


class Keys:
    """Whose token it is, asked of the ledger at most every few seconds: one that is revoked ends within them.

    Args:
        ledger: where the tokens are.
        now: gives the time of day, for expiry.
    """

    def __init__(self, ledger: Ledger, now: Callable[[], datetime]) -> None:
        self._ledger, self._now = ledger, now
        self._known: dict[str, tuple[float, Caller]] = {}

    def fresh(self, hashed: str, at_s: float) -> Caller | None:
        """Who it was a moment ago."""
        until_s, caller = self._known.get(hashed, (-math.inf, None))
        return caller if at_s < until_s else None

    def was_good(self, hashed: str) -> bool:
        """Whether the ledger knew it when it was last asked."""
        return hashed in self._known

    def look(self, hashed: str, at_s: float) -> Caller | None:
        """Who it is; None: nobody.

        Raises:
            UnavailableError: the ledger does not answer.
        """
        with self._ledger.read() as tx:
            found = owner(tx, hashed, self._now())
        self._known.pop(hashed, None)
        if found is None:
            return None
        caller = Caller(found.name, found.scopes, found.site, found.station)
        self._known[hashed] = (at_s + _TRUSTED_S, caller)
        if len(self._known) > _MOST_KNOWN:
            self._known.pop(next(iter(self._known)), None)
        return caller


class Door:
    """Stands before all routes; puts the caller into the request's state, and headers onto every answer.

    Args:
        app: the routes.
        keys: who has which token.
        settings: the shares.
        clock: gives monotonic seconds.
    """

    def __init__(self, app: ASGIApp, keys: Keys, settings: Settings, clock: Callable[[], float]) -> None:
        self._app, self._keys, self._clock = app, keys, clock
        self._requests, self._failures = Buckets(settings.requests), Buckets(settings.failures)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not scope["path"].startswith(GUARDED):
            await self._app(scope, receive, send)
            return
        added = dict(_HEADERS)

        async def answer(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in {"Cache-Control": "no-store", **added}.items():
                    headers.setdefault(name, value)
            await send(message)

        try:
            caller = await self._caller(scope)
            left = self._requests.take(caller.name, self._clock())
            added |= {"RateLimit-Policy": self._requests.quota.policy, "RateLimit": left.field(self._requests.quota)}
            if left.wait_s > 0:
                raise _too_many("too many requests of this token", left)
        except BintallyError as error:
            refusal = failed(error)
            refusal.headers["Connection"] = "close"  # a body that was not read would be read to its end, and thrown away
            await refusal(scope, receive, answer)
            return
        scope.setdefault("state", {})["caller"] = caller
        await self._app(scope, receive, answer)

    async def _caller(self, scope: Scope) -> Caller:
        scheme, _, token = Headers(scope=scope).get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not token.strip():
            raise _stranger("send a token: 'Authorization: Bearer …'; 'bintally wms token add' makes one", "")
        hashed, now_s = digest(token.strip()), self._clock()
        caller = self._keys.fresh(hashed, now_s)
        if caller is not None:
            return caller
        address = network(scope["client"][0] if scope.get("client") else "")
        left = self._failures.look(address, now_s)
        if left.wait_s > 0 and not self._keys.was_good(hashed):
            raise _too_many("too many wrong tokens from this address", left)
        caller = await run_in_threadpool(self._keys.look, hashed, now_s)
        if caller is None:
            self._failures.take(address, now_s)
            raise _stranger("this token is nobody's, or has expired", ', error="invalid_token"')
        return caller


def _stranger(text: str, told: str) -> RefusedError:
    return RefusedError(HTTPStatus.UNAUTHORIZED, text, {"WWW-Authenticate": f'Bearer realm="bintally"{told}'})


def _too_many(text: str, left: Left) -> RefusedError:
    wait_s = math.ceil(left.wait_s)
    return RefusedError(HTTPStatus.TOO_MANY_REQUESTS, f"{text}; come again in {wait_s} s", {"Retry-After": str(wait_s)})
