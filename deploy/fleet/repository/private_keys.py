"""Ed25519 keys in files: PKCS#8 in PEM, mode 0600, behind a passphrase where one is wanted."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from bintally.errors import InputError

if TYPE_CHECKING:
    from securesystemslib.signer import CryptoSigner

FILE = "file2"
"""securesystemslib's URI scheme of key files."""
_OTHERS = 0o077


def pem(private: Ed25519PrivateKey, passphrase: str | None) -> bytes:
    """What the file holds."""
    encryption = BestAvailableEncryption(passphrase.encode()) if passphrase else NoEncryption()
    return private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, encryption)


def is_private(path: Path) -> bool:
    """Whether a file holds a private key in PEM."""
    return b"PRIVATE KEY-----" in content(path)


def load_private(path: Path, secrets: Callable[[str], str]) -> CryptoSigner:
    """The signer of a key file; the same as ``read_private`` otherwise."""
    from securesystemslib.signer import CryptoSigner  # brings every cloud's client that is installed, which certificates do without

    try:
        return CryptoSigner(read_private(path, secrets))
    except ValueError as error:
        raise InputError(f"{path}: holds a key of a kind that TUF does not sign with; name an Ed25519, ECDSA or RSA key") from error


def read_private(path: Path, secrets: Callable[[str], str]) -> PrivateKeyTypes:
    """Open a key file.

    Args:
        path: of the file.
        secrets: gives the passphrase, asked only where the file is behind one.

    Raises:
        InputError: others can read it, it is damaged, or the passphrase is wrong.
    """
    data = content(path)
    check_private(path)
    encrypted = b"ENCRYPTED PRIVATE KEY-----" in data
    passphrase = secrets(path.name).encode() if encrypted else None
    try:
        return load_pem_private_key(data, passphrase)
    except (ValueError, UnsupportedAlgorithm) as error:
        why = "the passphrase is wrong, or the file is damaged" if encrypted else "damaged, or no private key in PEM"
        raise InputError(f"{path}: {why}") from error


def check_private(path: Path) -> None:
    """Refuse what others may read or write.

    Raises:
        InputError: its mode lets them.
    """
    mode = path.stat().st_mode
    if mode & _OTHERS:
        raise InputError(f"{path}: its mode {mode & 0o777:04o} lets others in; think about who saw it, then: chmod 600 {path}")


def content(path: Path) -> bytes:
    """A file's content.

    Raises:
        InputError: it cannot be read.
    """
    try:
        return path.read_bytes()
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror}); name a key file that you may read") from error
