"""The page's server: a thread of the agent; what it imports is loaded when it starts, and only where a page is wanted."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import structlog

from agent.page.address import refuse_open
from agent.status import Status
from bintally.errors import UnavailableError
from bintally.topics import Station

if TYPE_CHECKING:
    import uvicorn

    from agent.page.app import Actions

_STOP_S = 5.0
log = structlog.get_logger()


class PageServer:
    """Serves the station's page, ``/metrics`` and ``/healthz``.

    With a token, ``/metrics`` and ``/healthz`` are open to loopback clients without it: behind a proxy on the same machine,
    which makes all clients look so, the proxy must keep others from these two.

    Args:
        host: address to listen on; other than loopback only with a token.
        port: to listen on.
        token: asked of everybody; None: loopback only.
        status: of the agent.
        actions: what the page's buttons do; called from the server's threads.
        station: whose page it is.
        metrics: the text for Prometheus.
        healthy: whether all is well, with details.
        stale_after_s: an older picture is shown as not live.

    Raises:
        UsageError: the host is not loopback, and there is no token.
    """

    def __init__(
        self,
        host: str,
        port: int,
        token: str | None,
        status: Status,
        actions: Actions,
        station: Station,
        metrics: Callable[[], bytes],
        healthy: Callable[[], tuple[bool, dict[str, Any]]],
        stale_after_s: float = 3.0,
    ) -> None:
        refuse_open(host, token)
        self._host, self._port, self._token = host, port, token
        self._page = (status, actions, station, metrics, healthy)
        self._stale_after_s = stale_after_s
        self._server: uvicorn.Server | None = None
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Listen, and serve from a thread.

        Raises:
            UnavailableError: the address is not ours, or the port is taken.
        """
        import uvicorn

        from agent.page.app import Page
        from agent.page.connections import BoundedProtocol
        from agent.page.security import Guard

        listening = _listen(self._host, self._port)
        app = Page(*self._page, Guard(self._token, self._port), self._stale_after_s).app()
        # proxy_headers: who asks is told by the socket, never by a header. Loop and parser are the plain ones, whatever else is installed.
        config = uvicorn.Config(
            app,
            log_config=None,
            access_log=False,
            ws="none",
            http=BoundedProtocol,
            loop="asyncio",
            lifespan="off",
            proxy_headers=False,
            server_header=False,
            timeout_graceful_shutdown=1,
        )
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._serve, args=(self._server, listening), name="page", daemon=True)
        self._thread.start()
        log.info("the page is open", host=self._host, port=self._port, token=self._token is not None)

    @property
    def started(self) -> bool:
        """Whether it answers."""
        return self._server is not None and self._server.started

    def stop(self) -> None:
        """Answer what is being asked, and end; may be called twice, and before ``start``."""
        if self._server is not None and self._thread is not None:
            self._server.should_exit = True
            self._thread.join(_STOP_S)

    @staticmethod
    def _serve(server: uvicorn.Server, listening: socket.socket) -> None:
        with listening:
            try:
                server.run(sockets=[listening])
            except Exception:  # the station counts on without its page
                log.exception("the page ended")


def _listen(host: str, port: int) -> socket.socket:
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        listening = socket.create_server((host, port), family=family, backlog=128)
    except OSError as error:
        raise UnavailableError(f"page {host}:{port} cannot be listened on ({error.strerror}); choose another --page") from error
    # Each connection inherits it: without it an answer's second packet waits 40 ms for the first one's acknowledgement.
    listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listening
