"""The server's life: listen, serve until SIGTERM, answer what is in flight, end."""

from __future__ import annotations

import signal
import socket
from functools import partial

import structlog
import uvicorn

from bintally import __version__
from bintally.errors import UnavailableError
from deploy.cloud.endpoint.app import make_app
from deploy.cloud.endpoint.counter import load
from deploy.cloud.endpoint.settings import EndpointSettings

_KEEP_ALIVE_S = 75  # longer than those who ask keep an idle connection, so that it is theirs to close
log = structlog.get_logger()


def serve(settings: EndpointSettings) -> None:
    """Serve until a signal comes.

    Raises:
        UnavailableError: the port is taken.
    """
    with listen(settings.host, settings.port) as listening:
        config = uvicorn.Config(
            make_app(settings, partial(load, settings)),
            log_config=None,
            access_log=False,
            ws="none",
            server_header=False,
            timeout_keep_alive=_KEEP_ALIVE_S,
            timeout_graceful_shutdown=settings.grace_s,
        )
        server = uvicorn.Server(config)

        def stop(*_: object) -> None:
            server.should_exit = True

        # uvicorn catches signals itself while it runs, and raises them again at its end; a stop is no failure
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, stop)
        log.info("listening", host=settings.host, port=settings.port, version=__version__)
        server.run(sockets=[listening])
    log.info("stopped")


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
