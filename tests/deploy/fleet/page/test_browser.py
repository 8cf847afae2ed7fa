"""The page in a real browser, where there is one: its own forms pass its own guards, and it refreshes itself."""

from __future__ import annotations

import re
import socket
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import uvicorn
from starlette.types import ASGIApp, Receive, Scope, Send

from tests.conftest import require_program
from tests.deploy.fleet.page.asking import Desk
from tests.deploy.fleet.rollout.views import view

OPTIONS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--no-first-run",
    "--virtual-time-budget=12000",
)


class Finger:
    """Types and clicks: at ``/finger`` is a form of the page's, filled in, that sends itself.

    Args:
        desk: whose page it is on.

    Attributes:
        form: what is sent, and where.
    """

    def __init__(self, desk: Desk) -> None:
        self._app = desk.app
        self.form: tuple[str, dict[str, str]] = ("/login", {"token": desk.token})

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["path"] != "/finger":
            await self._app(scope, receive, send)
            return
        action, fields = self.form
        inputs = "".join(f'<input name="{name}" value="{value}">' for name, value in fields.items())
        body = f'<form method="post" action="{action}">{inputs}</form><script>document.forms[0].submit()</script>'.encode()
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/html")]})
        await send({"type": "http.response.body", "body": body})


@contextmanager
def served(app: ASGIApp) -> Iterator[int]:
    listening = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(app, log_config=None, lifespan="off"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
    thread.start()
    try:
        yield listening.getsockname()[1]
    finally:
        server.should_exit = True
        thread.join()
        listening.close()


def dom(port: int, profile: Path, path: str) -> str:
    """What the page has become in twelve seconds of its own time."""
    words = [require_program("chromium"), *OPTIONS, f"--user-data-dir={profile}", "--dump-dom", f"http://localhost:{port}{path}"]
    return subprocess.run(words, capture_output=True, text=True, timeout=120, check=True).stdout


def test_the_browser_logs_in_presses_pause_and_sees_what_changes_meanwhile(
    desk: Desk, rollout: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    labels = desk.store.labels

    def then_another_one_comes() -> dict[str, dict[str, str]]:
        """The stations were read just before; so this one is in the next look, which is not spared as long as the clock goes on."""
        desk.store.save([view("lyon/late")])
        desk.now += 60
        return labels()

    monkeypatch.setattr(desk.store, "labels", then_another_one_comes)
    finger, profile = Finger(desk), tmp_path / "profile"
    with served(finger) as port:
        text = dom(port, profile, "/finger")
        assert "berlin/a" in text, "it is in"
        assert "lyon/late" in text, "it refreshed itself"
        finger.form = (f"/rollout/{rollout}/pause", {"csrf": re.findall(r'name="csrf" value="([^"]+)"', text)[0]})
        assert "Resume" in dom(port, profile, "/finger")
    assert desk.store.rollout(rollout).status == "paused"
