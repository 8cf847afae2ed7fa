"""Bounds on connections: whoever floods the page takes the page, never the agent's files or memory.

uvicorn's own limit refuses requests, but keeps every connection that asks nothing or asks slowly.
"""

from __future__ import annotations

import asyncio
from typing import Any

from uvicorn.protocols.http.h11_impl import H11Protocol

MAX_CONNECTIONS = 64
"""A browser opens up to six; a few tablets and a scraper are far from it."""
PATIENCE_S = 15.0
"""Longest time for one request, from its first byte to the last one of its answer; more than any of them takes."""


class BoundedProtocol(H11Protocol):
    """HTTP/1.1 of so many clients at most, none of which may dawdle."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._seen: object = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as in uvicorn
        super().connection_made(transport)
        if len(self.connections) > MAX_CONNECTIONS:
            transport.abort()
        else:
            self.loop.call_later(PATIENCE_S, self._look)

    def _look(self) -> None:
        """End the connection if it is still at the request, or before the first one, of the last look."""
        if self.transport.is_closing():
            return
        if self.cycle is self._seen:
            self.transport.abort()
            return
        self._seen = self.cycle
        self.loop.call_later(PATIENCE_S, self._look)
