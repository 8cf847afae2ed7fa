"""One GET at a time, as a station can afford it: stopped within a second, never faster than allowed, never slower than is of use.

A read timeout alone lets a server hold a client for ever with a byte now and then (slow retrieval): so bytes are counted over time, and
until the body begins a watcher cuts the connection when its time is over.

Redirects and proxies are not followed: what comes is proven by its digest, but whom a station asks stands in its settings alone.
"""

from __future__ import annotations

import http.client
import socket
import ssl
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote, urlsplit

from bintally.errors import UnavailableError, UsageError

_CHUNK_BYTES = 16 << 10
_LOOK_S = 0.2


class Stopped(Exception):  # noqa: N818 - not an error
    """Something else is to be done now; what came so far is kept."""


class TooSlowError(UnavailableError):
    """The server gives bytes too slowly to be of use."""


@dataclass(frozen=True)
class Pace:
    """How fast bytes may come, and must.

    Attributes:
        most_bytes_s: on the average; None for no limit.
        least_bytes_s: over each ``patience_s``; with a limit, at most a quarter of that.
        patience_s: seconds without progress, and until a connection and an answer's head must be there.
    """

    most_bytes_s: float | None = None
    least_bytes_s: float = 1000.0
    patience_s: float = 20.0

    @property
    def least(self) -> float:
        """Bytes that must come in each ``patience_s``."""
        rate = self.least_bytes_s if self.most_bytes_s is None else min(self.least_bytes_s, self.most_bytes_s / 4)
        return rate * self.patience_s


class Answer:
    """The head of an answer, and its body, to be read once."""

    def __init__(self, response: http.client.HTTPResponse, where: str, pace: Pace, stop: threading.Event) -> None:
        self._response, self._where, self._pace, self._stop = response, where, pace, stop
        self.status, self.headers = response.status, response.headers
        length = self.headers.get("Content-Length", "")
        self.length = int(length) if length.isascii() and length.isdigit() and len(length) < 16 else None

    def chunks(self) -> Iterator[bytes]:
        """The body in pieces.

        Raises:
            TooSlowError: it comes too slowly.
            UnavailableError: the connection broke.
            Stopped: as it was asked to.
        """
        began = mark = time.monotonic()
        total = since_mark = 0
        while True:
            with _translated(self._where, self._stop):
                chunk = self._response.read1(_CHUNK_BYTES)
            if self._stop.is_set():
                raise Stopped
            if not chunk:
                if self.length is not None and total < self.length:
                    raise UnavailableError(f"{self._where}: the connection broke after {total} of {self.length} bytes")
                return
            total, since_mark = total + len(chunk), since_mark + len(chunk)
            yield chunk
            self._rest(began, total)
            if time.monotonic() - mark > self._pace.patience_s:
                if since_mark < self._pace.least:
                    raise TooSlowError(
                        f"{self._where}: {since_mark} bytes in {self._pace.patience_s:.0f} s are too slow; tried again later"
                    )
                mark, since_mark = time.monotonic(), 0

    def _rest(self, began: float, total: int) -> None:
        if self._pace.most_bytes_s is not None:
            ahead_s = began + total / self._pace.most_bytes_s - time.monotonic()
            if ahead_s > 0 and self._stop.wait(ahead_s):
                raise Stopped


@dataclass(frozen=True)
class Web:
    """A folder on a web server.

    Attributes:
        tls: whom to believe; None: no TLS.
        host, port: of the server.
        folder: percent-encoded, with slashes at both ends.
        pace: of each answer.
        stop: ends what is going on.
    """

    tls: ssl.SSLContext | None
    host: str
    port: int
    folder: str
    pace: Pace
    stop: threading.Event

    @contextmanager
    def get(self, path: str, headers: Mapping[str, str] | None = None) -> Iterator[Answer]:
        """Ask for a file below the folder.

        Raises:
            UnavailableError: the server does not answer, or not in time.
            Stopped: as it was asked to.
        """
        where = f"{self}{path}"
        fields = {"User-Agent": "bintally", "Accept-Encoding": "identity", "Connection": "close", **(headers or {})}
        begun, late, over = threading.Event(), threading.Event(), threading.Event()
        with _translated(where, self.stop):
            line = [socket.create_connection((self.host, self.port), timeout=self.pace.patience_s)]
        connection = http.client.HTTPConnection(self.host, self.port)
        watcher = threading.Thread(target=self._watch, args=(line, begun, late, over), name="update-watch", daemon=True)
        watcher.start()
        try:
            with _translated(where, self.stop, late):
                connection.sock = line[0] if self.tls is None else self._encrypted(self.tls, line)
                connection.request("GET", self.folder + quote(path), headers=fields)
                response = connection.getresponse()
                begun.set()
                if late.is_set():  # http.client takes a head that was cut for a whole one
                    raise TimeoutError
            with response:
                yield Answer(response, where, self.pace, self.stop)
        finally:
            over.set()
            line[0].close()
            watcher.join()

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"http{'' if self.tls is None else 's'}://{host}:{self.port}{self.folder}"

    def _encrypted(self, context: ssl.SSLContext, line: list[socket.socket]) -> socket.socket:
        """Put TLS over a connection, in its place, so that the watcher sees it before the handshake begins."""
        tls = context.wrap_socket(line[0], server_hostname=self.host, do_handshake_on_connect=False)
        line[0] = tls
        tls.do_handshake()
        return tls

    def _watch(self, line: list[socket.socket], begun: threading.Event, late: threading.Event, over: threading.Event) -> None:
        deadline = time.monotonic() + self.pace.patience_s
        while not over.wait(_LOOK_S):
            if not begun.is_set() and time.monotonic() > deadline:
                late.set()
            if self.stop.is_set() or late.is_set():
                with suppress(OSError):  # TLS's own shutdown would pull the rug from under a read
                    socket.socket.shutdown(line[0], socket.SHUT_RDWR)


def web_for(url: str, pace: Pace, stop: threading.Event, ca: Path | None = None) -> Web:
    """The folder that a URL names.

    Args:
        url: http(s) address.
        pace: of each answer.
        stop: ends what is going on.
        ca: certificates of the authorities that are believed; None: the system's.

    Raises:
        UsageError: it is no http(s) address of a folder, or the authorities' file cannot be used with it.
    """
    try:
        parts = urlsplit(url)
        port = parts.port
        plain = url.isascii() and url.isprintable() and " " not in url
    except ValueError as error:
        raise UsageError(f"{url[:120]!r}: no address of an update repository ({error}); it looks like https://host/folder") from error
    if (
        parts.scheme not in ("http", "https")
        or not parts.hostname
        or not plain
        or parts.query
        or parts.fragment
        or port == 0
        or "@" in parts.netloc
    ):
        raise UsageError(f"{url[:120]!r}: no address of an update repository; it looks like https://host/folder")
    if parts.scheme == "http" and ca is not None:
        raise UsageError(f"updates_ca is for https, and {url} is not; leave one of them out or change it")
    tls = _believing(ca) if parts.scheme == "https" else None
    return Web(tls, parts.hostname, port or (80 if tls is None else 443), f"{parts.path.rstrip('/')}/", pace, stop)


def _believing(ca: Path | None) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=ca)
    except (OSError, ssl.SSLError) as error:
        raise UsageError(f"updates_ca: {ca} holds no certificates that can be read ({error}); give a PEM file") from error


@contextmanager
def _translated(where: str, stop: threading.Event, late: threading.Event | None = None) -> Iterator[None]:
    try:
        yield
    except (OSError, http.client.HTTPException, ValueError) as error:  # ValueError: a socket that was cut while it was read
        if stop.is_set():
            raise Stopped from error
        if isinstance(error, TimeoutError) or (late is not None and late.is_set()):
            raise TooSlowError(f"{where}: does not answer in time; tried again later") from error
        raise UnavailableError(
            f"{where}: does not answer ({str(error)[:120] or type(error).__name__}); is it reachable from here?"
        ) from error
