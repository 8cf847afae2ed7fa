"""A real browser, where there is one, before an application of this process."""

from __future__ import annotations

import socket
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import uvicorn
from starlette.types import ASGIApp, Receive, Scope, Send

from tests.conftest import require_program

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
        app: whose page it is on.
        action: where the form is sent.
        fields: what is sent.

    Attributes:
        form: both, to be changed.
    """

    def __init__(self, app: ASGIApp, action: str, fields: dict[str, str]) -> None:
        self._app = app
        self.form = action, fields

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] != "/finger":
            await self._app(scope, receive, send)
            return
        action, fields = self.form
        inputs = "".join(f'<input name="{name}" value="{value}">' for name, value in fields.items())
        body = f'<form method="post" action="{action}">{inputs}</form><script>document.forms[0].submit()</script>'.encode()
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/html")]})
        await send({"type": "http.response.body", "body": body})


@contextmanager
def served(app: ASGIApp) -> Iterator[int]:
    """An application on a port of this machine."""
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
