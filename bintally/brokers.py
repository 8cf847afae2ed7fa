"""Where a broker is and how to get in: what people write, checked once for every program that connects."""

from __future__ import annotations

import re
import socket
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol
from urllib.parse import urlsplit

from bintally.errors import InputError, UsageError

if TYPE_CHECKING:
    import ssl

DEFAULT_BROKER = "mqtt://127.0.0.1:1883"
_PORTS = {"mqtt": 1883, "mqtts": 8883, "ws": 80, "wss": 443}
_WEBSOCKET_PATH = "/mqtt"
_CERTIFICATE = re.compile(rb"-----BEGIN (TRUSTED )?CERTIFICATE-----")
_KEY = re.compile(rb"-----BEGIN ([A-Z]+ )*PRIVATE KEY-----")


@dataclass(frozen=True)
class BrokerAddress:
    """A broker's URL, taken apart.

    Attributes:
        host: name or address.
        port: 1883 for ``mqtt``, 8883 for ``mqtts``, 80 for ``ws`` and 443 for ``wss`` where the URL gives none.
        tls: whether the connection is encrypted.
        websocket_path: where the web server takes MQTT; None without a web server.
    """

    host: str
    port: int
    tls: bool = False
    websocket_path: str | None = None

    @property
    def transport(self) -> Literal["tcp", "websockets"]:
        """As paho names it."""
        return "tcp" if self.websocket_path is None else "websockets"


class _Client(Protocol):
    """What ``prepare`` needs of an MQTT client (paho's, which this package must not import)."""

    def username_pw_set(self, username: str | None, password: str | None = None) -> None: ...
    def tls_set_context(self, context: ssl.SSLContext | None = None) -> None: ...
    def ws_set_options(self, path: str = "/mqtt", headers: Any = None) -> None: ...


@dataclass(frozen=True)
class BrokerAccess:
    """All that it takes to connect; made by ``broker_access``."""

    url: str
    address: BrokerAddress
    user: str | None = None
    password: str | None = field(default=None, repr=False)
    tls: ssl.SSLContext | None = field(default=None, repr=False, compare=False)

    def prepare(self, client: _Client) -> None:
        """Give a new client, made for ``address.transport``, what it needs before it connects."""
        if self.user is not None:
            client.username_pw_set(self.user, self.password)
        if self.tls is not None:
            client.tls_set_context(self.tls)
        if self.address.websocket_path is not None:
            client.ws_set_options(self.address.websocket_path)

    def refused(self, reason: str) -> str:
        """What a broker's refusal of the connection means, and what to do.

        Args:
            reason: the MQTT 5 reason in words, as paho gives it.
        """
        if reason in {"Not authorized", "Bad user name or password"}:
            who = "a client without a user name" if self.user is None else f"user {self.user!r}"
            return f"it refuses {who} ({reason}); check user and password, and the broker's list of users"
        if reason == "Unsupported protocol version":
            return "it does not speak MQTT 5; use a broker that does, such as Mosquitto 2"
        return f"it refuses the connection ({reason}); the broker's log says more"

    def failed(self, error: BaseException | str | None) -> str:
        """What an error while connecting means, and what to do."""
        import ssl

        if isinstance(error, ssl.SSLCertVerificationError):
            if "match" in (error.verify_message or ""):
                return f"its certificate is for another name ({error.verify_message}); use the name that is in the certificate"
            why = error.verify_message or error.reason
            return f"its certificate is not trusted ({why}); check the clock and that 'ca' names its authority's certificate"
        if isinstance(error, ssl.SSLError) or (self.address.tls and isinstance(error, ConnectionResetError)):
            return f"TLS fails ({getattr(error, 'reason', None) or error}); check that the port is one with TLS, and the certificate and key of this side"
        if isinstance(error, socket.gaierror):
            return f"the name {self.address.host!r} is not known here; check it and the network"
        if isinstance(error, ConnectionRefusedError):
            return "nothing listens there; check host and port"
        if isinstance(error, TimeoutError):
            return "no answer in time; check host, port and the network"
        return f"no connection ({error}); check host, port, the scheme (mqtt, mqtts, ws, wss) and the network"

    def closed(self, detail: str) -> str:
        """What it means when the broker closes the connection before it accepts it."""
        hint = "it may want another certificate of this side ('certificate' and 'key')" if self.tls else "it may want TLS (mqtts://)"
        return f"it closes the connection at once{f' ({detail})' if detail else ''}; {hint}"


def broker_address(url: str) -> BrokerAddress:
    """Take ``mqtt://host:port``, ``mqtts://``, ``ws://host:port/path`` or ``wss://`` apart.

    Raises:
        UsageError: the URL has another form.
    """
    try:
        parts = urlsplit(url)
        port = _PORTS.get(parts.scheme, 0) if parts.port is None else parts.port
    except ValueError:
        raise UsageError(_must_look_like(url)) from None
    web = parts.scheme in {"ws", "wss"}
    path_fits = web or parts.path in {"", "/"}
    if (
        parts.scheme not in _PORTS
        or not parts.hostname
        or not port
        or not path_fits
        or parts.query
        or parts.fragment
        or "@" in parts.netloc
    ):
        raise UsageError(_must_look_like(url))
    path = (parts.path if parts.path not in {"", "/"} else _WEBSOCKET_PATH) if web else None
    return BrokerAddress(parts.hostname, port, parts.scheme in {"mqtts", "wss"}, path)


def _must_look_like(url: str) -> str:
    shown = re.sub(r"//[^/@]*@", "//…@", url)  # somebody's password may stand there
    return f"broker {shown!r}: must look like {DEFAULT_BROKER}, with mqtts:// for TLS, ws:// or wss:// through a web server"


def broker_access(
    url: str,
    user: str | None = None,
    password_file: Path | None = None,
    ca: Path | None = None,
    certificate: Path | None = None,
    key: Path | None = None,
    alpn: str | None = None,
) -> BrokerAccess:
    """Check and read everything that settings say of a broker.

    Args:
        url: see ``broker_address``.
        user: name at the broker.
        password_file: its only line is the password.
        ca: see ``tls_context``.
        certificate: see ``tls_context``.
        key: see ``tls_context``.
        alpn: see ``tls_context``.

    Raises:
        UsageError: the URL has another form, or the settings do not fit together.
        InputError: a file is not what it must be.
    """
    address = broker_address(url)
    password_file, ca, certificate, key = (None if path is None else path.expanduser() for path in (password_file, ca, certificate, key))
    if password_file is not None and user is None:
        raise UsageError("a password file was given without a user; give both")
    given = [name for name, value in (("ca", ca), ("certificate", certificate), ("key", key), ("alpn", alpn)) if value is not None]
    if given and not address.tls:
        raise UsageError(f"broker {url}: {' and '.join(given)} given, but the connection is not encrypted; use mqtts:// or wss://")
    return BrokerAccess(
        url=url,
        address=address,
        user=user,
        password=None if password_file is None else read_password(password_file),
        tls=tls_context(ca, certificate, key, alpn) if address.tls else None,
    )


def read_password(path: Path) -> str:
    """Read a password from the only line of a file.

    Raises:
        InputError: the file cannot be read, or does not hold one line.
    """
    try:
        lines = _content(path, "the password").decode().splitlines()
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: the password is not UTF-8 text") from error
    if len(lines) != 1 or not lines[0]:
        raise InputError(f"{path}: must hold the password as its only line; it has {len(lines)} lines")
    return lines[0]


def tls_context(
    ca: Path | None = None, certificate: Path | None = None, key: Path | None = None, alpn: str | None = None
) -> ssl.SSLContext:
    """Make what checks the broker's certificate, and shows this side's.

    Args:
        ca: PEM file of the authorities that the broker's certificate may come from; None for the system's.
        certificate: PEM file of this side's certificate (mutual TLS), with those between it and its authority behind it.
        key: PEM file of its private key, without a passphrase.
        alpn: protocol name to ask for (RFC 7301), for brokers that share a port.

    Raises:
        UsageError: only one of certificate and key is given.
        InputError: a file is missing, is not PEM, or the key is not the certificate's.
    """
    import ssl

    if (certificate is None) != (key is None):
        raise UsageError("certificate and key belong together; give both or none")
    if ca is not None and not _CERTIFICATE.search(_content(ca, "the authority's certificate")):
        raise InputError(f"{ca}: no certificate in PEM form (-----BEGIN CERTIFICATE-----); give the file of the broker's authority")
    try:
        context = ssl.create_default_context(cafile=None if ca is None else str(ca))
    except ssl.SSLError as error:
        raise InputError(f"{ca}: a certificate in it is damaged ({error.reason}); copy it again") from error
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if certificate is not None and key is not None:
        _load_own(context, certificate, key)
    if alpn is not None:
        context.set_alpn_protocols([alpn])
    return context


def _load_own(context: ssl.SSLContext, certificate: Path, key: Path) -> None:
    import ssl

    if not _CERTIFICATE.search(_content(certificate, "the certificate")):
        raise InputError(f"{certificate}: no certificate in PEM form (-----BEGIN CERTIFICATE-----)")
    if not _KEY.search(_content(key, "the key")):
        raise InputError(f"{key}: no private key in PEM form (-----BEGIN PRIVATE KEY-----)")

    def no_passphrase() -> str:
        raise InputError(
            f"{key}: the key is encrypted, and nobody can type its passphrase here; give one without: openssl pkey -in … -out …"
        )

    try:
        context.load_cert_chain(certificate, key, password=no_passphrase)
    except ssl.SSLError as error:
        if error.reason == "KEY_VALUES_MISMATCH":
            raise InputError(f"{key}: is not the key of {certificate}; give the two that belong together") from error
        raise InputError(f"{certificate} or {key}: damaged ({error.reason or error}); copy them again") from error


def _content(path: Path, what: str) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise InputError(f"{path}: {what} cannot be read ({error.strerror}); check the path and its rights") from error
