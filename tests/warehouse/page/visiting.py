"""A browser without a network: it keeps its cookie, and sends forms as they stand on the page."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from html import unescape
from pathlib import Path
from urllib.parse import urlencode

from starlette.types import ASGIApp

from tests.warehouse.api.asking import Answer, Asking, ask
from warehouse.ledger import Ledger
from warehouse.page.app import WithPage, make_page

FORM = "application/x-www-form-urlencoded"
HOST = "ledger.lan"


@dataclass
class Shop:
    """A ledger, its API and its page."""

    ledger: Ledger
    evidence: Path
    asking: Asking = field(init=False)
    app: ASGIApp = field(init=False)

    def __post_init__(self) -> None:
        self.asking = Asking(self.ledger, self.evidence)
        self.app = WithPage(self.asking.app, make_page(self.asking.app.state.api))

    def visitor(self, name: str, *scopes: str, site: str | None = None) -> Visitor:
        """Somebody who has logged in."""
        token = self.asking.token(*(scopes or ("read", "count:correct", "plan")), site=site, name=name)
        visitor = Visitor(self.app, token)
        assert visitor.post("/login", token=token).status == 303
        return visitor


@dataclass
class Visitor:
    """A browser."""

    app: ASGIApp
    token: str
    cookie: str = ""

    def get(self, address: str, **headers: str) -> Answer:
        """One page; where it leads elsewhere, that."""
        answer = self._ask("GET", address, b"", headers)
        if answer.status == 303:
            return self.get(answer.headers["location"])
        return answer

    def post(self, address: str, **fields: str | int) -> Answer:
        """A form."""
        sent = {"content-type": FORM, "origin": f"http://{HOST}", "sec-fetch-site": "same-origin"}
        answer = self._ask("POST", address, urlencode(fields).encode(), sent)
        if "set-cookie" in answer.headers:
            self.cookie = answer.headers["set-cookie"].partition(";")[0]
        return answer

    def press(self, page: Answer, action: str, **typed: str | int) -> Answer:
        """Send a form of a page; the answer is the page that it leads to."""
        form = next(one for one in re.findall(r'<form[^>]*method="post".*?</form>', text(page), re.DOTALL) if f'action="{action}"' in one)
        hidden = {unescape(name): unescape(value) for name, value in re.findall(r'type="hidden" name="([^"]+)" value="([^"]*)"', form)}
        answer = self.post(action, **{**hidden, **typed})
        assert answer.status == 303, text(answer)
        return self.get(answer.headers["location"])

    def _ask(self, method: str, address: str, body: bytes, headers: dict[str, str]) -> Answer:
        given = {"host": HOST, **({"cookie": self.cookie} if self.cookie else {}), **headers}
        return ask(self.app, method, address, given, [body])


def text(answer: Answer) -> str:
    return answer.content.decode()


def words(answer: Answer) -> str:
    """What somebody reads."""
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", text(answer))).split())
