"""From when until when a certificate is valid: the few bytes of DER that the standard library does not show.

Source: RFC 5280, section 4.1 (Certificate, TBSCertificate) and 4.1.2.5 (Validity); X.690, section 8.1 (lengths).
"""

from __future__ import annotations

import re
import ssl
from datetime import datetime, timezone

from bintally.errors import InputError

_PEM = re.compile(r"-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----", re.DOTALL)
_UTC_TIME, _GENERALIZED_TIME = 0x17, 0x18
_VERSION = 0xA0


def validities(pem: str, where: str) -> list[tuple[datetime, datetime]]:
    """Not before, and not after, of each certificate of a PEM file.

    Raises:
        InputError: there is none, or one is damaged.
    """
    try:
        found = [validity(ssl.PEM_cert_to_DER_cert(one)) for one in _PEM.findall(pem)]
    except (ValueError, IndexError) as error:
        raise InputError(f"{where}: a certificate in it is damaged; fetch it again") from error
    if not found:
        raise InputError(f"{where}: no certificate in PEM form; convert it ('openssl x509 -inform der')")
    return found


def validity(der: bytes) -> tuple[datetime, datetime]:
    """Not before, and not after, of a certificate."""
    _, certificate, _ = _element(der)
    _, body, _ = _element(certificate)
    tag, _, rest = _element(body)
    behind_version = rest if tag == _VERSION else body
    for _ in ("serialNumber", "signature", "issuer"):
        _, _, behind_version = _element(behind_version)
    _, times, _ = _element(behind_version)
    first, not_before, rest = _element(times)
    last, not_after, _ = _element(rest)
    return _time(first, not_before), _time(last, not_after)


def _element(data: bytes) -> tuple[int, bytes, bytes]:
    """Tag and content of the first element, and what stands behind it."""
    length, start = data[1], 2
    if length & 0x80:
        start += length & 0x7F
        length = int.from_bytes(data[2:start], "big")
    if start + length > len(data):
        raise ValueError("ends early")
    return data[0], data[start : start + length], data[start + length :]


def _time(tag: int, content: bytes) -> datetime:
    text = content.decode("ascii")
    if tag == _UTC_TIME:
        text = ("19" if int(text[:2]) >= 50 else "20") + text
    elif tag != _GENERALIZED_TIME:
        raise ValueError("no time")
    return datetime.strptime(text, "%Y%m%d%H%M%SZ").replace(tzinfo=timezone.utc)
