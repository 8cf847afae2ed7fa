"""Whose word moves a station: what ``deploy`` signs, ``bintally`` verifies, and nothing else."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from bintally.desired import JWS_TYPE, MAX_BYTES, verify_desired
from bintally.errors import InputError
from bintally.messages.base import ModelName
from bintally.messages.model import ModelDesired
from bintally.updates import DesiredKeys
from deploy.fleet.desired import DesiredKey, read_desired_key, sign_desired
from tests.deploy.fleet.conftest import START, Fleet

WISH = ModelDesired(
    revision=7,
    station="berlin/pick-3",
    model=ModelName(name="grey-counter", version="1.0.0", digest="0" * 64),
    target="grey-counter/1.0.0-cpu.onnx",
    issued_at=START,
)


def text(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def by_hand(private: Ed25519PrivateKey, header: Mapping[str, object], payload: bytes) -> bytes:
    """RFC 7515, appendix A.4 with EdDSA: what is signed is header.payload, in base64url."""
    signed = f"{text(json.dumps(header).encode())}.{text(payload)}"
    return f"{signed}.{text(private.sign(signed.encode()))}".encode()


@pytest.fixture
def private() -> Ed25519PrivateKey:
    return Ed25519PrivateKey.from_private_bytes(bytes(range(32)))


@pytest.fixture
def keys(private: Ed25519PrivateKey) -> DesiredKeys:
    return DesiredKeys(keys={"one": text(private.public_key().public_bytes_raw())})


def test_what_is_signed_is_read(private: Ed25519PrivateKey, keys: DesiredKeys) -> None:
    assert verify_desired(sign_desired(WISH, DesiredKey("one", private)), keys) == WISH


def test_it_is_the_jws_of_the_rfc(private: Ed25519PrivateKey, keys: DesiredKeys) -> None:
    header, payload = {"alg": "EdDSA", "kid": "one", "typ": JWS_TYPE}, WISH.model_dump_json().encode()
    assert verify_desired(by_hand(private, header, payload), keys) == WISH
    parts = sign_desired(WISH, DesiredKey("one", private)).decode().split(".")
    assert json.loads(base64.urlsafe_b64decode(parts[0] + "==")) == header
    private.public_key().verify(base64.urlsafe_b64decode(parts[2] + "=="), f"{parts[0]}.{parts[1]}".encode())


def test_the_key_that_init_makes_is_the_one_that_stations_know(ours: Fleet) -> None:
    key = read_desired_key(ours.keys / "desired-1.pem", lambda _: "")
    known = ours.station().desired_keys()
    assert verify_desired(sign_desired(WISH, key), known) == WISH
    ours("desired-key", "revoke", "desired-1")
    with pytest.raises(InputError, match="may not sign it"):
        verify_desired(sign_desired(WISH, key), ours.station().desired_keys())


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"typ": "JWT"}, "its typ is 'JWT'"),
        ({"typ": None}, "its typ is 'None'"),
        ({"kid": "two"}, "signed with the key 'two', which may not"),
        ({"kid": None}, "model/desired: "),
        ({"alg": "none"}, "good signature"),
        ({"alg": "HS256"}, "good signature"),
        ({"crit": ["unknown"], "unknown": 1}, "good signature"),
        ({"b64": False}, "good signature"),
    ],
    ids=lambda value: str(value)[:24],
)
def test_a_header_that_says_something_else_is_refused(
    private: Ed25519PrivateKey, keys: DesiredKeys, change: dict[str, object], why: str
) -> None:
    header = {"alg": "EdDSA", "kid": "one", "typ": JWS_TYPE, **change}
    with pytest.raises(InputError, match=why):
        verify_desired(by_hand(private, header, WISH.model_dump_json().encode()), keys)


def test_a_key_that_the_message_brings_along_is_not_looked_at(keys: DesiredKeys) -> None:
    thief = Ed25519PrivateKey.generate()
    jwk = {"kty": "OKP", "crv": "Ed25519", "x": text(thief.public_key().public_bytes_raw())}
    header = {"alg": "EdDSA", "kid": "one", "typ": JWS_TYPE, "jwk": jwk}
    with pytest.raises(InputError, match="Signature verification failed"):
        verify_desired(by_hand(thief, header, WISH.model_dump_json().encode()), keys)


def test_not_one_changed_character_is_good(private: Ed25519PrivateKey, keys: DesiredKeys) -> None:
    """But for the two bits behind the signature's 512, which base64 leaves open."""
    content = sign_desired(WISH, DesiredKey("one", private))
    for place in range(0, len(content) - 1, 7):
        other = content[:place] + (b"A" if content[place : place + 1] != b"A" else b"B") + content[place + 1 :]
        with pytest.raises(InputError):
            verify_desired(other, keys)


@pytest.mark.parametrize(
    "content", [b"", b"...", b"a.b", b"\xff\xfe", b"{}", b"e30.e30.e30", b"x" * (MAX_BYTES + 1)], ids=lambda one: str(one[:8])
)
def test_what_is_no_jws_is_refused(keys: DesiredKeys, content: bytes) -> None:
    with pytest.raises(InputError, match="model/desired"):
        verify_desired(content, keys)


def test_a_signed_payload_that_is_no_desire_is_refused(private: Ed25519PrivateKey, keys: DesiredKeys) -> None:
    header = {"alg": "EdDSA", "kid": "one", "typ": JWS_TYPE}
    with pytest.raises(InputError, match="not a ModelDesired: revision"):
        verify_desired(by_hand(private, header, b"{}"), keys)


def test_a_key_of_another_kind_cannot_sign(tmp_path: Path) -> None:
    path = tmp_path / "other.pem"
    path.write_text("no key")
    path.chmod(0o600)
    with pytest.raises(InputError, match="damaged, or no private key in PEM"):
        read_desired_key(path, lambda _: "")
