"""Where a broker is: the URL that people write, taken apart once for every program."""

from __future__ import annotations

from urllib.parse import urlsplit

from bintally.errors import UsageError

DEFAULT_BROKER = "mqtt://127.0.0.1:1883"


def broker_address(url: str) -> tuple[str, int]:
    """Take ``mqtt://host:port`` apart; the port is 1883 where it is not given.

    Raises:
        UsageError: the URL has another form.
    """
    parts = urlsplit(url)
    try:
        port = 1883 if parts.port is None else parts.port
    except ValueError:
        port = 0
    if parts.scheme != "mqtt" or not parts.hostname or not port or parts.path not in ("", "/") or parts.query or parts.username:
        raise UsageError(f"broker {url!r}: must look like {DEFAULT_BROKER}")
    return parts.hostname, port
