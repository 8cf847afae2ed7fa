"""The page's routes."""

from __future__ import annotations

import asyncio
import hashlib
import json
import time
from collections.abc import Awaitable, Callable, Mapping
from http import HTTPStatus
from typing import Any, Protocol, TypeVar

import structlog
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from agent.page.picture import Pictures
from agent.page.security import HEADERS, Asked, Guard, Refusal
from agent.page.state import page_state
from agent.status import Status
from bintally.errors import BintallyError, InputError, UnavailableError, UsageError
from bintally.messages.base import BinName, Quantity
from bintally.messages.events import EventId
from bintally.pages.files import page_file
from bintally.topics import Station

_MAX_BODY_BYTES, _RECEIVE_S = 4096, 10.0
_CORRECTIONS = 200
_KINDS = {"html": "text/html", "css": "text/css", "js": "text/javascript", "svg": "image/svg+xml"}
_STATUS: tuple[tuple[type[BintallyError], HTTPStatus], ...] = (
    (InputError, HTTPStatus.UNPROCESSABLE_ENTITY),
    (UnavailableError, HTTPStatus.SERVICE_UNAVAILABLE),
    (UsageError, HTTPStatus.CONFLICT),
)
log = structlog.get_logger()


class Actions(Protocol):
    """What the page may have done; called from its threads. Errors are told to who asked."""

    def correct(self, event_id: str, quantity: int, by: str) -> str:
        """Record the true quantity of a count; says in words what was done."""
        ...

    def recount(self, bin: str | None) -> str:  # noqa: A002 - as in all messages
        """Count a bin, or the only one, now; says in words what was begun."""
        ...


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class Correct(_Body):
    """The true quantity of a count."""

    event_id: EventId
    quantity: Quantity


class Recount(_Body):
    """Count now; null: the station's only bin."""

    bin: BinName | None = None


class Login(_Body):
    """A token."""

    token: str = Field(max_length=1024)


_Model = TypeVar("_Model", bound=_Body)
_Endpoint = Callable[[Request], Awaitable[Response]]


class _RefusedError(Exception):
    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.detail)
        self.refusal = refusal


class Page:
    """What the routes share.

    Args:
        status: of the agent.
        actions: what buttons do.
        station: whose page it is.
        metrics: the text for Prometheus.
        healthy: whether all is well, with details.
        guard: who may ask what.
        stale_after_s: an older picture is not live.
    """

    def __init__(
        self,
        status: Status,
        actions: Actions,
        station: Station,
        metrics: Callable[[], bytes],
        healthy: Callable[[], tuple[bool, dict[str, Any]]],
        guard: Guard,
        stale_after_s: float,
    ) -> None:
        self._status, self._actions, self._station = status, actions, station
        self._metrics, self._healthy = metrics, healthy
        self._guard, self._stale_after_s = guard, stale_after_s
        self._pictures = Pictures()
        self._corrected: dict[str, int] = {}

    def app(self) -> ASGIApp:
        """The whole application, guarded."""
        routes = [
            Route("/", _file("index.html", self._guard.cookie())),
            Route("/login", _file("login.html")),
            *(Route(f"/{name}", _file(name)) for name in ("page.css", "page.js", "pad.js", "login.js", "icon.svg")),
            Route("/api/state", self._state),
            Route("/picture.jpg", self._picture),
            Route("/metrics", self._metrics_text),
            Route("/healthz", self._health),
            Route("/api/correct", self._correct, methods=["POST"]),
            Route("/api/recount", self._recount, methods=["POST"]),
            Route("/api/login", self._login, methods=["POST"]),
        ]
        handlers = {BintallyError: _failed, _RefusedError: _refused, HTTPException: _no_route, ClientDisconnect: _gone, Exception: _broken}
        return _Guarded(Starlette(routes=routes, exception_handlers=handlers), self._guard)  # type: ignore[arg-type]  # each handler takes its own error

    async def _state(self, _: Request) -> Response:
        snapshot, now = self._status.snapshot(), time.monotonic()
        offer = self._pictures.offer(snapshot.frame, snapshot.grabbed_at, now)
        return _json(page_state(snapshot, self._station, offer, self._corrected, now, self._stale_after_s))

    def _picture(self, _: Request) -> Response:
        snapshot = self._status.snapshot()
        self._pictures.offer(snapshot.frame, snapshot.grabbed_at, time.monotonic())
        jpeg = self._pictures.jpeg()
        if jpeg is None:
            return problem(HTTPStatus.NOT_FOUND, "there is no picture yet")
        return Response(jpeg, media_type="image/jpeg")

    def _metrics_text(self, _: Request) -> Response:
        return Response(self._metrics(), headers={"Content-Type": "text/plain; version=0.0.4; charset=utf-8"})

    def _health(self, _: Request) -> Response:
        well, details = self._healthy()
        return _json(details, HTTPStatus.OK if well else HTTPStatus.SERVICE_UNAVAILABLE)

    async def _correct(self, request: Request) -> Response:
        asked = await _read(request, Correct)
        words = await run_in_threadpool(self._actions.correct, asked.event_id, asked.quantity, f"page {_client(request.scope)}")
        self._corrected[asked.event_id] = asked.quantity
        if len(self._corrected) > _CORRECTIONS:
            del self._corrected[next(iter(self._corrected))]
        return _json({"words": words})

    async def _recount(self, request: Request) -> Response:
        asked = await _read(request, Recount)
        return _json({"words": await run_in_threadpool(self._actions.recount, asked.bin)})

    async def _login(self, request: Request) -> Response:
        asked = await _read(request, Login)
        refusal = self._guard.login(asked.token, _client(request.scope), time.monotonic())
        if refusal is not None:
            raise _RefusedError(refusal)
        return _json({"words": "welcome"}, headers=self._guard.cookie())


class _Guarded:
    """Asks the guard first, and puts the headers on every answer."""

    def __init__(self, app: ASGIApp, guard: Guard) -> None:
        self._app, self._guard = app, guard

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        refusal = self._guard.refusal(Asked(scope["method"], scope["path"], headers, _client(scope)), time.monotonic())

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                given = {name.lower() for name, _ in message["headers"]}
                added = HEADERS if b"cache-control" in given else {**HEADERS, "Cache-Control": "no-store"}
                message["headers"] = [*message["headers"], *((n.lower().encode(), v.encode()) for n, v in added.items())]
            await send(message)

        answer = self._app if refusal is None else _refuse(refusal)
        await answer(scope, receive, send_with_headers)


def problem(status: HTTPStatus, detail: str, headers: Mapping[str, str] | None = None) -> Response:
    """A refusal as problem details.

    Source:
        RFC 9457.
    """
    content = {"type": "about:blank", "title": status.phrase, "status": status, "detail": detail}
    return Response(json.dumps(content, ensure_ascii=False).encode(), status, dict(headers or {}), "application/problem+json")


def _refuse(refusal: Refusal) -> Response:
    # The body was not read, and is not wanted: without the end of the connection it would be read to its end and thrown away.
    return problem(refusal.status, refusal.detail, {"Connection": "close", **refusal.headers})


def _json(content: Mapping[str, Any], status: HTTPStatus = HTTPStatus.OK, headers: Mapping[str, str] | None = None) -> Response:
    return Response(json.dumps(content, ensure_ascii=False).encode(), status, headers, "application/json")


def _file(name: str, headers: Mapping[str, str] | None = None) -> _Endpoint:
    """A route to one file of this package: only these exist, whatever path is asked for."""
    content = page_file("agent.page", name)
    tag = f'"{hashlib.sha256(content).hexdigest()[:32]}"'
    kept = {"Cache-Control": "no-cache", "ETag": tag, **(headers or {})}
    kind = _KINDS[name.rpartition(".")[2]]

    async def answer(request: Request) -> Response:
        if request.headers.get("if-none-match") == tag:
            return Response(status_code=HTTPStatus.NOT_MODIFIED, headers=kept)
        return Response(content, headers=kept, media_type=kind)

    return answer


async def _read(request: Request, model: type[_Model]) -> _Model:
    """The body of a request.

    Raises:
        _RefusedError: it is too long, too slow, or another thing.
    """
    try:
        body = await asyncio.wait_for(_bytes(request), _RECEIVE_S)
        return model.model_validate_json(body)
    except asyncio.TimeoutError as error:
        raise _RefusedError(Refusal(HTTPStatus.REQUEST_TIMEOUT, f"the body did not come within {_RECEIVE_S:g} s")) from error
    except ValidationError as error:
        first = error.errors()[0]
        name = ".".join(str(part) for part in first["loc"]) or "body"
        raise _RefusedError(Refusal(HTTPStatus.UNPROCESSABLE_ENTITY, f"{name}: {first['msg']}")) from error


async def _bytes(request: Request) -> bytes:
    body = b""
    async for part in request.stream():
        body += part
        if len(body) > _MAX_BODY_BYTES:
            text = f"the body is too large; at most {_MAX_BODY_BYTES:,} bytes are read"
            raise _RefusedError(Refusal(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, text))
    return body


def _client(scope: Scope) -> str:
    return str(scope["client"][0]) if scope.get("client") else ""


async def _failed(_: Request, error: BintallyError) -> Response:
    status = next((status for kind, status in _STATUS if isinstance(error, kind)), HTTPStatus.INTERNAL_SERVER_ERROR)
    return problem(status, str(error))


async def _refused(_: Request, error: _RefusedError) -> Response:
    return _refuse(error.refusal)


async def _no_route(request: Request, error: HTTPException) -> Response:
    return problem(HTTPStatus(error.status_code), f"{request.method} {request.url.path[:80]}: there is no such page", error.headers)


async def _gone(_: Request, __: ClientDisconnect) -> Response:
    return Response(status_code=HTTPStatus.BAD_REQUEST)  # nobody reads it


async def _broken(request: Request, error: Exception) -> Response:
    log.error("the page failed", path=request.url.path, error=repr(error))
    return problem(HTTPStatus.INTERNAL_SERVER_ERROR, "this did not work; the agent's log says why")
