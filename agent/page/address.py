"""Where the page listens, and the token it asks for."""

from __future__ import annotations

import ipaddress
import re
import stat
from pathlib import Path

import structlog

from bintally.errors import UsageError

_ADDRESS = re.compile(r"(?:\[(?P<v6>[0-9a-fA-F:.]+(?:%\w+)?)\]|(?P<name>[^\s:/\[\]@]+)):(?P<port>\d{1,5})")
_SHORTEST_TOKEN = 16
log = structlog.get_logger()


def parse_address(text: str) -> tuple[str, int]:
    """Take ``host:port`` apart; an IPv6 address stands in brackets.

    Returns:
        Host without brackets, and port from 1 to 65535.

    Raises:
        UsageError: it has another form.
    """
    found = _ADDRESS.fullmatch(text)
    port = int(found["port"]) if found else 0
    if found is None or not 1 <= port <= 65_535:
        raise UsageError(f"page = {text!r}: must be host:port, such as 127.0.0.1:8480 or [::1]:8480 (port from 1 to 65535)")
    return found["v6"] or found["name"], port


def is_loopback(host: str) -> bool:
    """Whether an address or a name is this machine's own; of names only ``localhost`` is."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return host.lower() == "localhost"
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return (mapped or address).is_loopback


def refuse_open(host: str, token: str | None) -> None:
    """Let nobody but this machine in without a token.

    Raises:
        UsageError: the host is not loopback, and there is no token.
    """
    if token is None and not is_loopback(host):
        raise UsageError(
            f"page: on {host} everybody in the network could correct counts; write a token into a file and give --page-token-file, "
            "or listen on 127.0.0.1"
        )


def read_token(path: Path) -> str:
    """Read the token that the page asks for.

    Args:
        path: a file of one line.

    Raises:
        UsageError: there is no such file, or it holds no usable token; its content is not told.
    """
    try:
        lines = path.read_text("utf-8").strip().splitlines()
        open_to_all = path.stat().st_mode & (stat.S_IRGRP | stat.S_IROTH)
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "no UTF-8 text"
        raise UsageError(f"{path}: the page's token cannot be read ({reason}); check --page-token-file") from error
    if len(lines) != 1 or len(lines[0]) < _SHORTEST_TOKEN or not lines[0].isascii() or not lines[0].isprintable() or " " in lines[0]:
        raise UsageError(
            f"{path}: the page's token must be one line of at least {_SHORTEST_TOKEN} ASCII characters without spaces; "
            "'openssl rand -hex 16' makes a good one"
        )
    if open_to_all:
        log.warning("others can read the page's token", file=str(path), advice=f"chmod 600 {path}")
    return lines[0]
