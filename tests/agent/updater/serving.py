"""A web server that serves a repository's folder, and does to its clients what a test orders."""

from __future__ import annotations

import re
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from socket import SHUT_RDWR

_CHUNK_BYTES = 4096
_ENDLESS_CHUNK = b"\0" * 65_536


@dataclass
class Fault:
    """What happens to answers for paths that hold ``path``.

    Attributes:
        path: part of the request's path.
        cut_after: the connection breaks after so many bytes of the body.
        slow_s: seconds between single bytes of the body.
        slow_chunk_s: the same between pieces of a few kilobytes.
        slow_head_s: seconds between single bytes of the head.
        hang: nothing comes after the request.
        status: is answered, without a body.
        length: ``Content-Length`` that is told; None for the true one.
        endless: a body without length that never ends.
        no_range: ``Range`` is passed over.
        wrong_range: another range than was asked for is sent.
        change: of the content.
        etag: that is told.
        times: how often; None for always.
    """

    path: str
    cut_after: int | None = None
    slow_s: float = 0.0
    slow_chunk_s: float = 0.0
    slow_head_s: float = 0.0
    hang: bool = False
    status: int | None = None
    length: int | None = None
    endless: bool = False
    no_range: bool = False
    wrong_range: bool = False
    change: Callable[[bytes], bytes] | None = None
    etag: str | None = None
    times: int | None = None


@dataclass
class Request:
    """One that came: path, ``Range`` and ``If-Range``, and how many bytes of a body were sent."""

    path: str
    range: str | None
    if_range: str | None
    sent: int = 0


@dataclass
class Serving:
    """The server.

    Attributes:
        folder: that is served; may be changed at any time.
        faults: the first that fits counts.
        requests: all that came.
        port: on the loopback.
    """

    folder: Path
    faults: list[Fault] = field(default_factory=list)
    requests: list[Request] = field(default_factory=list)
    port: int = 0
    tls: bool = False
    over: threading.Event = field(default_factory=threading.Event)

    @property
    def url(self) -> str:
        return f"http{'s' if self.tls else ''}://127.0.0.1:{self.port}"

    def of(self, path: str) -> list[Request]:
        return [request for request in self.requests if path in request.path]

    def fault(self, path: str) -> Fault:
        for fault in self.faults:
            if fault.path in path and fault.times != 0:
                if fault.times is not None:
                    fault.times -= 1
                return fault
        return Fault("")


@contextmanager
def serving(folder: Path, certificate: tuple[Path, Path] | None = None) -> Iterator[Serving]:
    server = Serving(folder, tls=certificate is not None)
    listener = ThreadingHTTPServer(("127.0.0.1", 0), type("Bound", (_Handler,), {"serving": server}))
    listener.daemon_threads = True
    if certificate is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*certificate)
        listener.socket = context.wrap_socket(listener.socket, server_side=True, do_handshake_on_connect=False)
    server.port = listener.server_address[1]
    thread = threading.Thread(target=listener.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.over.set()
        listener.shutdown()
        listener.server_close()
        thread.join(5)


class _Handler(BaseHTTPRequestHandler):
    serving: Serving
    protocol_version = "HTTP/1.1"

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - as it is called there
        pass

    def do_GET(self) -> None:
        request = Request(self.path, self.headers.get("Range"), self.headers.get("If-Range"))
        self.serving.requests.append(request)
        self.close_connection = True
        with suppress(OSError):
            self._answer(request, self.serving.fault(self.path))

    def _answer(self, request: Request, fault: Fault) -> None:
        if fault.hang:
            self.serving.over.wait(60)
            return
        file = self.serving.folder / self.path.lstrip("/")
        if fault.status is not None or not file.is_file():
            self._head(fault.status or 404, {"Content-Length": "0"}, fault)
            return
        content = file.read_bytes()
        if fault.change is not None:
            content = fault.change(content)
        etag = fault.etag or f'"{file.stat().st_mtime_ns}-{len(content)}"'
        start = self._start(request, fault, etag)
        headers = {"ETag": etag, "Connection": "close"}
        if start is not None and start >= len(content):
            self._head(416, {"Content-Length": "0"}, fault)
            return
        body = content[start or 0 :]
        if start is not None:
            first = start - 1 if fault.wrong_range else start
            headers["Content-Range"] = f"bytes {first}-{len(content) - 1}/{len(content)}"
        if not fault.endless:
            headers["Content-Length"] = str(len(body) if fault.length is None else fault.length)
        self._head(200 if start is None else 206, headers, fault)
        self._body(request, fault, body)

    def _start(self, request: Request, fault: Fault, etag: str) -> int | None:
        found = re.fullmatch(r"bytes=(\d+)-", request.range or "")
        if found is None or fault.no_range or (request.if_range is not None and request.if_range != etag):
            return None
        return int(found[1])

    def _head(self, status: int, headers: dict[str, str], fault: Fault) -> None:
        lines = [f"HTTP/1.1 {status} told", *(f"{name}: {value}" for name, value in headers.items()), "", ""]
        head = "\r\n".join(lines).encode()
        if not fault.slow_head_s:
            self.wfile.write(head)
            return
        for byte in head:
            self.wfile.write(bytes([byte]))
            if self.serving.over.wait(fault.slow_head_s):
                return

    def _body(self, request: Request, fault: Fault, body: bytes) -> None:
        if fault.slow_s or fault.slow_chunk_s:
            size = 1 if fault.slow_s else _CHUNK_BYTES
            for start in range(0, len(body), size):
                self._send(request, body[start : start + size])
                if self.serving.over.wait(fault.slow_s or fault.slow_chunk_s):
                    return
        elif fault.cut_after is not None:
            self._send(request, body[: fault.cut_after])
            self.connection.shutdown(SHUT_RDWR)
        else:
            self._send(request, body)
            while fault.endless and not self.serving.over.is_set():
                self._send(request, _ENDLESS_CHUNK)

    def _send(self, request: Request, data: bytes) -> None:
        self.wfile.write(data)
        request.sent += len(data)
