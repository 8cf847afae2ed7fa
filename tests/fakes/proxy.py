"""A network that can be cut, stalled and slowed: a TCP proxy in front of a real server."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from typing import Literal

_CHUNK = 4096


class Proxy:
    """Listens on a loopback port and passes everything on.

    ``cut`` closes all connections and refuses new ones; ``stall`` keeps them open and passes nothing on; ``slow`` passes on
    so many bytes a second in each direction; ``heal`` ends all three.
    """

    def __init__(self, port: int) -> None:
        self._target = port
        self._mode: Literal["open", "cut", "stalled"] = "open"
        self._bytes_per_s: float | None = None
        self._pairs: set[socket.socket] = set()
        self._lock = threading.Lock()
        self._server = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._server.getsockname()[1])
        threading.Thread(target=self._accept, name="proxy", daemon=True).start()

    def cut(self) -> None:
        self._mode = "cut"
        with self._lock:
            pairs, self._pairs = self._pairs, set()
        for one in pairs:
            _close(one)

    def stall(self) -> None:
        self._mode = "stalled"

    def slow(self, bytes_per_s: float) -> None:
        self._bytes_per_s = bytes_per_s

    def heal(self) -> None:
        self._mode, self._bytes_per_s = "open", None

    def close(self) -> None:
        self.cut()
        _close(self._server)

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._server.accept()
            except OSError:
                return
            if self._mode == "cut":
                _close(client)
                continue
            try:
                server = socket.create_connection(("127.0.0.1", self._target), timeout=5)
            except OSError:
                _close(client)
                continue
            server.settimeout(None)
            with self._lock:
                self._pairs |= {client, server}
            for one, other in ((client, server), (server, client)):
                threading.Thread(target=self._pass_on, args=(one, other), daemon=True).start()

    def _pass_on(self, source: socket.socket, sink: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(_CHUNK if self._bytes_per_s is None else 256):
                while self._mode == "stalled":
                    time.sleep(0.02)
                if self._mode == "cut":
                    break
                if self._bytes_per_s is not None:
                    time.sleep(len(data) / self._bytes_per_s)
                sink.sendall(data)
        for one in (source, sink):
            _close(one)
            with self._lock:
                self._pairs.discard(one)


def _close(one: socket.socket) -> None:
    with contextlib.suppress(OSError):
        one.shutdown(socket.SHUT_RDWR)
    one.close()
