"""A WMS over HTTP that answers what a test tells it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass
class Told:
    """One answer.

    Attributes:
        cut: the connection ends in the middle of the body.
    """

    body: bytes = b"[]"
    status: int = 200
    headers: dict[str, str] = field(default_factory=lambda: {"Content-Type": "application/json"})
    cut: bool = False


Answers = Callable[[str, dict[str, str]], Told]


@contextmanager
def wms(answers: Answers) -> Iterator[str]:
    """Its address; ``answers`` gets each request's target and headers, these in lower case."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            told = answers(self.path, {name.lower(): value for name, value in self.headers.items()})
            self.send_response(told.status)
            for name, value in {**told.headers, "Content-Length": str(len(told.body))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(told.body[: len(told.body) // 2] if told.cut else told.body)

        def log_message(self, *_: object) -> None:
            """Silent."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
