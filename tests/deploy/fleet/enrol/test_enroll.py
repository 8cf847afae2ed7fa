"""Authority, certificates and archives: what is made, what is kept, what is refused."""

from __future__ import annotations

import json
import ssl
import stat
import subprocess
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography import x509

from agent.settings import AgentSettings
from bintally.errors import InputError, UsageError
from bintally.messages.base import utc_now
from bintally.settings import read_settings
from bintally.topics import Station
from deploy.fleet.cli import fleet
from deploy.fleet.enrol import certificates
from deploy.fleet.enrol.holder import MAX_COMMON_NAME, station_holder
from deploy.fleet.enrol.station import Wishes, archived, settings_text
from tests.fakes.certificates import make_authority

Call = Callable[..., int]
BROKER = ("--broker", "mqtts://broker.lan")


@pytest.fixture(autouse=True)
def _no_sync(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.fsync", lambda _: None)


@pytest.fixture
def call(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Call:
    """Commands in an empty folder, with an authority in ``ca``."""
    monkeypatch.chdir(tmp_path)

    def call(*words: str | Path) -> int:
        return fleet([str(word) for word in words])

    assert call("ca", "init", "ca") == 0
    return call


def content_of(path: Path) -> dict[str, bytes | None]:
    packed = path.read_bytes()
    return {name: archived(packed, name) for name in ("station.toml", "station.crt", "station.key", "ca.pem", "root.json", "install.sh")}


def openssl(*words: str | Path) -> str:
    done = subprocess.run(["openssl", *map(str, words)], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def listed(capsys: pytest.CaptureFixture[str], call: Call) -> dict[str, str]:
    capsys.readouterr()
    assert call("ca", "list", "ca", "--json") == 0
    return {row["serial"]: f"{row['standing']} {row['name']}" for row in json.loads(capsys.readouterr().out)["certificates"]}


def test_openssl_finds_the_certificates_good_and_for_their_purpose_alone(call: Call) -> None:
    call("enroll", "ca", "--role", "ledger", "--out", "ledger")
    call("broker-config", "ca", "--host", "broker.lan", "--host", "10.0.0.1", "--out", "broker")
    for purpose, path in (("sslclient", "ledger/ledger.crt"), ("sslserver", "broker/broker.crt")):
        openssl("verify", "-x509_strict", "-crl_check", "-CRLfile", "ca/crl.pem", "-CAfile", "ca/ca.pem", "-purpose", purpose, path)
    for purpose, path in (("sslserver", "ledger/ledger.crt"), ("sslclient", "broker/broker.crt")):
        with pytest.raises(AssertionError, match="purpose"):
            openssl("verify", "-CAfile", "ca/ca.pem", "-purpose", purpose, path)
    names = openssl("x509", "-in", "broker/broker.crt", "-noout", "-ext", "subjectAltName")
    assert "DNS:broker.lan, IP Address:10.0.0.1" in names


def test_keys_are_for_their_owner_alone(call: Call, tmp_path: Path) -> None:
    call("enroll", "ca", "berlin", "pick-3", *BROKER)
    call("enroll", "ca", "--role", "fleet", "--out", "fleet")
    for secret in ("ca/ca.key", "fleet/fleet.key", "berlin.pick-3.tar.gz"):
        assert stat.S_IMODE((tmp_path / secret).stat().st_mode) == 0o600
    assert stat.S_IMODE((tmp_path / "ca").stat().st_mode) == 0o700


def test_the_agent_takes_the_settings_and_its_tls_takes_the_files(call: Call, tmp_path: Path) -> None:
    (tmp_path / "root.json").write_text("{}")
    (tmp_path / "site.toml").write_text('page = "127.0.0.1:9000" # of the site\nproviders = ["cpu"]\n')
    updates = ("--updates", "https://updates.lan", "--root", "root.json")
    call("enroll", "ca", 'b"er\\lin\x7f', "Ü 3", *BROKER, "--bin", "A-17", "--template", "site.toml", *updates)
    [path] = tmp_path.glob("*.tar.gz")
    files = content_of(path)
    assert None not in files.values()
    for name, data in files.items():
        (tmp_path / name).write_bytes(data or b"")
    settings = read_settings(AgentSettings, {"config": str(tmp_path / "station.toml")})
    assert (settings.site, settings.station, settings.bin, settings.source) == ('b"er\\lin\x7f', "Ü 3", "A-17", "0")
    assert (settings.page, str(settings.broker_ca), str(settings.updates_root)) == (
        "127.0.0.1:9000",
        "/etc/bintally/ca.pem",
        "/etc/bintally/root.json",
    )
    ssl.create_default_context(cafile=tmp_path / "ca.pem").load_cert_chain(tmp_path / "station.crt", tmp_path / "station.key")
    found = x509.load_pem_x509_certificate(files["station.crt"] or b"")
    assert certificates.common_name(found) == Station(settings.site, settings.station).source


def test_a_station_with_a_page_token_shows_its_page_to_the_network_and_asks_for_it(call: Call, tmp_path: Path) -> None:
    (tmp_path / "token").write_text("0123456789abcdef0123456789abcdef\n")
    call("enroll", "ca", "berlin", "pick-3", *BROKER, "--page-token", "token")
    packed = (tmp_path / "berlin.pick-3.tar.gz").read_bytes()
    assert archived(packed, "page.token") == (tmp_path / "token").read_bytes()
    (tmp_path / "station.toml").write_bytes(archived(packed, "station.toml") or b"")
    settings = read_settings(AgentSettings, {"config": str(tmp_path / "station.toml")})
    assert (settings.page, str(settings.page_token_file)) == ("0.0.0.0:8480", "/etc/bintally/page.token")


def test_a_certificate_that_ends_within_30_days_is_told(call: Call, capsys: pytest.CaptureFixture[str]) -> None:
    call("enroll", "ca", "berlin", "pick-3", *BROKER, "--valid", "29d")
    call("enroll", "ca", "berlin", "pick-4", *BROKER, "--valid", "31d")
    assert sorted(listed(capsys, call).values()) == ["good berlin/pick-4", "soon berlin/pick-3"]


def test_asked_again_everything_stays_as_it_is(call: Call, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    commands = (
        ("ca", "init", "ca"),
        ("enroll", "ca", "berlin", "pick-3", *BROKER),
        ("enroll", "ca", "--role", "fleet", "--out", "fleet"),
        ("enroll", "ca", "berlin", "pick-4", "--csr-out", "pick-4.csr"),
    )
    for command in commands:
        assert call(*command) == 0
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    for command in commands:
        capsys.readouterr()
        assert call(*command) == 0
        assert "nothing to do" in capsys.readouterr().out
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before


def test_what_a_crash_left_out_is_made_with_the_key_that_is_there(call: Call, tmp_path: Path) -> None:
    key = (tmp_path / "ca" / "ca.key").read_bytes()
    for lost in ("ca.pem", "crl.pem"):
        (tmp_path / "ca" / lost).unlink()
    assert call("ca", "init", "ca") == 0
    assert (tmp_path / "ca" / "ca.key").read_bytes() == key
    call("enroll", "ca", "--role", "fleet", "--out", "fleet")
    fleet_key = (tmp_path / "fleet" / "fleet.key").read_bytes()
    (tmp_path / "fleet" / "fleet.crt").unlink()
    call("enroll", "ca", "--role", "fleet", "--out", "fleet")
    assert (tmp_path / "fleet" / "fleet.key").read_bytes() == fleet_key
    openssl("verify", "-CAfile", "ca/ca.pem", "fleet/fleet.crt")


def test_a_certificate_that_ends_soon_is_replaced_and_its_key_stays(call: Call, tmp_path: Path) -> None:
    command = ("enroll", "ca", "--role", "fleet", "--out", "fleet", "--valid", "20d")
    call(*command)
    before = {name: (tmp_path / "fleet" / name).read_bytes() for name in ("fleet.crt", "fleet.key")}
    call(*command[:-2])
    assert (tmp_path / "fleet" / "fleet.crt").read_bytes() != before["fleet.crt"]
    assert (tmp_path / "fleet" / "fleet.key").read_bytes() == before["fleet.key"]


def test_an_archive_of_somebody_else_is_not_overwritten(call: Call, tmp_path: Path) -> None:
    (tmp_path / "berlin.pick-3.tar.gz").write_text("precious")
    with pytest.raises(InputError, match="is there already"):
        call("enroll", "ca", "berlin", "pick-3", *BROKER)
    assert (tmp_path / "berlin.pick-3.tar.gz").read_text() == "precious"
    call("enroll", "ca", "a.b", "c", *BROKER)
    with pytest.raises(InputError, match=r"no certificate of a/b\.c"):
        call("enroll", "ca", "a", "b.c", *BROKER)


def test_asked_again_with_other_settings_the_archive_has_these_and_the_same_key(
    call: Call, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "berlin.pick-3.tar.gz"
    call("enroll", "ca", "berlin", "pick-3", "--broker", "mqtts://typo.lan", "--bin", "A-1")
    before = content_of(path)
    call("enroll", "ca", "berlin", "pick-3", *BROKER)
    after = content_of(path)
    assert {name for name in before if before[name] != after[name]} == {"station.toml"}
    assert b"broker.lan" in (after["station.toml"] or b"")
    assert b"A-1" not in (after["station.toml"] or b"")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert len(listed(capsys, call)) == 1


def test_an_archive_is_not_taken_for_good_with_another_authority_or_key(call: Call, tmp_path: Path) -> None:
    call("enroll", "ca", "berlin", "pick-3", *BROKER)
    before = (tmp_path / "berlin.pick-3.tar.gz").read_bytes()
    call("ca", "init", "second")
    with pytest.raises(InputError, match=r"was not signed by the authority of second.*move it away"):
        call("enroll", "second", "berlin", "pick-3", *BROKER)
    openssl("req", "-new", "-newkey", "ed25519", "-nodes", "-keyout", "own.key", "-out", "own.csr", "-subj", "/CN=x")
    with pytest.raises(InputError, match="for another key"):
        call("enroll", "ca", "berlin", "pick-3", *BROKER, "--csr", "own.csr")
    assert (tmp_path / "berlin.pick-3.tar.gz").read_bytes() == before


def test_two_folders_of_one_role_both_stay_as_they_are(call: Call, tmp_path: Path) -> None:
    for folder in ("one", "two"):
        call("enroll", "ca", "--role", "ledger", "--out", folder)
    before = {path: path.read_bytes() for path in tmp_path.rglob("ledger.*")}
    for folder in ("one", "two", "one"):
        call("enroll", "ca", "--role", "ledger", "--out", folder)
    assert {path: path.read_bytes() for path in tmp_path.rglob("ledger.*")} == before


def test_a_key_that_was_taken_back_gets_no_other_certificate(call: Call, tmp_path: Path) -> None:
    """Who stole it would come in with that."""
    call("enroll", "ca", "--role", "fleet", "--out", "fleet")
    openssl("req", "-new", "-key", "fleet/fleet.key", "-out", "thief.csr", "-subj", "/CN=x")
    call("ca", "revoke", "ca", "role:fleet")
    for words in (["--role", "fleet", "--out", "fleet"], ["berlin", "pick-3", *BROKER, "--csr", "thief.csr"]):
        with pytest.raises(InputError, match="this key was taken back"):
            call("enroll", "ca", *words)
    assert not list(tmp_path.glob("*.tar.gz"))
    assert call("enroll", "ca", "--role", "fleet", "--out", "new") == 0


def test_who_was_taken_back_is_on_the_list_and_stays_there(call: Call, capsys: pytest.CaptureFixture[str]) -> None:
    for station in ("one", "two"):
        call("enroll", "ca", "berlin", station, *BROKER)
    call("ca", "revoke", "ca", "berlin/one")
    call("ca", "revoke", "ca", "berlin/two")
    call("ca", "revoke", "ca", "berlin/one")
    assert sorted(listed(capsys, call).values()) == ["revoked berlin/one", "revoked berlin/two"]
    text = openssl("crl", "-in", "ca/crl.pem", "-noout", "-text", "-CAfile", "ca/ca.pem")
    assert text.count("Serial Number:") == 2
    with pytest.raises(InputError, match="is there already, and holds no certificate"):
        call("enroll", "ca", "berlin", "one", *BROKER)


def test_of_several_people_with_a_role_one_is_taken_back_by_serial_number(call: Call, capsys: pytest.CaptureFixture[str]) -> None:
    for person in ("alice", "bob"):
        call("enroll", "ca", "--role", "dashboard", "--name", person, "--out", person)
    serials = list(listed(capsys, call))
    with pytest.raises(UsageError, match="held by several"):
        call("ca", "renew", "ca", "role:dashboard")
    call("ca", "revoke", "ca", serials[0])
    assert sorted(listed(capsys, call).values()) == ["good role:dashboard", "revoked role:dashboard"]


def test_renewed_a_certificate_is_for_the_same_key_and_name(call: Call, tmp_path: Path) -> None:
    call("enroll", "ca", "berlin", "pick-3", *BROKER)
    call("ca", "renew", "ca", "berlin/pick-3", "--out", "renewed", "--valid", "1000d")
    files = content_of(tmp_path / "berlin.pick-3.tar.gz")
    (tmp_path / "station.key").write_bytes(files["station.key"] or b"")
    renewed = tmp_path / "renewed" / "berlin.pick-3.crt"
    ssl.create_default_context().load_cert_chain(renewed, tmp_path / "station.key")
    before, after = (x509.load_pem_x509_certificate(data or b"") for data in (files["station.crt"], renewed.read_bytes()))
    assert after.subject == before.subject
    assert after.not_valid_after_utc > before.not_valid_after_utc
    with pytest.raises(UsageError, match="is there already"):
        call("ca", "renew", "ca", "berlin/pick-3", "--out", "renewed")


def test_whoever_was_taken_back_is_not_renewed(call: Call) -> None:
    call("enroll", "ca", "berlin", "pick-3", *BROKER)
    call("ca", "revoke", "ca", "berlin/pick-3")
    with pytest.raises(InputError, match="enroll it anew"):
        call("ca", "renew", "ca", "berlin/pick-3", "--out", "renewed")


def test_of_a_signing_request_only_the_key_is_taken(call: Call, tmp_path: Path) -> None:
    new = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", "own.key", "-out", "own.csr")
    openssl("req", "-new", *new, "-subj", "/CN=role:fleet", "-addext", "basicConstraints=CA:TRUE")
    call("enroll", "ca", "berlin", "pick-3", *BROKER, "--csr", "own.csr")
    files = content_of(tmp_path / "berlin.pick-3.tar.gz")
    assert files["station.key"] is None
    (tmp_path / "own.crt").write_bytes(files["station.crt"] or b"")
    ssl.create_default_context().load_cert_chain(tmp_path / "own.crt", tmp_path / "own.key")
    found = x509.load_pem_x509_certificate(files["station.crt"] or b"")
    assert certificates.common_name(found) == "berlin/pick-3"
    assert not found.extensions.get_extension_for_class(x509.BasicConstraints).value.ca


@pytest.mark.parametrize("damage", ["cut", "flipped", "certificate", "text", "weak", "narrow"])
def test_a_signing_request_that_proves_nothing_is_refused(call: Call, tmp_path: Path, damage: str) -> None:
    curve = "prime192v1" if damage == "narrow" else "prime256v1"
    key = ("rsa:1024",) if damage == "weak" else ("ec", "-pkeyopt", f"ec_paramgen_curve:{curve}")
    openssl("req", "-new", "-newkey", *key, "-nodes", "-keyout", "own.key", "-out", "own.csr", "-outform", "DER", "-subj", "/CN=x")
    der = bytearray((tmp_path / "own.csr").read_bytes())
    if damage == "flipped":
        der[-3] ^= 1
    pem = ssl.DER_cert_to_PEM_cert(bytes(der)).replace("CERTIFICATE", "CERTIFICATE REQUEST")
    content = {"cut": pem[:100], "certificate": (tmp_path / "ca/ca.pem").read_text(), "text": "no"}.get(damage, pem)
    (tmp_path / "own.csr").write_text(content)
    with pytest.raises(InputError, match=r"own\.csr"):
        call("enroll", "ca", "berlin", "pick-3", *BROKER, "--csr", "own.csr")
    assert not list(tmp_path.glob("*.tar.gz"))


def test_ones_own_authority_signs_what_is_asked_and_the_archive_is_made_of_it(call: Call, tmp_path: Path) -> None:
    theirs = make_authority(tmp_path)
    call("ca", "init", "theirs", "--certificate", theirs.certificate)
    with pytest.raises(InputError, match="key is not here"):
        call("enroll", "theirs", "berlin", "pick-3", *BROKER)
    call("enroll", "theirs", "berlin", "pick-3", "--csr-out", "asked/pick-3.csr")
    sign = ("-CA", theirs.certificate, "-CAkey", theirs.key, "-CAcreateserial", "-days", "2")
    openssl("x509", "-req", "-in", "asked/pick-3.csr", *sign, "-out", "pick-3.crt")
    finish = ("enroll", "theirs", "berlin", "pick-3", *BROKER, "--certificate", "pick-3.crt", "--key", "asked/pick-3.key")
    assert call(*finish) == 0
    files = content_of(tmp_path / "berlin.pick-3.tar.gz")
    assert files["ca.pem"] == theirs.certificate.read_bytes()
    assert files["station.key"] == (tmp_path / "asked/pick-3.key").read_bytes()
    with pytest.raises(InputError, match="needs 'berlin/pick-4' as common name"):
        call("enroll", "theirs", "berlin", "pick-4", *finish[4:])
    with pytest.raises(InputError, match="was not signed by the authority"):
        call("enroll", "ca", *finish[2:], "--out", "elsewhere")
    openssl("genpkey", "-algorithm", "ed25519", "-out", "other.key")
    (tmp_path / "other.key").chmod(0o600)
    with pytest.raises(InputError, match="is not the key of"):
        call(*finish[:-1], "other.key", "--out", "elsewhere")


def test_behind_a_passphrase_the_authority_signs_only_with_it(call: Call, tmp_path: Path) -> None:
    for name, word in (("right", "open sesame"), ("wrong", "sesame")):
        (tmp_path / name).write_text(f"{word}\n")
        (tmp_path / name).chmod(0o600)
    call("ca", "init", "closed", "--passphrase", "--passphrase-file", "right")
    assert b"ENCRYPTED PRIVATE KEY" in (tmp_path / "closed/ca.key").read_bytes()
    with pytest.raises(InputError, match="passphrase is wrong"):
        call("enroll", "closed", "--role", "fleet", "--out", "fleet", "--passphrase-file", "wrong")
    assert call("enroll", "closed", "--role", "fleet", "--out", "fleet", "--passphrase-file", "right") == 0


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["berlin"], "name SITE and STATION, or a --role"),
        ([], "name SITE and STATION, or a --role"),
        (["berlin", "pick-3", "--role", "fleet"], "one of both"),
        (["berlin", "pick-3"], "--broker is missing"),
        (["berlin", "pick-3", "--broker", "mqtt://broker.lan"], "certificates need TLS"),
        (["berlin", "pick-3", "--broker", "broker.lan"], "mqtt"),
        (["berlin", "pick-3", *BROKER, "--name", "alice"], "--name goes with --role"),
        (["berlin", "pick-3", *BROKER, "--updates", "http://x"], "--updates and --root belong together"),
        (["berlin", "pick-3", *BROKER, "--key", "x"], "--certificate and --key belong together"),
        (["berlin", "pick-3", *BROKER, "--csr", "x", "--csr-out", "y"], "choose one"),
        (["berlin", "pick-3", "--csr-out", "pick-3.key"], r"name the request pick-3\.csr"),
        (["--role", "fleet", "--csr", "x"], "are for stations"),
        (["--role", "fleet", "--name", "a/b"], "a name is 1 to 40 letters"),
        (["berlin", "x" * 60, *BROKER], "64 at most"),
        (["", "pick-3", *BROKER], "1 to 200 bytes"),
        (["berlin", "pick-3", *BROKER, "--valid", "9000d"], "the authority itself ends"),
    ],
)
def test_what_cannot_be_is_refused_and_leaves_nothing(call: Call, tmp_path: Path, words: list[str], said: str) -> None:
    before = sorted(path for path in tmp_path.rglob("*") if path.suffix in {".crt", ".gz", ".key"})
    with pytest.raises(UsageError, match=said):
        call("enroll", "ca", *words)
    assert sorted(path for path in tmp_path.rglob("*") if path.suffix in {".crt", ".gz", ".key"}) == before


@pytest.mark.parametrize(
    ("template", "said"),
    [('station = "other"', "sets station"), ('broker_key = "/x"', "sets broker_key"), ("a = ", "no TOML"), ("a = [" * 5000, "no TOML")],
)
def test_a_template_that_cannot_be_shared_is_refused(template: str, said: str) -> None:
    with pytest.raises((UsageError, InputError), match=said):
        settings_text(Station("berlin", "pick-3"), Wishes("mqtts://broker.lan", {}, template))


@pytest.mark.parametrize("name", ["ca.pem", "ca.key", "crl.pem", "issued"])
@pytest.mark.parametrize("content", [b"", b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", b"\xff\x00"])
def test_a_damaged_authority_is_told_by_its_file(call: Call, tmp_path: Path, name: str, content: bytes) -> None:
    call("enroll", "ca", "--role", "ledger", "--out", "ledger")
    path = next((tmp_path / "ca" / name).glob("*")) if name == "issued" else tmp_path / "ca" / name
    path.write_bytes(content)
    with pytest.raises(InputError, match=path.name):
        call("enroll", "ca", "--role", "fleet", "--out", "fleet")


def test_a_key_of_another_authority_or_that_others_can_read_is_refused(call: Call, tmp_path: Path) -> None:
    call("ca", "init", "second")
    (tmp_path / "ca/ca.key").chmod(0o644)
    with pytest.raises(InputError, match="lets others in"):
        call("enroll", "ca", "--role", "fleet", "--out", "fleet")
    (tmp_path / "ca/ca.key").write_bytes((tmp_path / "second/ca.key").read_bytes())
    (tmp_path / "ca/ca.key").chmod(0o600)
    with pytest.raises(InputError, match=r"is not the key of ca\.pem"):
        call("enroll", "ca", "--role", "fleet", "--out", "fleet")


def test_without_an_authority_the_command_that_makes_one_is_told(call: Call) -> None:
    for command in (["enroll", "none", "--role", "fleet"], ["ca", "list", "none"], ["ca", "revoke", "none", "x"]):
        with pytest.raises(InputError, match="bintally fleet ca init none"):
            call(*command)


def test_the_longest_name_that_a_certificate_takes_is_taken() -> None:
    longest = Station("s", "x" * (MAX_COMMON_NAME - 2))
    key = certificates.new_key()
    signer = certificates.Signer(certificates.make_root(key, utc_now(), timedelta(days=9)), key)
    issued = certificates.issue(signer, station_holder(longest), key.public_key(), utc_now(), timedelta(days=1))
    assert certificates.common_name(issued) == longest.source
