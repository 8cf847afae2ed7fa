"""The authority's folder: its certificate and key, every certificate that it gave, and those that it took back.

ca.pem            its own certificate, for everyone
ca.key            its key, mode 0600, perhaps behind a passphrase; not here where the authority is somebody else's
crl.pem           what it took back
issued/           {serial}.crt, each written before anybody gets it, so that there is none that could not be taken back
"""

from __future__ import annotations

import fcntl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.types import CertificatePublicKeyTypes

from bintally.errors import InputError, UsageError
from bintally.files import make_folder, write_atomically
from deploy.fleet.enrol import certificates
from deploy.fleet.enrol.certificates import Signer
from deploy.fleet.enrol.holder import Holder
from deploy.fleet.repository.private_keys import content, read_private

CERTIFICATE, KEY, REVOKED, ISSUED = "ca.pem", "ca.key", "crl.pem", "issued"
SOON = timedelta(days=30)
"""A certificate that ends within this is replaced when its files are asked for again."""
Secrets = Callable[[str], str]


@dataclass(frozen=True)
class Issued:
    """A certificate that the authority gave, and whether it took it back."""

    certificate: x509.Certificate
    revoked: bool

    @property
    def serial(self) -> str:
        return f"{self.certificate.serial_number:040x}"

    def holds(self, now: datetime) -> bool:
        """Whether a broker takes it."""
        return not self.revoked and now < self.certificate.not_valid_after_utc


class Authority:
    """An authority on the disk; its key is opened when it signs.

    Args:
        path: the folder.
        secrets: gives the key's passphrase where there is one.
    """

    def __init__(self, path: Path, secrets: Secrets) -> None:
        self.path, self._secrets = path, secrets

    def make(self, now: datetime, lifetime: timedelta, passphrase: str | None) -> bool:
        """Make a new authority, or finish what a crash cut short; returns whether anything was to be done."""
        if (self.path / CERTIFICATE).exists() and not (self.path / KEY).exists():
            return False  # it is there, and its key was moved away, or never was here
        self._make_folder()
        with self._locked():
            if not (self.path / KEY).exists():
                write_atomically(self.path / KEY, certificates.key_pem(certificates.new_key(), passphrase), 0o600)
            missing = [name for name in (CERTIFICATE, REVOKED) if not (self.path / name).exists()]
            if CERTIFICATE in missing:
                root = certificates.make_root(self._key(), now, lifetime)
                write_atomically(self.path / CERTIFICATE, certificates.certificate_pem(root))
            if REVOKED in missing:
                self._write_revoked([], now)
            return bool(missing)

    def adopt(self, given: Path) -> bool:
        """Take an authority that is elsewhere, by its certificate; returns whether that is new.

        Raises:
            InputError: the file is no authority's certificate.
            UsageError: there is another one.
        """
        data = content(given)
        try:
            found = x509.load_pem_x509_certificate(data)
            is_authority = found.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
        except (ValueError, x509.ExtensionNotFound):
            is_authority = False
        if not is_authority:
            raise InputError(f"{given}: no authority's certificate in PEM; give the one that signs what you are given")
        here = self.path / CERTIFICATE
        if (self.path / KEY).exists() or (here.exists() and content(here) != data):
            raise UsageError(f"{self.path}: holds another authority; choose another folder")
        is_new = not here.exists()
        self._make_folder()
        write_atomically(here, data)
        return is_new

    @property
    def certificate_pem(self) -> bytes:
        """For everyone who connects, and for the broker."""
        self._certificate()
        return content(self.path / CERTIFICATE)

    @property
    def revoked_pem(self) -> bytes | None:
        """For the broker; None where the authority is elsewhere, and gave no list."""
        path = self.path / REVOKED
        return content(path) if path.exists() else None

    @property
    def is_here(self) -> bool:
        """Whether this folder can sign."""
        return (self.path / KEY).exists()

    def issued(self) -> list[Issued]:
        """What was given, the oldest first.

        Raises:
            InputError: there is no authority, or a file of it is damaged.
        """
        self._certificate()
        back = {one.serial_number for one in self._revoked()}
        found = [_load(path) for path in sorted((self.path / ISSUED).glob("*.crt"))]
        found.sort(key=lambda one: (one.not_valid_before_utc, one.serial_number))
        return [Issued(one, one.serial_number in back) for one in found]

    def held(self, holder: Holder, now: datetime) -> list[x509.Certificate]:
        """What somebody has that holds at a time."""
        return [one.certificate for one in self.issued() if one.holds(now) and certificates.holder_of(one.certificate) == holder]

    def issue(self, holder: Holder, public_key: CertificatePublicKeyTypes, now: datetime, lifetime: timedelta) -> x509.Certificate:
        """Certify a key, and note it.

        Raises:
            InputError: the authority or its key is not here, or damaged; or the key to be certified was taken back, so a thief may have it.
            UsageError: it would outlive the authority.
        """
        if any(one.revoked and certificates.same_key(one.certificate.public_key(), public_key) for one in self.issued()):
            raise InputError(
                f"{holder.common_name}: this key was taken back, and gets no other certificate; make a new key in another folder"
            )
        certificate = certificates.issue(self._signer(), holder, public_key, now, lifetime)
        folder = make_folder(self.path / ISSUED)
        write_atomically(folder / f"{certificate.serial_number:040x}.crt", certificates.certificate_pem(certificate))
        return certificate

    def revoke(self, taken: list[Issued], now: datetime) -> None:
        """Take certificates back; what was taken back before stays so."""
        with self._locked():
            before = self._revoked()
            known = {one.serial_number for one in before}
            more = [one.certificate for one in taken if one.certificate.serial_number not in known]
            self._write_revoked([*before, *(certificates.revoke(one, now) for one in more)], now)

    def _signer(self) -> Signer:
        certificate, key = self._certificate(), self._key()
        if not certificates.same_key(certificate.public_key(), key.public_key()):
            raise InputError(f"{self.path / KEY}: is not the key of {CERTIFICATE}; put back the two that belong together")
        return Signer(certificate, key)

    def _certificate(self) -> x509.Certificate:
        path = self.path / CERTIFICATE
        if not path.exists():
            raise InputError(f"{self.path}: no authority here; 'bintally fleet ca init {self.path}' makes one")
        return _load(path)

    def _key(self) -> ec.EllipticCurvePrivateKey:
        path = self.path / KEY
        if not path.exists():
            raise InputError(
                f"{self.path}: the authority's key is not here; ask for a certificate with --csr-out, or work where the key is"
            )
        key = read_private(path, self._secrets)
        if not isinstance(key, ec.EllipticCurvePrivateKey):
            raise InputError(f"{path}: no key of 'ca init', which are elliptic curves'; put the right one back")
        return key

    def _revoked(self) -> list[x509.RevokedCertificate]:
        data = self.revoked_pem
        if data is None:
            return []
        try:
            return list(x509.load_pem_x509_crl(data))
        except ValueError as error:
            raise InputError(f"{self.path / REVOKED}: damaged; put back a copy, for instance the broker's") from error

    def _write_revoked(self, revoked: list[x509.RevokedCertificate], now: datetime) -> None:
        # the time is a number that grows, and needs no file of its own
        number = max(int(now.timestamp() * 1000), self._number() + 1)
        write_atomically(self.path / REVOKED, certificates.revocation_list(self._signer(), revoked, number, now))

    def _number(self) -> int:
        data = self.revoked_pem
        return 0 if data is None else x509.load_pem_x509_crl(data).extensions.get_extension_for_class(x509.CRLNumber).value.crl_number

    def _make_folder(self) -> None:
        if not self.path.exists():
            make_folder(self.path).chmod(0o700)

    @contextmanager
    def _locked(self) -> Iterator[None]:
        """One writer at a time; the lock goes with the process."""
        try:
            with (self.path / ".lock").open("a") as handle:
                fcntl.flock(handle, fcntl.LOCK_EX)
                yield
        except FileNotFoundError as error:
            raise InputError(f"{self.path}: no authority here; 'bintally fleet ca init {self.path}' makes one") from error


def _load(path: Path) -> x509.Certificate:
    try:
        return x509.load_pem_x509_certificate(content(path))
    except ValueError as error:
        raise InputError(f"{path}: damaged, or no certificate in PEM; put back a copy") from error
