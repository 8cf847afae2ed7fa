"""The page's server."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence

import structlog

from bintally.errors import UsageError
from deploy.fleet.page.app import Page
from deploy.serving import listen, serve_until_signal

_MOST_AT_ONCE = 64
log = structlog.get_logger()


def serve(page: Page, host: str, port: int, proxies: Sequence[str]) -> None:
    """Serve until a signal comes.

    Args:
        page: what to serve.
        host: address to listen on.
        port: to listen on.
        proxies: addresses or networks of those that may say for whom they ask, and whether by TLS.

    Raises:
        UsageError: tokens would go through the network without TLS.
        UnavailableError: the port is taken.
    """
    if not proxies and not _is_loopback(host):
        raise UsageError(
            f"--host {host}: tokens would go through the network as plain text; listen on 127.0.0.1 behind a web server with TLS "
            "(docs/set-up.md has an example), or name the one that asks from elsewhere with --proxy"
        )
    with listen(host, port) as listening:
        port = listening.getsockname()[1]
        log.info("the fleet's page is open", address=f"http://{host}:{port}/", proxies=list(proxies))
        serve_until_signal(
            page.app(),
            listening,
            lifespan="off",
            loop="asyncio",
            http="h11",
            proxy_headers=bool(proxies),
            forwarded_allow_ips=list(proxies),
            limit_concurrency=_MOST_AT_ONCE,
            timeout_graceful_shutdown=5,
        )
    log.info("stopped")


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host.lower() == "localhost"
