"""Signatures of webhooks (pure): who has the secret can tell that a message comes from this ledger, unchanged and fresh.

Source: Standard Webhooks 1.0.0, «Verifying webhook authenticity», symmetric scheme ``v1``.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import secrets
from collections.abc import Mapping

from bintally.errors import InputError, UsageError

PREFIX = "whsec_"
TOLERANCE_S = 300
_FEWEST_BYTES, _MOST_BYTES = 24, 64


def new_secret() -> str:
    """A secret for one webhook."""
    return PREFIX + base64.b64encode(secrets.token_bytes(32)).decode()


def headers(secret: str, message_id: str, at_s: int, body: bytes) -> dict[str, str]:
    """What goes with a message.

    Args:
        secret: of the webhook.
        message_id: names the message, the same whenever it is sent again.
        at_s: now, seconds since 1970.
        body: byte for byte.
    """
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(at_s),
        "webhook-signature": f"v1,{_signature(secret, message_id, at_s, body)}",
    }


def verify(secret: str, received: Mapping[str, str], body: bytes, now_s: float) -> str:
    """Check a message that arrived at a webhook, before anything of it is believed.

    Args:
        secret: of the webhook.
        received: the request's headers, with names in any case.
        body: as it came, before it is parsed.
        now_s: seconds since 1970.

    Returns:
        The message's id: the same message may come again, take it once.

    Raises:
        InputError: it is not from there, was changed, or is too old or too new.
        UsageError: the secret is none.
    """
    names = {name.lower(): value for name, value in received.items()}
    missing = [name for name in ("webhook-id", "webhook-timestamp", "webhook-signature") if not names.get(name)]
    if missing:
        raise InputError(f"webhook: {', '.join(missing)} missing")
    said = names["webhook-timestamp"]
    if not (said.isascii() and said.isdigit() and len(said) <= 12):
        raise InputError(f"webhook: the time {said[:40]!r} is no number of seconds")
    if abs(now_s - int(said)) > TOLERANCE_S:
        raise InputError(f"webhook: sent {now_s - int(said):.0f} s ago by its own time, {TOLERANCE_S} s are allowed; is the clock right?")
    wanted = _signature(secret, names["webhook-id"], int(said), body).encode()
    given = [one.partition(",") for one in names["webhook-signature"].split(" ")]
    if not any(version == "v1" and hmac.compare_digest(wanted, value.encode()) for version, _, value in given):
        raise InputError("webhook: the signature is not this secret's")
    return names["webhook-id"]


def key_of(secret: str) -> bytes:
    """The bytes of a secret.

    Raises:
        UsageError: it is not ``whsec_`` and 24 to 64 bytes in Base64.
    """
    try:
        key = base64.b64decode(secret.removeprefix(PREFIX), validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if not _FEWEST_BYTES <= len(key) <= _MOST_BYTES:
        raise UsageError(f"a webhook's secret is {PREFIX} and {_FEWEST_BYTES} to {_MOST_BYTES} bytes in Base64")
    return key


def _signature(secret: str, message_id: str, at_s: int, body: bytes) -> str:
    signed = b".".join((message_id.encode(), str(at_s).encode(), body))
    return base64.b64encode(hmac.new(key_of(secret), signed, hashlib.sha256).digest()).decode()
