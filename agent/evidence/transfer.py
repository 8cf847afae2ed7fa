"""One file to a server by HTTP PUT: resumed where it was interrupted, and there only when the server names the right SHA-256.

The protocol, which ``bintally wms`` and ``tests/fakes/uploads.py`` speak. A station's files have the addresses
``{evidence_url}/{site}/{station}/{name}``, each part percent-encoded as in topics; ``Authorization: Bearer {token}`` goes with every
request where a token is set. ``{id}.jpg`` is a picture and never changes; ``{id}.json`` is its description, comes after it, and is
replaced with each correction: with ``EXPECTED_QUANTITY`` it is metadata in ABID's layout, without it nobody knows the quantity.

``HEAD`` asks what is there. ``404``: nothing. ``200`` with ``Repr-Digest``: the file with that digest. ``200`` with ``Upload-Offset: n``
and ``Repr-Digest``: the first ``n`` bytes of a file that will have that digest.

``PUT`` carries ``Repr-Digest: sha-256=:…:`` of the whole file. Without ``Content-Range`` the body is the whole file, and replaces what is
there once it is whole; with ``Content-Range: bytes a-b/total`` it goes on where a part with the same digest ends. A server keeps what came
of a body that was cut, so that ``HEAD`` can name it. ``200``, ``201`` or ``204`` with ``Repr-Digest``: the whole file is safely there and
has that digest. ``400`` or ``422``: it has another one, and what came was thrown away. ``409`` or ``416``: no such part ends there.
``408``, ``425``, ``429`` and ``5xx`` mean later; any other answer, redirects too, means never.

Source:
    RFC 9110, sections 9.3.4 (PUT), 14.4 and 14.5 (Content-Range, partial PUT); RFC 9530, section 3 (Repr-Digest); ``Upload-Offset`` as in
    draft-ietf-httpbis-resumable-upload, section 4.1.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import http.client
import re
import ssl
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from urllib.parse import urlsplit

from bintally.errors import UnavailableError, UsageError
from bintally.topics import encode

TIMEOUT_S = 30.0
_CHUNK_BYTES = 64 << 10
_LATER = frozenset({400, 408, 409, 416, 422, 425, 429})
_OF_THE_FILE = frozenset({413, 415})


class RefusedError(UnavailableError):
    """The server will not take it, however often it is asked.

    Attributes:
        file_only: whether it is about this one file.
    """

    def __init__(self, words: str, file_only: bool) -> None:
        super().__init__(words)
        self.file_only = file_only


class Stopped(Exception):  # noqa: N818 - not an error
    """The agent ends; what arrived is a part that the next start goes on from."""


@dataclass(frozen=True)
class Place:
    """Where a station's files go.

    Attributes:
        tls: whether to speak TLS.
        host: without port and brackets.
        port: of the server.
        path: of the station's folder, percent-encoded, without a slash at the end.
    """

    tls: bool
    host: str
    port: int
    path: str

    def connect(self) -> http.client.HTTPConnection:
        """A connection that is opened with the first request; certificates and names are checked."""
        if self.tls:
            return http.client.HTTPSConnection(self.host, self.port, timeout=TIMEOUT_S, context=ssl.create_default_context())
        return http.client.HTTPConnection(self.host, self.port, timeout=TIMEOUT_S)

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"http{'s' if self.tls else ''}://{host}:{self.port}{self.path}"


def place_for(url: str, source: str) -> Place:
    """Where a station's pictures go.

    Args:
        url: http(s) address of a folder.
        source: the station's, ``{site}/{station}``, percent-encoded.

    Raises:
        UsageError: it is no such address.
    """
    try:
        parts = urlsplit(url)
        port = parts.port
        plain = url.isascii() and url.isprintable() and " " not in url
    except ValueError as error:
        raise UsageError(f"{url[:120]!r}: not an address to upload to ({error}); it looks like https://host:port/folder") from error
    if parts.scheme not in ("http", "https") or not parts.hostname or not plain or parts.query or parts.fragment or port == 0:
        raise UsageError(f"{url[:120]!r}: not an address to upload to; it looks like https://host:port/folder")
    if parts.username is not None or parts.password is not None:
        raise UsageError("the address to upload to must not hold a password; give a token by evidence_token_file")
    tls = parts.scheme == "https"
    return Place(tls, parts.hostname, port or (443 if tls else 80), f"{parts.path.rstrip('/')}/{source}")


def send(
    connection: http.client.HTTPConnection, place: Place, name: str, content: bytes, token: str | None, stopped: Callable[[], bool]
) -> int:
    """Bring one file to the server, unless it is there already.

    Args:
        connection: to the place.
        place: where to.
        name: of the file.
        content: all of it.
        token: bearer token.
        stopped: asked between pieces.

    Returns:
        How many bytes were sent.

    Raises:
        RefusedError: the server will not take it.
        Stopped: ``stopped`` said so.
        UnavailableError: the server does not answer, answers «later», or has something else; another try may succeed.
    """
    path = f"{place.path}/{encode(name)}"
    headers = {"User-Agent": "bintally"} | ({"Authorization": f"Bearer {token}"} if token else {})
    digest = repr_digest(content)
    try:
        offset = _there(connection, place, path, headers, digest, len(content))
        if offset is None:
            return 0
        answer = _put(connection, path, headers | {"Repr-Digest": digest}, content, offset, stopped)
    except (OSError, http.client.HTTPException) as error:
        raise UnavailableError(f"{place}: does not answer ({str(error) or type(error).__name__}); is it reachable from here?") from error
    if answer.status not in (200, 201, 204):
        raise _refusal(place, name, answer)
    if digest_of(answer.headers.get("Repr-Digest")) != digest_of(digest):
        raise UnavailableError(f"{place}: does not confirm the SHA-256 of what was sent; it is sent again")
    return len(content) - offset


def _there(
    connection: http.client.HTTPConnection, place: Place, path: str, headers: dict[str, str], digest: str, size_bytes: int
) -> int | None:
    """From where the rest is wanted; None where all of it is there."""
    connection.request("HEAD", path, headers=headers)
    answer = connection.getresponse()
    answer.read()
    if answer.status not in (200, 404):
        raise _refusal(place, path.rpartition("/")[2], answer)
    if answer.status == 404 or digest_of(answer.headers.get("Repr-Digest")) != digest_of(digest):
        return 0
    offset = answer.headers.get("Upload-Offset")
    if offset is None:
        return None
    begun = int(offset) if re.fullmatch(r"\d{1,15}", offset) else 0
    return begun if begun < size_bytes else 0


def _put(
    connection: http.client.HTTPConnection, path: str, headers: dict[str, str], content: bytes, offset: int, stopped: Callable[[], bool]
) -> http.client.HTTPResponse:
    kind = "application/json" if path.endswith(".json") else "image/jpeg"
    headers = {**headers, "Content-Type": kind, "Content-Length": str(len(content) - offset)}
    if offset:
        headers["Content-Range"] = f"bytes {offset}-{len(content) - 1}/{len(content)}"
    # a server may answer before it has read all, and close: its answer says more than the broken pipe
    with suppress(BrokenPipeError, ConnectionResetError):
        connection.request("PUT", path, _pieces(content, offset, stopped), headers)
    answer = connection.getresponse()
    answer.read(_CHUNK_BYTES)
    return answer


def _pieces(content: bytes, offset: int, stopped: Callable[[], bool]) -> Iterator[bytes]:
    for start in range(offset, len(content), _CHUNK_BYTES):
        if stopped():
            raise Stopped
        yield content[start : start + _CHUNK_BYTES]


def _refusal(place: Place, name: str, answer: http.client.HTTPResponse) -> UnavailableError:
    status, reason = answer.status, answer.reason[:80]
    if status >= 500 or status in _LATER:
        return UnavailableError(f"{place}: answers {status} {reason}")
    words = {
        401: "wants another token; put the right one into evidence_token_file",
        403: "does not let this station upload; ask for the right, or another token in evidence_token_file",
        404: "has no such folder; check evidence_url",
        405: "takes no files there; check evidence_url",
        413: f"finds {name} too large; allow more there",
        415: f"does not take the kind of {name}; allow JPEG and JSON there",
    }
    redirect = (
        f"sends elsewhere, to {str(answer.headers.get('Location'))[:120]!r}, which is not followed; set evidence_url to the last address"
    )
    says = redirect if 300 <= status < 400 else words.get(status, "does not take it; check evidence_url")
    return RefusedError(f"{place}: {status} {reason}: {says}", status in _OF_THE_FILE)


def repr_digest(content: bytes) -> str:
    """The value of ``Repr-Digest`` for a file.

    Source:
        RFC 9530, section 3: a dictionary of algorithms and byte sequences.
    """
    return f"sha-256=:{base64.b64encode(hashlib.sha256(content).digest()).decode()}:"


def digest_of(header: str | None) -> bytes | None:
    """The SHA-256 in a ``Repr-Digest`` header, which may name others beside it; None where it holds none."""
    found = re.search(r"(?:^|,)\s*sha-256=:([A-Za-z0-9+/=]*):", header or "")
    try:
        return base64.b64decode(found[1], validate=True) if found else None
    except binascii.Error:
        return None
