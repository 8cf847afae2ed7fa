"""The headers of an upload, and what may be in its body (pure).

Source:
    RFC 9110, sections 14.4 and 14.5 (Content-Range, partial PUT); RFC 9530, section 3 (Repr-Digest).
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import re
from dataclasses import dataclass
from datetime import datetime, timezone
from http import HTTPStatus

from pydantic import AwareDatetime, TypeAdapter, ValidationError

from bintally.errors import InputError
from bintally.messages import CountEvent, parse_count
from bintally.topics import Station
from warehouse.api.problems import RefusedError

MAX_QUANTITY = 999
"""The stations and the trainer take no more."""
JSON_BYTES = 256 << 10
_NAME = re.compile(r"([0-9a-f]{22}-[1-9]\d{0,17})\.(jpg|json)")
_RANGE = re.compile(r"bytes (\d{1,15})-(\d{1,15})/(\d{1,15})")
_DIGEST = re.compile(r"(?:^|,)\s*sha-256=:([A-Za-z0-9+/=]*):")
_AT: TypeAdapter[datetime] = TypeAdapter(AwareDatetime)


@dataclass(frozen=True)
class Span:
    """Which bytes a body brings.

    Attributes:
        first: the place of its first byte; 0 without ``Content-Range``, or where that begins there.
        total: size of the whole file, where it was said.
    """

    first: int
    total: int | None


@dataclass(frozen=True)
class Label:
    """What somebody said at a station of what is in a bin.

    Attributes:
        quantity: items.
        by: who said so.
        at: when.
        event_id: of the count that it speaks of.
        event: that count, where the station still had it.
    """

    quantity: int
    by: str
    at: datetime
    event_id: str
    event: CountEvent | None


def kind_of(name: str) -> str:
    """``jpg`` or ``json``.

    Raises:
        RefusedError: it is no name of a picture or of its description.
    """
    found = _NAME.fullmatch(name)
    if found is None:
        raise RefusedError(
            HTTPStatus.NOT_FOUND, f"{name[:80]!r}: files here are called EPOCH-NUMBER.jpg and EPOCH-NUMBER.json, after a count"
        )
    return found[2]


def digest_in(header: str | None) -> bytes:
    """The SHA-256 in a ``Repr-Digest``.

    Raises:
        RefusedError: there is none.
    """
    found = _DIGEST.search(header or "")
    try:
        digest = base64.b64decode(found[1], validate=True) if found else b""
    except binascii.Error:
        digest = b""
    if len(digest) != hashlib.sha256().digest_size:
        raise RefusedError(HTTPStatus.BAD_REQUEST, "send the whole file's digest: 'Repr-Digest: sha-256=:BASE64:'")
    return digest


def repr_digest(digest: bytes) -> str:
    """The value of ``Repr-Digest``."""
    return f"sha-256=:{base64.b64encode(digest).decode()}:"


def span_in(content_range: str | None, content_length: str | None) -> Span:
    """Which bytes come.

    Raises:
        RefusedError: the headers cannot be read, or contradict each other.
    """
    length = int(content_length) if content_length and re.fullmatch(r"\d{1,15}", content_length) else None
    if content_range is None:
        return Span(0, length)
    found = _RANGE.fullmatch(content_range)
    if found is None:
        raise RefusedError(HTTPStatus.BAD_REQUEST, f"Content-Range {content_range[:80]!r}: send 'bytes FIRST-LAST/TOTAL'")
    first, last, total = map(int, found.groups())
    if not first <= last == total - 1 or length not in (None, last - first + 1):
        raise RefusedError(HTTPStatus.BAD_REQUEST, f"Content-Range {content_range[:80]!r}: the rest of a file ends with its last byte")
    return Span(first, total)


def refuse_content(kind: str, head: bytes, tail: bytes) -> None:
    """Refuse a picture that is no JPEG by its first and last bytes.

    Raises:
        RefusedError: it is something else.
    """
    if kind == "jpg" and not (head.startswith(b"\xff\xd8\xff") and tail.endswith(b"\xff\xd9")):
        raise RefusedError(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "a .jpg must be a JPEG")


def label_in(content: bytes, event_id: str, station: Station) -> Label | None:
    """What a description says of the quantity; None where nobody knows it.

    Args:
        content: the ``.json`` beside a picture.
        event_id: the picture's name.
        station: whose it is.

    Raises:
        RefusedError: it is no such description, or speaks for another station.
    """
    try:
        whole = json.loads(content)
        told = whole["BINTALLY"]
        event = None if told["event"] is None else parse_count(json.dumps(told["event"]).encode())
        if "EXPECTED_QUANTITY" not in whole:
            return None
        quantity, by = whole["EXPECTED_QUANTITY"], told["label"]["by"]
        at = _AT.validate_python(told["label"]["at"])
    except (InputError, ValidationError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise RefusedError(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, f"a .json must describe a picture ({str(error)[:200]})") from error
    if type(quantity) is not int or not 0 <= quantity <= MAX_QUANTITY or not isinstance(by, str) or not by.strip():
        text = f"EXPECTED_QUANTITY must be a whole number from 0 to {MAX_QUANTITY}, and label.by a name"
        raise RefusedError(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, text)
    if event is not None and (event.id, event.source) != (event_id, station.source):
        raise RefusedError(
            HTTPStatus.UNSUPPORTED_MEDIA_TYPE, f"this describes a count of {event.source}, {event.id}; it is not this picture's"
        )
    return Label(quantity, by.strip()[:200], at.astimezone(timezone.utc), event_id, event)
