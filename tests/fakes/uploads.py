"""A real HTTP server that takes pictures by the protocol of ``agent.evidence.transfer``, with faults that a test orders."""

from __future__ import annotations

import base64
import re
import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socket import SHUT_RDWR
from typing import Literal

from agent.evidence.transfer import digest_of, repr_digest

Fault = Literal["cut", "hang", "wrong digest", "unconfirmed", "redirect"] | int
"""What happens to one PUT: its connection breaks in the middle, the server stops reading until ``release``, it answers with another digest
or with none, it sends the client elsewhere, or it answers with this status."""
_RANGE = re.compile(r"bytes (\d+)-(\d+)/(\d+)")


@dataclass
class Request:
    """One PUT or HEAD as it came."""

    method: str
    path: str
    content_range: str | None
    token: str | None


@dataclass
class Uploads:
    """What the server holds, and what is to go wrong.

    Attributes:
        port: on the loopback.
        files: whole files by path.
        parts: the beginnings of others, with the digest that the whole will have.
        faults: for the next PUTs, one each.
        token: that is asked for, None for none.
        requests: all that came.
        hanging: set while a PUT hangs.
        release: lets PUTs that hang go on.
    """

    port: int = 0
    files: dict[str, bytes] = field(default_factory=dict)
    parts: dict[str, tuple[bytes, bytes]] = field(default_factory=dict)
    faults: deque[Fault] = field(default_factory=deque)
    token: str | None = None
    requests: list[Request] = field(default_factory=list)
    hanging: threading.Event = field(default_factory=threading.Event)
    release: threading.Event = field(default_factory=threading.Event)
    lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/evidence"

    def puts(self) -> list[Request]:
        return [request for request in self.requests if request.method == "PUT"]


@contextmanager
def upload_server(port: int = 0) -> Iterator[Uploads]:
    """A running server."""
    uploads = Uploads()
    server = ThreadingHTTPServer(("127.0.0.1", port), type("Handler", (_Handler,), {"uploads": uploads}))
    server.daemon_threads = True
    uploads.port = server.server_port
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    try:
        yield uploads
    finally:
        uploads.release.set()
        server.shutdown()
        server.server_close()


class _Handler(BaseHTTPRequestHandler):
    uploads: Uploads
    protocol_version = "HTTP/1.1"
    timeout = 30

    def do_HEAD(self) -> None:
        """What is there."""
        if not self._let_in():
            return
        uploads = self.uploads
        with uploads.lock:
            if (part := uploads.parts.get(self.path)) is not None:
                self._answer(200, {"Upload-Offset": str(len(part[1])), "Repr-Digest": _header(part[0])})
            elif (whole := uploads.files.get(self.path)) is not None:
                self._answer(200, {"Repr-Digest": repr_digest(whole)})
            else:
                self._answer(404)

    def do_PUT(self) -> None:
        """Take a file, or the rest of one."""
        if not self._let_in():
            return
        with self.uploads.lock:
            fault = self.uploads.faults.popleft() if self.uploads.faults else None
        if isinstance(fault, int):
            self.close_connection = True
            self._answer(fault)
        elif fault == "redirect":
            self.close_connection = True
            self._answer(307, {"Location": "http://elsewhere.example/"})
        else:
            self._take(fault)

    def _take(self, fault: Fault | None) -> None:
        wanted = digest_of(self.headers["Repr-Digest"])
        found = _RANGE.fullmatch(self.headers["Content-Range"] or "bytes 0-0/0")
        if wanted is None or found is None:
            self.close_connection = True
            self._answer(400)
            return
        length, first = int(self.headers["Content-Length"]), int(found[1])
        with self.uploads.lock:
            digest, part = self.uploads.parts.pop(self.path, (wanted, b""))
        if first and (digest != wanted or len(part) != first):
            self.close_connection = True
            self._answer(409)
            return
        body = part[:first] + self._read(length, fault)
        if len(body) < first + length:
            with self.uploads.lock:
                self.uploads.parts[self.path] = (wanted, body)
            self.close_connection = True
            return
        self._confirm(body, wanted, fault)

    def _read(self, length: int, fault: Fault | None) -> bytes:
        """The body as far as it came."""
        body = bytearray()
        stop_at = length // 2 if fault in ("cut", "hang") else length
        with suppress(OSError):
            while len(body) < length:
                piece = self.rfile.read1(min(65536, length - len(body)))
                body += piece
                if not piece:
                    break
                if len(body) >= stop_at and fault == "cut":
                    self.connection.shutdown(SHUT_RDWR)
                    break
                if len(body) >= stop_at and fault == "hang":
                    self.uploads.hanging.set()
                    self.uploads.release.wait(60)
        return bytes(body)

    def _confirm(self, body: bytes, wanted: bytes, fault: Fault | None) -> None:
        if digest_of(repr_digest(body)) != wanted:
            self._answer(422)
            return
        if fault == "unconfirmed":
            self._answer(201)
            return
        if fault == "wrong digest":
            self._answer(201, {"Repr-Digest": repr_digest(body + b"?")})
            return
        with self.uploads.lock:
            self.uploads.files[self.path] = body
        self._answer(201, {"Repr-Digest": repr_digest(body)})

    def _let_in(self) -> bool:
        scheme, _, token = self.headers.get("Authorization", "").partition(" ")
        given = token if scheme == "Bearer" else None
        self.uploads.requests.append(Request(self.command, self.path, self.headers["Content-Range"], given))
        if self.uploads.token is not None and given != self.uploads.token:
            self.close_connection = True
            self._answer(401)
            return False
        return True

    def _answer(self, status: int, headers: dict[str, str] | None = None) -> None:
        with suppress(OSError):
            self.send_response(status)
            for name, value in {**(headers or {}), "Content-Length": "0"}.items():
                self.send_header(name, value)
            self.end_headers()

    def log_message(self, *_: object) -> None:
        """Silent."""


def _header(digest: bytes) -> str:
    return f"sha-256=:{base64.b64encode(digest).decode()}:"
