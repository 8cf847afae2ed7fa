"""Keys that no file of ours holds: public ones of other people, and those in security modules and clouds, through securesystemslib."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar
from urllib.parse import parse_qs, urlparse

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from securesystemslib.exceptions import UnsupportedLibraryError
from securesystemslib.signer import AWSSigner, AzureSigner, GCPSigner, HSMSigner, Key, Signer, SSlibKey

from bintally.errors import BintallyError, InputError, UnavailableError, UsageError
from deploy.fleet.repository.private_keys import FILE, content, load_private

_Secrets = Callable[[str], str]
_Any = TypeVar("_Any")


def public_key(path: Path) -> Key:
    """The public key of a PEM file.

    Raises:
        InputError: it holds none.
    """
    try:
        return SSlibKey.from_crypto(load_pem_public_key(content(path)))
    except (ValueError, UnsupportedAlgorithm) as error:
        raise InputError(f"{path}: no public key in PEM of a kind that can sign; 'openssl pkey -pubout' writes one") from error


def import_key(uri: str, secrets: _Secrets) -> tuple[str, Key]:
    """Ask the holder of a private key for the public one.

    Args:
        uri: ``file2:PATH``, ``hsm:[KEYID][?label=TOKEN]``, ``gcpkms:NAME``, ``awskms:ID``, ``azurekms://VAULT…/keys/NAME``.
        secrets: gives a passphrase or PIN.

    Returns:
        The URI to sign with, and the public key.

    Raises:
        UsageError: another scheme.
        UnavailableError: the holder does not answer, or its library is not installed.
    """
    parts = urlparse(uri)
    holders: dict[str, Callable[[], tuple[str, Key]]] = {
        FILE: lambda: (uri, load_private(Path(parts.path), secrets).public_key),
        HSMSigner.SCHEME: lambda: HSMSigner.import_(
            int(parts.path) if parts.path else None, parse_qs(parts.query).get("label", [None])[0], secrets
        ),
        GCPSigner.SCHEME: lambda: GCPSigner.import_(parts.path),
        AWSSigner.SCHEME: lambda: AWSSigner.import_(parts.path),
        AzureSigner.SCHEME: lambda: AzureSigner.import_((parts.hostname or "").partition(".")[0], parts.path.rpartition("/")[2]),
    }
    if parts.scheme not in holders:
        raise UsageError(f"{uri}: no such file, and no signer URI; name a PEM file, or {', '.join(f'{one}:…' for one in holders)}")
    return _asked(uri, holders[parts.scheme])


def from_uri(uri: str, key: Key, secrets: _Secrets) -> Signer:
    """The signer of a URI in the ring.

    Raises:
        UnavailableError: the holder does not answer, or its library is not installed.
    """
    return _asked(uri, lambda: Signer.from_priv_key_uri(uri, key, secrets))


def _asked(uri: str, ask: Callable[[], _Any]) -> _Any:
    try:
        return ask()
    except BintallyError:
        raise
    except UnsupportedLibraryError as error:
        scheme = uri.partition(":")[0]
        raise UnavailableError(f"{uri}: {error}; run: pip install 'securesystemslib[{scheme}]'") from error
    except Exception as error:  # securesystemslib hands through whatever the services' libraries raise, and says so
        raise UnavailableError(f"{uri}: cannot be used ({error}); check the name, your rights, and that it answers") from error
