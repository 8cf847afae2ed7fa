"""The page in a real browser, where there is one: its forms pass its own guards, its keys press its buttons, and it refreshes itself."""

from __future__ import annotations

from pathlib import Path

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from tests.fakes.browser import Finger, dom, served
from tests.warehouse.api.world import HERE, WRONG, count
from tests.warehouse.page.test_page import case, open_more, view
from tests.warehouse.page.visiting import Shop
from warehouse.discrepancies.rules import Rules
from warehouse.ledger.events import Arrived, take


class Keyboard:
    """Presses keys: behind the page's own script comes one that presses them, once a browser, and «Enter» sends the field.

    Args:
        app: whose page it is on.

    Attributes:
        keys: are pressed one after the other.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self.keys: list[str] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] != "/keys.js":
            await self._app(scope, receive, send)
            return
        pressed = "".join(_press(key) for key in self.keys)
        self.keys = []

        async def longer(message: Message) -> None:
            if message["type"] == "http.response.start":
                kept = [one for one in message["headers"] if one[0] not in (b"content-length", b"etag", b"cache-control")]
                message = {**message, "headers": [*kept, (b"cache-control", b"no-store")]}
            else:
                message = {**message, "body": message.get("body", b"") + pressed.encode()}
            await send(message)

        await self._app({**scope, "headers": [one for one in scope["headers"] if one[0] != b"if-none-match"]}, receive, longer)


def _press(key: str) -> str:
    if key == "Enter":
        return 'document.getElementById("found").requestSubmit();'
    return f'document.body.dispatchEvent(new KeyboardEvent("keydown", {{ key: "{key}", bubbles: true, cancelable: true }}));'


def test_the_browser_logs_in_and_one_key_accepts_corrects_or_goes_on(shop: Shop, tmp_path: Path) -> None:
    open_more(shop, "B/1", "B/2")
    keyboard, profile = Keyboard(shop.app), tmp_path / "profile"
    token = shop.asking.token("read", "count:correct", name="ann")
    with served(Finger(keyboard, "/login", {"token": token})) as port:
        assert "Books wrong" in dom(port, profile, "/finger"), "it is in, on the map"
        keyboard.keys = ["j"]
        assert 'bin=B%2F1">B/1</a>' in dom(port, profile, "/discrepancies"), "the next one"
        keyboard.keys = ["a"]
        assert "5, the books are right." in dom(port, profile, "/discrepancies?number=1&site=berlin")
        keyboard.keys = ["1", "2", "Enter"]
        assert ": 12; the books are held to it" in dom(port, profile, "/discrepancies?number=3&site=berlin")
    assert (case(shop, 1).outcome, case(shop, 1).settled_by) == ("books right", "ann")
    assert (case(shop, 3).outcome, case(shop, 3).found) == ("books wrong", 12)
    assert view(shop).expected == 5


def test_the_page_refreshes_itself(shop: Shop, tmp_path: Path) -> None:
    seen = 0

    async def then_a_count_comes(scope: Scope, receive: Receive, send: Send) -> None:
        nonlocal seen
        await shop.app(scope, receive, send)
        if scope["type"] == "http" and scope["path"] == "/stations":
            seen += 1
            if seen == 1:
                with shop.ledger.begin() as tx:
                    take(tx, [Arrived(HERE, count(HERE, 77, WRONG, 2))], Rules(), shop.asking.app.state.api.now())

    finger, profile = Finger(then_a_count_comes, "/login", {"token": shop.asking.token("read")}), tmp_path / "profile"
    with served(finger) as port:
        dom(port, profile, "/finger")
        text = dom(port, profile, "/stations?site=berlin")
    assert '<td class="num bad">73</td>' in text, "numbers 4 to 76 are missing now"
    assert seen > 1
