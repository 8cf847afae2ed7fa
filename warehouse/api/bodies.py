"""Bodies are read whole before anything is done with them, bounded in size, in time, and all of them together."""

from __future__ import annotations

import asyncio
from http import HTTPStatus

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from warehouse.api.answers import refused
from warehouse.api.problems import RefusedError
from warehouse.api.settings import Settings

_LARGE = ("/v1/expected", "/v1/places", "/v1/sites/", "/v1/pick-lists")
STREAMED = "/evidence/"
"""Below it, routes read bodies themselves."""


class Bounded:
    """Reads the body for the routes behind it.

    Args:
        app: the routes.
        settings: limits.
    """

    def __init__(self, app: ASGIApp, settings: Settings) -> None:
        self._app, self._settings = app, settings
        self._held = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"].startswith(STREAMED) or scope["method"] in ("GET", "HEAD"):
            await self._app(scope, receive, send)
            return
        held = 0
        try:
            limit = self._limit(scope["path"])
            held = self._hold(Headers(scope=scope), limit)
            body = await self._read(receive, limit)
            if body is not None:
                await self._app(scope, _replay(body, receive), send)
        except RefusedError as error:
            await refused(error, close=True)(scope, receive, send)
        finally:
            self._held -= held

    def _limit(self, path: str) -> int:
        return self._settings.import_bytes if path.startswith(_LARGE) else self._settings.body_bytes

    def _hold(self, headers: Headers, limit: int) -> int:
        """Room for a body as long as it says it is, or as one may be."""
        if headers.get("content-encoding", "identity") != "identity":
            raise RefusedError(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "compressed bodies are not read; send it as it is")
        told = headers.get("content-length", "")
        size = int(told) if told.isascii() and told.isdigit() else limit if "transfer-encoding" in headers else 0
        if size > limit:
            raise _too_large(limit)
        if self._held + size > self._settings.held_bytes:
            text = "too many large requests are being worked on; send this one again in a moment"
            raise RefusedError(HTTPStatus.SERVICE_UNAVAILABLE, text, {"Retry-After": "2"})
        self._held += size
        return size

    async def _read(self, receive: Receive, limit: int) -> bytes | None:
        try:
            return await asyncio.wait_for(_body(receive, limit), self._settings.receive_s)
        except asyncio.TimeoutError as error:
            text = f"the body did not come within {self._settings.receive_s:g} s"
            raise RefusedError(HTTPStatus.REQUEST_TIMEOUT, text) from error


async def _body(receive: Receive, limit: int) -> bytes | None:
    """The body; None where the client left before it was whole."""
    parts, size, more = [], 0, True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            return None
        parts.append(message.get("body", b""))
        size += len(parts[-1])
        if size > limit:
            raise _too_large(limit)
        more = message.get("more_body", False)
    return b"".join(parts)


def _replay(body: bytes, receive: Receive) -> Receive:
    first: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def again() -> Message:
        return first.pop() if first else await receive()

    return again


def _too_large(limit: int) -> RefusedError:
    return RefusedError(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"the body is too large; at most {limit:,} bytes are read here")
