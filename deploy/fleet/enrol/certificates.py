"""X.509: an authority's own certificate, those that it gives, and the list of those that it takes back.

Keys are ECDSA on P-256, which every TLS library of the last ten years takes. Source: RFC 5280.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.asymmetric.types import CertificatePublicKeyTypes, PrivateKeyTypes, PublicKeyTypes
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from bintally.errors import InputError, UsageError
from deploy.fleet.enrol.holder import Holder

_EARLIER = timedelta(days=1)
"""Certificates hold from yesterday on, for devices whose clock is a little late."""
_LEAST_RSA_BITS, _LEAST_CURVE_BITS = 2048, 256


@dataclass(frozen=True)
class Signer:
    """An authority's certificate and the key that signs for it."""

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey


def new_key() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


def key_pem(key: PrivateKeyTypes, passphrase: str | None = None) -> bytes:
    """A key file's content: PKCS#8, encrypted where there is a passphrase."""
    encryption = BestAvailableEncryption(passphrase.encode()) if passphrase else NoEncryption()
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, encryption)


def certificate_pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(Encoding.PEM)


def make_root(key: ec.EllipticCurvePrivateKey, now: datetime, lifetime: timedelta) -> x509.Certificate:
    """An authority's own certificate. Its name has a random part: programs confuse authorities of the same name."""
    serial = x509.random_serial_number()
    name = _subject(f"bintally authority {serial % 16**12:012x}")
    usage = _usage(sign_certificates=True)
    return (
        _builder(name, key.public_key(), serial, now, now + lifetime)
        .issuer_name(name)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(usage, critical=True)
        .sign(key, hashes.SHA256())
    )


def issue(signer: Signer, holder: Holder, public_key: CertificatePublicKeyTypes, now: datetime, lifetime: timedelta) -> x509.Certificate:
    """Certify who holds a key: either as one that connects to brokers, or as a broker, never both.

    Raises:
        UsageError: it would outlive the authority.
    """
    until, end = now + lifetime, signer.certificate.not_valid_after_utc
    if until > end:
        raise UsageError(f"the authority itself ends on {end:%Y-%m-%d}; ask for less than that with --valid, or make a new authority")
    purpose = ExtendedKeyUsageOID.SERVER_AUTH if holder.hosts else ExtendedKeyUsageOID.CLIENT_AUTH
    builder = (
        _builder(_subject(holder.common_name, holder.person), public_key, x509.random_serial_number(), now, until)
        .issuer_name(signer.certificate.subject)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(sign_certificates=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([purpose]), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.key.public_key()), critical=False)
    )
    if holder.hosts:
        builder = builder.add_extension(x509.SubjectAlternativeName([_general_name(host) for host in holder.hosts]), critical=False)
    return builder.sign(signer.key, hashes.SHA256())


def request(key: ec.EllipticCurvePrivateKey, holder: Holder) -> bytes:
    """A certificate signing request (PKCS#10, PEM), for an authority elsewhere."""
    builder = x509.CertificateSigningRequestBuilder().subject_name(_subject(holder.common_name, holder.person))
    return builder.sign(key, hashes.SHA256()).public_bytes(Encoding.PEM)


def requested_key(content: bytes, where: str) -> CertificatePublicKeyTypes:
    """The key of a signing request. Nothing else of it is taken: who it is for, the fleet's manager says.

    Args:
        content: PEM.
        where: the file, for errors.

    Raises:
        InputError: it is damaged, its sender does not have the key, or the key is of a weak or unusual kind.
    """
    try:
        asked = x509.load_pem_x509_csr(content)
        key, is_its_own = asked.public_key(), asked.is_signature_valid
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise InputError(f"{where}: no certificate signing request in PEM; make it again") from error
    if not is_its_own:
        raise InputError(f"{where}: its signature is wrong, so nobody showed to have the key; make it again")
    if isinstance(key, ed25519.Ed25519PublicKey):
        return key
    if isinstance(key, ec.EllipticCurvePublicKey) and key.key_size >= _LEAST_CURVE_BITS:
        return key
    if isinstance(key, rsa.RSAPublicKey) and key.key_size >= _LEAST_RSA_BITS:
        return key
    raise InputError(
        f"{where}: its key is neither Ed25519, nor on an elliptic curve of {_LEAST_CURVE_BITS} bits, nor RSA of {_LEAST_RSA_BITS}; make another"
    )


def revocation_list(signer: Signer, revoked: Iterable[x509.RevokedCertificate], number: int, now: datetime) -> bytes:
    """The certificates that are taken back (CRL, PEM).

    It is good as long as the authority itself: to OpenSSL an outdated list means that nobody may connect.

    Args:
        signer: the authority.
        revoked: each one, made by ``revoke`` or read from the list before.
        number: of the list, larger than the one before.
        now: the time of day.
    """
    builder = (
        x509.CertificateRevocationListBuilder()
        .issuer_name(signer.certificate.subject)
        .last_update(now - _EARLIER)
        .next_update(signer.certificate.not_valid_after_utc)
        .add_extension(x509.CRLNumber(number), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.key.public_key()), critical=False)
    )
    for one in revoked:
        builder = builder.add_revoked_certificate(one)
    return builder.sign(signer.key, hashes.SHA256()).public_bytes(Encoding.PEM)


def revoke(certificate: x509.Certificate, now: datetime) -> x509.RevokedCertificate:
    """An entry of the revocation list."""
    return x509.RevokedCertificateBuilder().serial_number(certificate.serial_number).revocation_date(now).build()


def common_name(certificate: x509.Certificate) -> str:
    """Whom a certificate is for; empty where it says nobody."""
    return _attribute(certificate, NameOID.COMMON_NAME) or ""


def holder_of(certificate: x509.Certificate) -> Holder:
    """Whom a certificate is for, as it was asked."""
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        hosts = tuple(str(name.value) for name in names)
    except x509.ExtensionNotFound:
        hosts = ()
    return Holder(common_name(certificate), _attribute(certificate, NameOID.USER_ID), hosts)


def same_key(one: PublicKeyTypes, other: PublicKeyTypes) -> bool:
    """Whether two public keys are the same."""
    first, second = (key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo) for key in (one, other))
    return first == second


def _attribute(certificate: x509.Certificate, oid: x509.ObjectIdentifier) -> str | None:
    found = certificate.subject.get_attributes_for_oid(oid)
    return str(found[0].value) if found else None


def _subject(name: str, person: str | None = None) -> x509.Name:
    attributes = [x509.NameAttribute(NameOID.COMMON_NAME, name)]
    if person:
        attributes.append(x509.NameAttribute(NameOID.USER_ID, person))
    return x509.Name(attributes)


def _builder(
    subject: x509.Name, public_key: CertificatePublicKeyTypes, serial: int, now: datetime, until: datetime
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .public_key(public_key)
        .serial_number(serial)
        .not_valid_before(now - _EARLIER)
        .not_valid_after(until)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public_key), critical=False)
    )


def _usage(*, sign_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not sign_certificates,
        key_cert_sign=sign_certificates,
        crl_sign=sign_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _general_name(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)
