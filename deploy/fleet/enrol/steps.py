"""What the commands do: certificates, and the files that hold them.

Each may be called again: what is there and still good stays, a key is never replaced, and what a crash left out is made.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.types import CertificatePublicKeyTypes, PrivateKeyTypes

from bintally.errors import InputError, UsageError
from bintally.files import make_folder, write_atomically
from bintally.topics import Station
from deploy.fleet.enrol import certificates, mosquitto, station
from deploy.fleet.enrol.access import access_list
from deploy.fleet.enrol.authority import CERTIFICATE, SOON, Authority, Issued
from deploy.fleet.enrol.holder import Holder, station_holder
from deploy.fleet.enrol.station import Wishes
from deploy.fleet.repository.private_keys import content, read_private


@dataclass(frozen=True)
class Made:
    """What a command left behind.

    Attributes:
        path: the file, or folder, that is to be taken to its holder.
        until: when its certificate ends; None where there is none yet.
        is_new: False where all was there before.
    """

    path: Path
    until: datetime | None
    is_new: bool


@dataclass(frozen=True)
class Given:
    """A certificate and key that another authority made; what ``--csr-out`` left unfinished."""

    certificate: Path
    key: Path


def enroll_station(
    authority: Authority,
    named: Station,
    wishes: Wishes,
    out: Path,
    now: datetime,
    lifetime: timedelta,
    proof: Path | Given | None = None,
) -> Made:
    """Make what a station installs.

    Args:
        authority: which signs.
        named: the station.
        wishes: for its settings.
        out: folder of the archive.
        now: the time of day.
        lifetime: of the certificate.
        proof: the station's signing request, so that its key stays with it; or what another authority made; None to make a key here.

    Raises:
        UsageError: names or wishes that cannot be.
        InputError: the archive is there and not this station's; the authority, request, key or certificate is not what it must be.
    """
    holder, settings = station_holder(named), station.settings_text(named, wishes)
    path = make_folder(out) / f"{holder.file_name}.tar.gz"
    before = content(path) if path.exists() else None
    if before is not None:
        certificate, key_pem = _packed(authority, holder, path, proof, now)
    elif isinstance(proof, Given):
        certificate, key_pem = _given(authority, holder, proof, now), content(proof.key)
    elif proof is not None:
        key_pem = None
        certificate = authority.issue(holder, certificates.requested_key(content(proof), str(proof)), now, lifetime)
    else:
        key = certificates.new_key()
        key_pem = certificates.key_pem(key)
        certificate = authority.issue(holder, key.public_key(), now, lifetime)
    files = {
        station.SETTINGS: settings.encode(),
        station.AUTHORITY: authority.certificate_pem,
        station.CERTIFICATE: certificates.certificate_pem(certificate),
        station.KEY: key_pem,
        station.ROOT: wishes.root,
        station.TOKEN: wishes.page_token,
    }
    packed = station.archive(holder.file_name, {name: data for name, data in files.items() if data is not None})
    if packed != before:
        write_atomically(path, packed, 0o600)
    return Made(path, certificate.not_valid_after_utc, is_new=packed != before)


def ask_for(holder: Holder, path: Path) -> Made:
    """Make a key, and the request that another authority is to sign; the key stands beside it, named ``.key``.

    Raises:
        UsageError: the request would have the key's name.
    """
    if path.suffix == ".key":
        raise UsageError(f"{path}: is the name that the key gets; name the request {path.with_suffix('.csr').name}")
    make_folder(path.parent)
    key = _key_in(path.with_suffix(".key"))
    is_new = not path.exists()
    if is_new:
        write_atomically(path, certificates.request(key, holder))
    return Made(path, None, is_new)


def equip(authority: Authority, holder: Holder, out: Path, now: datetime, lifetime: timedelta, name: str | None = None) -> Made:
    """Files for a program, a person or a broker: ``{name}.crt``, ``{name}.key`` and ``ca.pem``; a certificate that ends soon is replaced."""
    make_folder(out)
    stem = name or holder.file_name
    path, key_path = out / f"{stem}.crt", out / f"{stem}.key"
    write_atomically(out / CERTIFICATE, authority.certificate_pem)
    held = next((one for one in authority.held(holder, now + SOON) if _is_in(path, one)), None)
    if held is not None and key_path.exists():
        return Made(out, held.not_valid_after_utc, is_new=False)
    certificate = authority.issue(holder, _key_in(key_path).public_key(), now, lifetime)
    write_atomically(path, certificates.certificate_pem(certificate))
    return Made(out, certificate.not_valid_after_utc, is_new=True)


def renew(authority: Authority, name: str, out: Path, now: datetime, lifetime: timedelta) -> Made:
    """A later certificate for the key that somebody has already.

    Raises:
        InputError: nobody of that name has a certificate that was not taken back.
        UsageError: several people share the name, or the file is there.
    """
    held = {certificates.holder_of(one.certificate): one.certificate for one in authority.issued() if _names(one, name) and not one.revoked}
    if len(held) > 1:
        raise UsageError(f"{name} is held by several; name one by its serial number, from 'bintally fleet ca list {authority.path}'")
    if not held:
        raise InputError(f"{name}: has no certificate of {authority.path} that could be renewed; enroll it anew")
    [(holder, before)] = held.items()
    path = make_folder(out) / f"{holder.file_name}.crt"
    if path.exists():
        raise UsageError(f"{path}: is there already; name another folder with --out")
    certificate = authority.issue(holder, before.public_key(), now, lifetime)
    write_atomically(path, certificates.certificate_pem(certificate))
    return Made(path, certificate.not_valid_after_utc, is_new=True)


def revoke(authority: Authority, name: str, now: datetime) -> list[Issued]:
    """Take back every certificate of a name, or one by its serial number; those that ended stay on the list for late clocks.

    Raises:
        InputError: there is none.
    """
    taken = [one for one in authority.issued() if _names(one, name)]
    if not taken:
        raise InputError(f"{name}: has no certificate of {authority.path}; 'bintally fleet ca list {authority.path}' tells who has")
    authority.revoke(taken, now)
    return taken


def configure_broker(
    authority: Authority, holder: Holder, listening: mosquitto.Listening, out: Path, now: datetime, lifetime: timedelta
) -> Made:
    """Everything that Mosquitto needs, in one folder; the access list and revocations are those of now."""
    made = equip(authority, holder, out, now, lifetime, name="broker") if authority.is_here else _put_there(authority, out)
    revoked = authority.revoked_pem
    texts = {mosquitto.ACCESS: access_list().encode(), mosquitto.CONFIGURATION: mosquitto.configuration(listening).encode()}
    for name, data in {**texts, **({} if revoked is None else {mosquitto.REVOKED: revoked})}.items():
        write_atomically(out / name, data, 0o600 if name == mosquitto.ACCESS else 0o644)  # else Mosquitto warns
    return made


def _put_there(authority: Authority, out: Path) -> Made:
    """The broker's certificate and key of an authority elsewhere, which somebody put into the folder."""
    path, key = out / mosquitto.CERTIFICATE, out / mosquitto.KEY
    if not (path.exists() and key.exists()):
        raise InputError(f"{out}: put the broker's {path.name} and {key.name} here; the authority of {authority.path} signs elsewhere")
    certificate = _certificate_in(path)
    if not certificates.same_key(certificate.public_key(), _open(key).public_key()):
        raise InputError(f"{key}: is not the key of {path}; give the two that belong together")
    write_atomically(out / CERTIFICATE, authority.certificate_pem)
    return Made(out, certificate.not_valid_after_utc, is_new=False)


def _names(one: Issued, name: str) -> bool:
    return name in (certificates.common_name(one.certificate), one.serial)


def _packed(
    authority: Authority, holder: Holder, path: Path, proof: Path | Given | None, now: datetime
) -> tuple[x509.Certificate, bytes | None]:
    """Certificate and key of the archive that an earlier call made; what else is in it may change."""
    data = content(path)
    packed = station.archived(data, station.CERTIFICATE)
    try:
        certificate = None if packed is None else x509.load_pem_x509_certificate(packed)
    except ValueError:
        certificate = None
    fault = "there is none" if certificate is None else _fault(authority, holder, certificate, now)
    if certificate is None or fault:
        raise InputError(
            f"{path}: is there already, and holds no certificate of {holder.common_name} that is good ({fault}); "
            "move it away, it may hold a key"
        )
    if proof is not None and not certificates.same_key(certificate.public_key(), _proven_key(proof)):
        raise InputError(f"{path}: is there already, with a certificate for another key; move it away, it may hold that key")
    return certificate, station.archived(data, station.KEY)


def _proven_key(proof: Path | Given) -> CertificatePublicKeyTypes:
    if isinstance(proof, Given):
        return _certificate_in(proof.certificate).public_key()
    return certificates.requested_key(content(proof), str(proof))


def _given(authority: Authority, holder: Holder, given: Given, now: datetime) -> x509.Certificate:
    certificate = _certificate_in(given.certificate)
    if fault := _fault(authority, holder, certificate, now):
        raise InputError(f"{given.certificate}: {fault}")
    key = _open(given.key)
    if not certificates.same_key(certificate.public_key(), key.public_key()):
        raise InputError(f"{given.key}: is not the key of {given.certificate}; give the two that belong together")
    return certificate


def _fault(authority: Authority, holder: Holder, certificate: x509.Certificate, now: datetime) -> str | None:
    """Why the broker would not take a certificate for its holder's; None where it would."""
    if certificates.common_name(certificate) != holder.common_name:
        return f"it is for {certificates.common_name(certificate)!r}; the broker needs {holder.common_name!r} as common name"
    if not certificate.not_valid_before_utc <= now < certificate.not_valid_after_utc:
        return f"it holds from {certificate.not_valid_before_utc} to {certificate.not_valid_after_utc} only"
    if any(one.revoked and one.certificate == certificate for one in authority.issued()):
        return "it was taken back"
    try:
        certificate.verify_directly_issued_by(x509.load_pem_x509_certificate(authority.certificate_pem))
    except Exception as error:  # noqa: BLE001 - it names no common base for wrong names, kinds of keys and signatures
        return f"it was not signed by the authority of {authority.path} ({error or 'its signature is wrong'})"
    return None


def _is_in(path: Path, certificate: x509.Certificate) -> bool:
    return path.exists() and content(path) == certificates.certificate_pem(certificate)


def _certificate_in(path: Path) -> x509.Certificate:
    try:
        return x509.load_pem_x509_certificate(content(path))
    except ValueError as error:
        raise InputError(f"{path}: no certificate in PEM; give another file") from error


def _key_in(path: Path) -> ec.EllipticCurvePrivateKey:
    """The key of a file, which is made where there is none."""
    if not path.exists():
        write_atomically(path, certificates.key_pem(certificates.new_key()), 0o600)
    key = _open(path)
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise InputError(f"{path}: is there, and is no key that this command made; choose another folder")
    return key


def _open(path: Path) -> PrivateKeyTypes:
    def none_is_here(name: str) -> str:
        raise InputError(f"{name}: is behind a passphrase, and nobody could type it at the device; give a key without")

    return read_private(path, none_is_here)
