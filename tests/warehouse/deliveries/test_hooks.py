"""Webhooks over real HTTP: signed, again until taken, none held up by another."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from bintally.errors import UnavailableError, UsageError
from bintally.messages import parse_discrepancy, utc_now
from tests.conftest import free_port
from tests.fakes.programs import wait_until
from tests.warehouse.deliveries.test_outbox import event
from warehouse.deliveries import verify
from warehouse.deliveries.hooks import Hooks
from warehouse.deliveries.post import check_url, post
from warehouse.deliveries.signing import new_secret
from warehouse.ledger import Ledger, deliveries, webhooks
from warehouse.ledger.webhooks import Webhook

SECRET = new_secret()


class Receiver:
    """Answers with the given statuses, one after the other, the last one for ever; None hangs."""

    def __init__(self, *statuses: int | None) -> None:
        self.heard: list[tuple[dict[str, str], bytes]] = []
        self.asked = 0
        self.release = threading.Event()
        receiver, left = self, list(statuses)

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                receiver.asked += 1
                status = left.pop(0) if len(left) > 1 else left[0]
                if status is None:
                    receiver.release.wait(60)
                    return
                if 200 <= status < 300:
                    receiver.heard.append((dict(self.headers), body))
                self.send_response(status)
                self.send_header("Location", f"{receiver.url}elsewhere")
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None: ...

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}/hook?a=b"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        self.release.set()
        self._server.shutdown()
        self._server.server_close()


@contextmanager
def receivers(*each: tuple[int | None, ...]) -> Iterator[list[Receiver]]:
    started = [Receiver(*statuses) for statuses in each]
    try:
        yield started
    finally:
        for one in started:
            one.close()


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    with Ledger(f"sqlite:///{tmp_path}/ledger.db") as ledger:
        yield ledger


@pytest.fixture
def hooks(ledger: Ledger) -> Iterator[Hooks]:
    hooks = Hooks(ledger, timeout_s=0.5)
    yield hooks
    hooks.close()


def announce(ledger: Ledger, number: int = 1) -> None:
    with ledger.begin() as tx:
        deliveries.announce(tx, [event(number=one + 1) for one in range(number)], utc_now())


def _add(ledger: Ledger, name: str, url: str) -> None:
    with ledger.begin() as tx:
        webhooks.add(tx, Webhook(name, url, SECRET))


def test_a_message_arrives_signed_and_is_then_done(ledger: Ledger, hooks: Hooks) -> None:
    with receivers((204,)) as (receiver,):
        _add(ledger, "wms", receiver.url)
        announce(ledger)
        hooks.start()
        wait_until(lambda: bool(receiver.heard), "it arrives")
        sent, body = receiver.heard[0]
        assert verify(SECRET, sent, body, time.time()) == event().id
        assert parse_discrepancy(body) == event()
        assert sent["Content-Type"] == "application/cloudevents+json"
        wait_until(lambda: _waiting(ledger) == 0, "it is done")
    assert len(receiver.heard) == 1


def test_one_that_hangs_and_one_that_is_gone_hold_up_no_other(ledger: Ledger, hooks: Hooks) -> None:
    with receivers((None,), (200,)) as (hanging, good):
        for name, url in (("a", hanging.url), ("b", f"http://127.0.0.1:{free_port()}/"), ("c", good.url)):
            _add(ledger, name, url)
        announce(ledger, 5)
        hooks.start()
        wait_until(lambda: len(good.heard) == 5, "the good one has all of it")
        wait_until(lambda: _waiting(ledger) == 10, "the others have none, and all is kept")


@pytest.mark.parametrize("status", [500, 404, 301, 308])
def test_what_is_not_taken_is_sent_again_with_the_same_id(
    ledger: Ledger, hooks: Hooks, monkeypatch: pytest.MonkeyPatch, status: int
) -> None:
    monkeypatch.setattr("warehouse.deliveries.hooks.wait_s", lambda *_: 0.01)
    with receivers((status, status, 200)) as (receiver,):
        _add(ledger, "wms", receiver.url)
        announce(ledger)
        hooks.start()
        wait_until(lambda: _waiting(ledger) == 0, "it is taken at last")
        assert receiver.asked == 3
        assert receiver.heard[0][0]["webhook-id"] == event().id


def test_what_is_never_taken_is_given_up(ledger: Ledger, hooks: Hooks, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("warehouse.deliveries.hooks.wait_s", lambda *_: 0.0)
    monkeypatch.setattr("warehouse.deliveries.hooks.MOST_ATTEMPTS", 2)
    with receivers((410,)) as (receiver,):
        _add(ledger, "wms", receiver.url)
        announce(ledger)
        hooks.start()
        wait_until(lambda: _waiting(ledger) == 0, "it is given up")
        assert receiver.asked == 2


def test_a_webhook_that_is_removed_hears_nothing_more(ledger: Ledger, hooks: Hooks) -> None:
    with receivers((200,)) as (receiver,):
        _add(ledger, "wms", receiver.url)
        hooks.start()
        wait_until(lambda: "wms" in hooks._hooks, "it is known")
        with ledger.begin() as tx:
            webhooks.remove(tx, "wms")
        announce(ledger)
        wait_until(lambda: not hooks._hooks, "it is gone")
        assert receiver.asked == 0


def test_a_redirect_is_not_followed() -> None:
    with receivers((302,)) as (receiver,):
        with pytest.raises(UnavailableError, match="answered 302"):
            post(receiver.url, {}, b"x")
        assert receiver.asked == 1


@pytest.mark.parametrize(
    "url",
    ["", "wms.example", "ftp://wms.example", "https://", "https://user:word@wms.example", "https://wms.example/#a", "https://wms.example/ä", "http://h:x/",
     "https://wms.example/a b", "https://wms.example/\r\nX: y", "http://[::1"],
)  # fmt: skip
def test_an_address_that_cannot_be_or_holds_a_password_is_refused(url: str) -> None:
    with pytest.raises(UsageError, match="webhook"):
        check_url(url)


def _waiting(ledger: Ledger) -> int:
    with ledger.read() as tx:
        return deliveries.waiting(tx).get("webhook", 0)
