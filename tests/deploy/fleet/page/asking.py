"""A page without a network: requests are given to the application as a server would."""

from __future__ import annotations

import asyncio
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

from deploy.fleet.page.app import Page
from deploy.fleet.page.tokens import TokenFile, make_token
from deploy.fleet.rollout.store import Store
from tests.deploy.fleet.rollout.world import START

HOST = "fleet.lan"
FORM = "application/x-www-form-urlencoded"


@dataclass
class Answer:
    status: int
    headers: dict[str, str]
    text: str

    @property
    def csrf(self) -> str:
        """What the page's forms hold."""
        found = re.search(r'name="csrf" value="([^"]+)"', self.text)
        assert found
        return found[1]


@dataclass
class Desk:
    """A page, its database, its tokens, and the time."""

    folder: Path
    scheme: str = "https"
    now: float = START
    up_s: float = 0.0
    store: Store = field(init=False)
    tokens: Path = field(init=False)
    token: str = field(init=False)

    def __post_init__(self) -> None:
        self.store, self.tokens = Store(f"sqlite:///{self.folder / 'fleet.db'}"), self.folder / "page-tokens"
        self.token = make_token(self.tokens, "ann")
        self.app = Page(self.store, TokenFile(self.tokens), lambda: self.now, lambda: self.up_s).app()

    def ask(
        self, method: str, address: str, form: dict[str, str] | bytes | None = None, client: str = "10.0.0.7", **headers: str
    ) -> Answer:
        """One request; header names are given with ``_`` for ``-``."""
        (answer,) = self.ask_at_once(1, method, address, form, client, **headers)
        return answer

    def ask_at_once(
        self, times: int, method: str, address: str, form: dict[str, str] | bytes | None = None, client: str = "10.0.0.7", **headers: str
    ) -> list[Answer]:
        """The same request several times, whose bodies come when all have been begun."""
        url = urlsplit(address)
        body = form if isinstance(form, bytes) else urlencode(form or {}).encode()
        given = {"host": HOST, **({"content-type": FORM} if form is not None else {})}
        given |= {name.replace("_", "-").lower(): value for name, value in headers.items()}
        scope = {
            "type": "http",
            "method": method,
            "path": url.path,
            "raw_path": url.path.encode(),
            "query_string": url.query.encode(),
            "headers": [(name.encode(), value.encode()) for name, value in given.items()],
            "client": (client, 50_000),
            "server": (HOST, 443),
            "scheme": self.scheme,
        }
        return asyncio.run(self._all_asked(scope, body, times))

    async def _all_asked(self, scope: dict[str, Any], body: bytes, times: int) -> list[Answer]:
        return list(await asyncio.gather(*(self._asked(dict(scope), body) for _ in range(times))))

    async def _asked(self, scope: dict[str, Any], body: bytes) -> Answer:
        sent: list[Any] = []

        async def receive() -> Any:
            await asyncio.sleep(0)
            return {"type": "http.request", "body": body}

        async def send(message: Any) -> None:
            sent.append(message)

        await self.app(scope, receive, send)
        headers = {name.decode(): value.decode() for name, value in sent[0]["headers"]}
        return Answer(sent[0]["status"], headers, b"".join(one.get("body", b"") for one in sent[1:]).decode())

    def log_in(self, token: str | None = None, **headers: str) -> str:
        """Logs in.

        Returns:
            The cookie, as a browser sends it back.
        """
        answer = self.ask("POST", "/login", {"token": token or self.token}, **headers)
        assert (answer.status, answer.headers["location"]) == (303, "/")
        return answer.headers["set-cookie"].partition(";")[0]

    def order(self, cookie: str, address: str, csrf: str | None = None, **headers: str) -> Answer:
        """Presses a button of the front page."""
        secret = self.ask("GET", "/", Cookie=cookie).csrf if csrf is None else csrf
        return self.ask("POST", address, {"csrf": secret}, Cookie=cookie, Origin=f"https://{HOST}", Sec_Fetch_Site="same-origin", **headers)
