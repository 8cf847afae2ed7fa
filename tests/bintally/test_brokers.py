"""How to get to a broker: URLs, passwords, certificates, each wrong one named."""

from __future__ import annotations

import ssl
from pathlib import Path

import pytest

from bintally.brokers import BrokerAddress, broker_access, broker_address, read_password, tls_context
from bintally.errors import InputError, UsageError
from tests.conftest import require_program
from tests.fakes.certificates import Authority, encrypt, make_authority


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    require_program("openssl")
    return make_authority(tmp_path_factory.mktemp("certificates"))


@pytest.fixture(scope="module")
def own(authority: Authority) -> tuple[Path, Path]:
    return authority.sign("station")


@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("mqtt://broker", BrokerAddress("broker", 1883)),
        ("mqtt://broker:1/", BrokerAddress("broker", 1)),
        ("mqtts://broker", BrokerAddress("broker", 8883, tls=True)),
        ("mqtts://[::1]:443", BrokerAddress("::1", 443, tls=True)),
        ("ws://broker", BrokerAddress("broker", 80, websocket_path="/mqtt")),
        ("ws://broker:9001/a/b", BrokerAddress("broker", 9001, websocket_path="/a/b")),
        ("wss://broker/x", BrokerAddress("broker", 443, tls=True, websocket_path="/x")),
    ],
)
def test_a_url_is_taken_apart(url: str, address: BrokerAddress) -> None:
    assert broker_address(url) == address
    assert address.transport == ("websockets" if url.startswith("ws") else "tcp")


@pytest.mark.parametrize(
    "url",
    ["", "127.0.0.1:1883", "http://x", "mqtt://", "mqtt://x:0", "mqtt://x:99999", "mqtt://x:y", "mqtt://x/path", "mqtt://x?a=b", "ws://[x"],
)
def test_another_url_is_wrong_use(url: str) -> None:
    with pytest.raises(UsageError, match=r"must look like mqtt://127\.0\.0\.1:1883, with mqtts:// for TLS"):
        broker_address(url)


def test_a_password_in_the_url_is_refused_and_not_repeated() -> None:
    with pytest.raises(UsageError) as refused:
        broker_address("mqtt://user:hunter2@broker")
    assert "hunter2" not in str(refused.value)


def test_secrets_are_not_in_what_is_printed(tmp_path: Path) -> None:
    (tmp_path / "password").write_text("hunter2\n")
    access = broker_access("mqtt://broker", user="u", password_file=tmp_path / "password")
    assert access.password == "hunter2"  # noqa: S105
    assert "hunter2" not in repr(access)


@pytest.mark.parametrize("content", [b"", b"\n", b"one\ntwo\n", b"\xff\xfe"])
def test_a_password_file_without_one_line_is_named(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "password").write_bytes(content)
    with pytest.raises(InputError, match=r"password: (must hold the password as its only line|the password is not UTF-8 text)"):
        read_password(tmp_path / "password")


def test_a_missing_file_is_named(tmp_path: Path, own: tuple[Path, Path]) -> None:
    gone = tmp_path / "gone"
    for call in (lambda: read_password(gone), lambda: tls_context(ca=gone), lambda: tls_context(certificate=gone, key=own[1])):
        with pytest.raises(InputError, match=r"gone: .* cannot be read \(No such file or directory\); check the path"):
            call()


def test_a_file_that_is_not_pem_is_named(tmp_path: Path, own: tuple[Path, Path]) -> None:
    text = tmp_path / "text"
    text.write_text("hello")
    with pytest.raises(InputError, match="text: no certificate in PEM form"):
        tls_context(ca=text)
    with pytest.raises(InputError, match="text: no certificate in PEM form"):
        tls_context(certificate=text, key=own[1])
    with pytest.raises(InputError, match="text: no private key in PEM form"):
        tls_context(certificate=own[0], key=text)


def test_a_damaged_certificate_is_named(tmp_path: Path, own: tuple[Path, Path]) -> None:
    damaged = tmp_path / "damaged.crt"
    lines = own[0].read_text().splitlines()
    damaged.write_text("\n".join([lines[0], *lines[3:]]))
    with pytest.raises(InputError, match=r"damaged\.crt: a certificate in it is damaged"):
        tls_context(ca=damaged)
    with pytest.raises(InputError, match=r"damaged\.crt or .*station\.key: damaged"):
        tls_context(certificate=damaged, key=own[1])


def test_the_key_of_another_certificate_is_named(authority: Authority, own: tuple[Path, Path]) -> None:
    with pytest.raises(InputError, match=r"authority\.key: is not the key of .*station\.crt"):
        tls_context(certificate=own[0], key=authority.key)


def test_an_encrypted_key_does_not_wait_for_a_passphrase(own: tuple[Path, Path]) -> None:
    with pytest.raises(InputError, match="the key is encrypted, and nobody can type its passphrase here"):
        tls_context(certificate=own[0], key=encrypt(own[1]))


def test_settings_that_would_be_without_effect_are_refused(authority: Authority, own: tuple[Path, Path], tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="ca given, but the connection is not encrypted; use mqtts://"):
        broker_access("mqtt://broker", ca=authority.certificate)
    with pytest.raises(UsageError, match="certificate and key belong together"):
        broker_access("mqtts://broker", certificate=own[0])
    with pytest.raises(UsageError, match="a password file was given without a user"):
        broker_access("mqtt://broker", password_file=tmp_path / "password")


def test_a_good_set_of_files_checks_the_brokers_name_and_certificate(authority: Authority, own: tuple[Path, Path]) -> None:
    context = broker_access("mqtts://broker", ca=authority.certificate, certificate=own[0], key=own[1], alpn="mqtt").tls
    assert context is not None
    assert (context.verify_mode, context.check_hostname) == (ssl.CERT_REQUIRED, True)
    assert [one["subject"] for one in context.get_ca_certs()] == [((("commonName", "authority"),),)]
