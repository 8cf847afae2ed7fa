"""One HTTP POST: no redirects, everything within a time limit."""

from __future__ import annotations

import http.client
import ssl
from collections.abc import Mapping
from urllib.parse import SplitResult, urlsplit

from bintally import __version__
from bintally.errors import UnavailableError, UsageError

TIMEOUT_S = 10.0


def check_url(url: str) -> SplitResult:
    """Take a webhook's address apart.

    Raises:
        UsageError: it is no HTTP address, or holds a password, which would be shown.
    """
    try:
        parts = urlsplit(url)
        fits = parts.scheme in {"https", "http"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        fits = False
    if not fits or any(not 0x21 <= ord(one) <= 0x7E for one in url):
        raise UsageError(f"webhook {url[:200]!r}: must look like https://host/path, percent-encoded")
    if "@" in parts.netloc or parts.fragment:
        raise UsageError("webhook: the address must hold no user, no password and no fragment; the signature says who sends")
    return parts


def post(url: str, headers: Mapping[str, str], body: bytes, timeout_s: float = TIMEOUT_S) -> None:
    """Send, and take 2xx for delivered.

    Args:
        url: of the webhook.
        headers: beside the usual ones.
        body: the message.
        timeout_s: for the connection, and for each read of the answer.

    Raises:
        UnavailableError: nobody took it; says why.
    """
    parts = check_url(url)
    kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    connection = kind(parts.hostname or "", parts.port, timeout=timeout_s)
    try:
        connection.request("POST", (parts.path or "/") + (f"?{parts.query}" if parts.query else ""), body, _all(headers))
        status = connection.getresponse().status
    except ssl.SSLError as error:
        raise UnavailableError(f"{parts.netloc}: TLS fails ({error.reason or error}); check its certificate") from error
    except (OSError, http.client.HTTPException) as error:
        raise UnavailableError(f"{parts.netloc}: no answer ({error or type(error).__name__}); check that it runs") from error
    finally:
        connection.close()
    if not 200 <= status < 300:
        raise UnavailableError(f"{parts.netloc}: answered {status}; 2xx says that a message was taken, redirects are not followed")


def _all(headers: Mapping[str, str]) -> dict[str, str]:
    return {"User-Agent": f"bintally/{__version__}", "Content-Type": "application/cloudevents+json", **headers}
