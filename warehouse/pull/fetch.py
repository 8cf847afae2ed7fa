"""The pages of a WMS's answer, by HTTP.

Source:
    RFC 8288, section 3 (Link); RFC 9110, section 13.1.2 (If-None-Match).
"""

from __future__ import annotations

import http.client
import re
import ssl
import time
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import SplitResult, urljoin, urlsplit

from bintally import __version__
from bintally.errors import InputError, UnavailableError, UsageError

TIMEOUT_S, WHOLE_S = 30.0, 600.0
_MOST_PAGES, _MOST_BYTES = 10_000, 256 << 20
_READ_BYTES = 1 << 20
_ACCEPT = "application/json, text/csv;q=0.9"
_NEXT = re.compile(r'<([^<>]*)>(?:[^,"]|"[^"]*")*?;\s*rel\s*=\s*"?(?:[^",;]*\s)?next(?:\s[^",;]*)?"?(?=\s*(?:[,;]|$))')


@dataclass(frozen=True)
class Answer:
    """One page.

    Attributes:
        content: the body.
        kind: media type, in lower case.
        tag: ETag.
        following: address of the next page.
    """

    content: bytes
    kind: str
    tag: str | None
    following: str | None


class LaterError(UnavailableError):
    """It does not answer at the moment.

    Attributes:
        wait_s: as it asked for; None where it did not.
    """

    def __init__(self, words: str, wait_s: float | None = None) -> None:
        super().__init__(words)
        self.wait_s = wait_s


def check_url(url: str) -> SplitResult:
    """Take an address apart.

    Raises:
        UsageError: it is no HTTP address, or holds a password, which would be shown.
    """
    try:
        parts = urlsplit(url)
        port = parts.port
        plain = url.isascii() and url.isprintable() and " " not in url
    except ValueError as error:
        raise UsageError(f"--url {url[:120]!r}: no address ({error}); it looks like https://wms.example/stock") from error
    if parts.scheme not in ("http", "https") or not parts.hostname or not plain or port == 0:
        raise UsageError(f"--url {url[:120]!r}: no address; it looks like https://wms.example/stock")
    if parts.username is not None or parts.password is not None:
        raise UsageError("--url: must not hold a password; give --token-file")
    return parts


def header_of(name: str, token: str) -> dict[str, str]:
    """The header that carries a token; in ``Authorization`` it is a bearer token.

    Raises:
        UsageError: the name is none, or the token has characters that no header can hold.
    """
    if not re.fullmatch(r"[A-Za-z0-9-]{1,64}", name):
        raise UsageError(f"--header {name[:80]!r}: no name of a header, such as X-Api-Key")
    if not (token.isascii() and token.isprintable()):
        raise UsageError("--token-file: holds characters that no header can hold; write the token alone into it")
    return {name: f"Bearer {token}" if name.lower() == "authorization" else token}


def fetch(url: str, headers: dict[str, str], tag: str | None, clock: Callable[[], float] = time.monotonic) -> list[Answer] | None:
    """All pages; None where nothing has changed since the answer with ``tag``.

    A tag is of one page, so only an answer that has no second one can be asked for by it.

    Raises:
        InputError: it does not answer what it should: another status, an endless list, a next page on another server.
        LaterError: it does not answer.
        UsageError: the address is none.
    """
    pages: list[Answer] = []
    seen, left_bytes, until = {url}, _MOST_BYTES, clock() + WHOLE_S
    given = {**headers, "If-None-Match": tag} if tag else headers
    following: str | None = url
    while following is not None:
        page = _page(following, given, left_bytes, lambda: clock() > until)
        if page is None:
            return None
        pages.append(page)
        left_bytes -= len(page.content)
        # with another page, the first one's tag says nothing of the whole; ask for all of it again
        following, given = page.following, headers
        if following is not None:
            _refuse_elsewhere(url, following)
            if following in seen or len(pages) >= _MOST_PAGES:
                raise InputError(f"{url}: its pages do not end; «next» leads back to {following[:120]}")
            seen.add(following)
    return pages


def _page(url: str, headers: dict[str, str], most: int, is_late: Callable[[], bool]) -> Answer | None:
    parts = check_url(url)
    connection = _connection(parts)
    try:
        target = parts._replace(scheme="", netloc="", fragment="", path=parts.path or "/").geturl()
        connection.request("GET", target, headers={"User-Agent": f"bintally/{__version__}", "Accept": _ACCEPT, **headers})
        answer = connection.getresponse()
        if answer.status == 304:
            return None
        if answer.status != 200:
            raise _refusal(url, answer)
        return Answer(_body(url, answer, most, is_late), *_told(url, answer))
    except (OSError, http.client.HTTPException) as error:
        raise LaterError(f"{url}: does not answer ({str(error) or type(error).__name__}); is it reachable from here?") from error
    finally:
        connection.close()


def _connection(parts: SplitResult) -> http.client.HTTPConnection:
    if parts.scheme == "https":
        return http.client.HTTPSConnection(parts.hostname or "", parts.port, timeout=TIMEOUT_S, context=ssl.create_default_context())
    return http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=TIMEOUT_S)


def _body(url: str, answer: http.client.HTTPResponse, most: int, is_late: Callable[[], bool]) -> bytes:
    parts, size = [], 0
    while piece := answer.read1(_READ_BYTES):
        parts.append(piece)
        size += len(piece)
        if size > most:
            raise InputError(f"{url}: answers more than {_MOST_BYTES >> 20} MB in all; ask for less")
        if is_late():
            raise LaterError(f"{url}: has not sent all of it within {WHOLE_S:g} s")
    if answer.length:  # http.client takes a body that was cut for a whole one
        raise LaterError(f"{url}: the answer was cut after {size} bytes")
    return b"".join(parts)


def _told(url: str, answer: http.client.HTTPResponse) -> tuple[str, str | None, str | None]:
    kind = (answer.headers.get("Content-Type") or "").partition(";")[0].strip().lower()
    found = _NEXT.search(", ".join(answer.headers.get_all("Link", [])))
    try:
        return kind, answer.headers.get("ETag"), urljoin(url, found[1]) if found else None
    except ValueError as error:
        raise InputError(f"{url}: its next page has no address ({error})") from error


def _refuse_elsewhere(url: str, following: str) -> None:
    here, there = urlsplit(url), check_url(following)
    if (here.scheme, here.netloc) != (there.scheme, there.netloc):
        raise InputError(f"{url}: its next page is on another server, {following[:120]!r}, which gets no token of this one")


def _refusal(url: str, answer: http.client.HTTPResponse) -> Exception:
    told = f"{url}: answers {answer.status} {answer.reason[:80]}"
    if answer.status >= 500 or answer.status in (408, 425, 429):
        wait = answer.headers.get("Retry-After", "")
        return LaterError(told, float(wait) if re.fullmatch(r"\d{1,6}", wait) else None)
    if 300 <= answer.status < 400:
        return InputError(f"{told}, which is not followed; give the last address, {str(answer.headers.get('Location'))[:120]!r}")
    hints = {
        401: "; it wants another token",
        403: "; its token may not read this",
        404: "; check --url",
        406: "; it knows neither JSON nor CSV",
    }
    return InputError(told + hints.get(answer.status, ""))
