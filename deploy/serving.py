"""A server's life: listen, serve until a signal, answer what is in flight, end."""

from __future__ import annotations

import signal
import socket
from typing import Any

import uvicorn
from starlette.types import ASGIApp

from bintally.errors import UnavailableError


def serve_until_signal(app: ASGIApp, listening: socket.socket, **options: Any) -> None:
    """Serve from the main thread until SIGINT or SIGTERM.

    Args:
        app: the application.
        listening: of ``listen``.
        options: of ``uvicorn.Config``.
    """
    config = uvicorn.Config(app, log_config=None, access_log=False, ws="none", server_header=False, **options)
    server = uvicorn.Server(config)

    def stop(*_: object) -> None:
        server.should_exit = True

    # uvicorn catches signals itself while it runs, and raises them again at its end; a stop is no failure
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, stop)
    server.run(sockets=[listening])


def listen(host: str, port: int) -> socket.socket:
    """A socket that listens.

    Raises:
        UnavailableError: the address is not ours, or the port is taken.
    """
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        listening = socket.create_server((host, port), family=family, backlog=1024)
    except OSError as error:
        raise UnavailableError(f"{host}:{port} cannot be listened on ({error.strerror}); choose another --host or --port") from error
    # Each connection inherits it. Without it an answer's second packet waits 40 ms for the first one's acknowledgement; asyncio
    # sets it only on sockets that were made with TCP's number.
    listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listening
