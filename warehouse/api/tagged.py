"""Answers with an ETag: who has it already gets 304 without a body.

Source:
    RFC 9110, sections 8.8.3 and 13.1.2.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Coroutine
from typing import Any

from fastapi import Request, Response
from fastapi.routing import APIRoute

_KEPT = ("link", "cache-control")


def tag_of(content: bytes) -> str:
    """A strong ETag."""
    return f'"{hashlib.sha256(content).hexdigest()[:32]}"'


def has(given: str | None, tag: str) -> bool:
    """Whether an ``If-None-Match`` names a tag; weak ones name it, too."""
    tags = [one.strip().removeprefix("W/") for one in (given or "").split(",")]
    return tag in tags or "*" in tags


class Tagged(APIRoute):
    """A route whose answers to GET are tagged by their content. What the database does is not saved, what the network does is."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """FastAPI's handler, and the tag."""
        handle = super().get_route_handler()

        async def tagged(request: Request) -> Response:
            answer = await handle(request)
            if request.method != "GET" or answer.status_code != 200 or "etag" in answer.headers:
                return answer
            tag = answer.headers["etag"] = tag_of(bytes(answer.body))
            answer.headers.setdefault("cache-control", "private, no-cache")
            if not has(request.headers.get("if-none-match"), tag):
                return answer
            kept = {name: answer.headers[name] for name in _KEPT if name in answer.headers}
            return Response(status_code=304, headers={"ETag": tag, **kept})

        return tagged
