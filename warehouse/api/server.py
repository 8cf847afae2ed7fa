"""The API's life: listen, serve until a signal, answer what is in flight, end."""

from __future__ import annotations

import ipaddress
import signal
import socket
from collections.abc import Sequence
from types import FrameType

import structlog
import uvicorn

from bintally.errors import UnavailableError, UsageError
from warehouse.api.app import make_app
from warehouse.api.settings import Settings
from warehouse.ledger import Ledger
from warehouse.page.app import WithPage, make_page

_MOST_AT_ONCE = 256
log = structlog.get_logger()


def serve(ledger: Ledger, settings: Settings, host: str, port: int, proxies: Sequence[str]) -> None:
    """Serve from the main thread until SIGINT or SIGTERM.

    Args:
        ledger: is asked and told.
        settings: limits, and where pictures go.
        host: address to listen on.
        port: to listen on; 0: any that is free.
        proxies: addresses or networks of those that may say for whom they ask, and whether by TLS.

    Raises:
        UsageError: tokens would go through the network without TLS.
        UnavailableError: the port is taken, or the folder for pictures cannot be used.
    """
    if not proxies and not _is_loopback(host):
        raise UsageError(
            f"--listen {host}: tokens would go through the network as plain text; listen on 127.0.0.1 behind a web server with TLS, "
            "or name the one that asks from elsewhere with --proxy"
        )
    api = make_app(ledger, settings)
    app = WithPage(api, make_page(api.state.api))
    with _listen(host, port) as listening:
        log.info("the ledger is open", address=f"http://{host}:{listening.getsockname()[1]}/", ledger=ledger.where, proxies=list(proxies))
        options = {"loop": "asyncio", "http": "h11", "ws": "none", "log_config": None, "access_log": False, "server_header": False}
        config = uvicorn.Config(
            app,
            **options,  # type: ignore[arg-type]  # of several kinds
            proxy_headers=bool(proxies),
            forwarded_allow_ips=list(proxies),
            limit_concurrency=_MOST_AT_ONCE,
            timeout_graceful_shutdown=10,
        )
        _serve_until_signal(uvicorn.Server(config), listening)
    log.info("stopped")


def _serve_until_signal(server: uvicorn.Server, listening: socket.socket) -> None:
    def stop(_: int, __: FrameType | None) -> None:
        server.should_exit = True

    # uvicorn catches signals itself while it runs, and raises them again at its end; a stop is no failure
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, stop)
    server.run(sockets=[listening])


def _listen(host: str, port: int) -> socket.socket:
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        listening = socket.create_server((host, port), family=family, backlog=1024)
    except OSError as error:
        raise UnavailableError(f"{host}:{port} cannot be listened on ({error.strerror}); choose another --listen") from error
    # Each connection inherits it. Without it an answer's second packet waits 40 ms for the first one's acknowledgement; asyncio
    # sets it only on sockets that were made with TCP's number.
    listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listening


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host.lower() == "localhost"
