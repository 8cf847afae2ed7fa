"""The endpoint's server."""

from __future__ import annotations

from functools import partial

import structlog

from bintally import __version__
from deploy.cloud.endpoint.app import make_app
from deploy.cloud.endpoint.counter import load
from deploy.cloud.endpoint.settings import EndpointSettings
from deploy.serving import listen, serve_until_signal

_KEEP_ALIVE_S = 75  # longer than those who ask keep an idle connection, so that it is theirs to close
log = structlog.get_logger()


def serve(settings: EndpointSettings) -> None:
    """Serve until a signal comes.

    Raises:
        UnavailableError: the port is taken.
    """
    with listen(settings.host, settings.port) as listening:
        app = make_app(settings, partial(load, settings))
        log.info("listening", host=settings.host, port=settings.port, version=__version__)
        serve_until_signal(app, listening, timeout_keep_alive=_KEEP_ALIVE_S, timeout_graceful_shutdown=settings.grace_s)
    log.info("stopped")
