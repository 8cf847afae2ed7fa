"""Whose word moves a station: verify the JWS on ``model/desired``. ``deploy.fleet.desired`` signs it.

Source: RFC 7515 section 5.2 (validation), RFC 8037 section 3.1 (EdDSA), RFC 8725 section 3.1 and 3.11 (one algorithm, explicit type).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from bintally.errors import InputError
from bintally.messages.model import ModelDesired, parse_model_desired
from bintally.updates import DesiredKeys

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

JWS_TYPE = "bintally-desired+jws"
"""Its ``typ``: what was signed with the same key for something else is no desire."""
MAX_BYTES = 16_384


def verify_desired(content: bytes, keys: DesiredKeys) -> ModelDesired:
    """Read a desire, if it was signed by somebody who may.

    Whether it is meant for this station, newer than the last one, and for a bundle that fits, is the station's to find out.

    Args:
        content: the payload of the MQTT message.
        keys: who may sign, from the repository.

    Raises:
        InputError: it is no such JWS, no key that may sign made the signature, or what is signed is no desire; says which.
    """
    from jwt.api_jws import PyJWS
    from jwt.exceptions import InvalidTokenError

    if len(content) > MAX_BYTES:
        raise InputError(f"model/desired: {len(content)} bytes, at most {MAX_BYTES} are read")
    jws = PyJWS(algorithms=["EdDSA"])
    try:
        header = jws.get_unverified_header(content)
        if header.get("typ") != JWS_TYPE:
            raise InputError(f"model/desired: its typ is {str(header.get('typ'))[:40]!r}, not {JWS_TYPE!r}")
        payload = jws.decode(content, _key(header.get("kid"), keys), algorithms=["EdDSA"])
    except (InvalidTokenError, ValueError) as error:  # ValueError: no UTF-8
        raise InputError(f"model/desired: no JWS with a good signature ({error})") from error
    return parse_model_desired(payload)


def _key(kid: object, keys: DesiredKeys) -> Ed25519PublicKey:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    public = keys.public(kid) if isinstance(kid, str) else None
    if public is None:
        raise InputError(f"model/desired: signed with the key {str(kid)[:16]!r}, which may not sign it (unknown or revoked)")
    return Ed25519PublicKey.from_public_bytes(public)
