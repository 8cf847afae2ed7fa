"""Sign ``model/desired``: a compact JWS over what one station is to run; ``bintally.desired`` verifies it.

Source: RFC 7515 (JWS, compact serialization), RFC 8037 section 3.1 (EdDSA with Ed25519).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from jwt.api_jws import PyJWS
from securesystemslib.signer import SSlibKey

from bintally.desired import JWS_TYPE
from bintally.errors import InputError
from bintally.messages.model import ModelDesired
from deploy.fleet.repository.private_keys import read_private


@dataclass(frozen=True)
class DesiredKey:
    """A key that signs ``model/desired``.

    Attributes:
        kid: its id in ``desired-keys.json``.
        private: the key.
    """

    kid: str
    private: Ed25519PrivateKey


def sign_desired(desired: ModelDesired, key: DesiredKey) -> bytes:
    """What is published: header, payload and signature, base64url with dots between."""
    payload = desired.model_dump_json().encode()
    return PyJWS().encode(payload, key.private, "EdDSA", {"kid": key.kid, "typ": JWS_TYPE}).encode()


def read_desired_key(path: Path, secrets: Callable[[str], str]) -> DesiredKey:
    """Open a key file, such as ``keys/desired-1.pem``.

    Args:
        path: of the file.
        secrets: gives the passphrase, asked only where the file is behind one.

    Raises:
        InputError: others can read it, it is damaged or no Ed25519 key, or the passphrase is wrong.
    """
    private = read_private(path, secrets)
    if not isinstance(private, Ed25519PrivateKey):
        raise InputError(f"{path}: no Ed25519 key; 'bintally fleet desired-key add' makes one")
    return DesiredKey(SSlibKey.from_crypto(private.public_key()).keyid, private)
