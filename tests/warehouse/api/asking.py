"""Ask the API in this process, without a socket; or over one, from a server in a thread."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import uvicorn
from starlette.types import ASGIApp, Message

from bintally.messages.base import utc_now
from tests.conftest import free_port
from tests.fakes.programs import PATIENCE_S, wait_until
from warehouse.api.app import make_app
from warehouse.api.limits import Quota
from warehouse.api.settings import Settings
from warehouse.ledger import Ledger, tokens

MANY = Quota("requests", 10**6, 1.0)


@dataclass(frozen=True)
class Answer:
    """What was answered; header names in lower case."""

    status: int
    headers: dict[str, str]
    content: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.content)


class Asking:
    """An application over a ledger, and who asks it."""

    def __init__(self, ledger: Ledger, evidence: Path | None = None, **settings: Any) -> None:
        self.ledger = ledger
        self.now_s = 1000.0
        # the clock stands still, so no token's share comes back
        self.app = make_app(ledger, Settings(evidence=evidence, **{"requests": MANY, "failures": MANY, **settings}), lambda: self.now_s)

    @cached_property
    def reader(self) -> str:
        """A token that reads everything."""
        return self.token("read", name="reader")

    def token(self, *scopes: str, site: str | None = None, station: str | None = None, name: str | None = None) -> str:
        """A new token."""
        name = name or f"{'-'.join(scopes).replace(':', '.')}-{site or 'all'}".encode("ascii", "ignore").decode().replace("/", "")
        with self.ledger.begin() as tx:
            return tokens.add(tx, name, scopes, site, station, utc_now(), None)

    def ask(self, method: str, target: str, token: str | None, body: bytes | None = None, given: Any = None, **headers: str) -> Answer:
        """One request; ``given`` goes as JSON."""
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        if token is not None:
            sent["authorization"] = f"Bearer {token}"
        if given is not None:
            body, sent["content-type"] = json.dumps(given).encode(), "application/json"
        if body is not None:
            sent.setdefault("content-length", str(len(body)))
        return ask(self.app, method, target, sent, [body or b""])


def ask(app: ASGIApp, method: str, target: str, headers: dict[str, str], pieces: Sequence[bytes], client: str = "127.0.0.1") -> Answer:
    """One request; a body in pieces."""
    path, _, query = target.partition("?")
    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "query_string": query.encode(),
        "root_path": "",
        "headers": [(name.lower().encode(), value.encode()) for name, value in headers.items()],
        "client": (client, 1234),
        "server": ("127.0.0.1", 80),
    }
    waiting: list[Message] = [{"type": "http.request", "body": piece, "more_body": True} for piece in pieces]
    waiting[-1]["more_body"] = False
    answered: list[Message] = []

    async def receive() -> Message:
        return waiting.pop(0) if waiting else {"type": "http.disconnect"}

    async def send(message: Message) -> None:
        answered.append(message)

    try:
        asyncio.run(app(scope, receive, send))  # type: ignore[arg-type]  # an ASGI application is a coroutine function
    except Exception:  # a server would log it; what was answered is what counts
        if not answered or answered[0]["status"] != 500:
            raise
    found = {name.decode(): value.decode() for name, value in answered[0]["headers"]}
    return Answer(answered[0]["status"], found, b"".join(message.get("body", b"") for message in answered[1:]))


@contextmanager
def serving(app: ASGIApp) -> Iterator[int]:
    """A server's port."""
    port = free_port()
    server = uvicorn.Server(uvicorn.Config(app, port=port, log_config=None, lifespan="on", http="h11", timeout_graceful_shutdown=1))
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        wait_until(lambda: server.started, "the server listens")
        yield port
    finally:
        server.should_exit = True
        thread.join(PATIENCE_S)
