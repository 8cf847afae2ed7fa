"""Real Mosquittos with passwords, TLS, mutual TLS and access lists; and files that let nobody in."""

from __future__ import annotations

import getpass
import socket
import subprocess
import threading
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace

import pytest

from agent.doctor.broker import check_broker
from agent.doctor.certificates import check_certificates
from agent.doctor.finding import Finding, from_error
from agent.doctor.x509 import validities
from agent.settings import AgentSettings
from bintally.errors import BintallyError, InputError
from tests.agent.doctor.certificates import NOW, Authority
from tests.conftest import free_port, require_program
from tests.fakes.programs import programs, wait_until


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SimpleNamespace]:
    """One Mosquitto: a port with passwords, one with TLS, one with mutual TLS, one whose certificate ends soon, one with websockets."""
    program, passwords = require_program("mosquitto"), require_program("mosquitto_passwd")
    folder = tmp_path_factory.mktemp("house")
    authority = Authority(folder)
    server, key = authority.certificate("server")
    soon, soon_key = authority.certificate("soon", end=NOW + timedelta(days=3))
    over, over_key = authority.certificate("over", end=NOW - timedelta(hours=1))
    subprocess.run([passwords, "-c", "-b", str(folder / "passwords"), "station", "right"], check=True, capture_output=True)
    (folder / "access").write_text("user station\ntopic readwrite bintally/v1/site/station/#\n")
    ports = {name: free_port() for name in ("plain", "tls", "mutual", "soon", "over", "ws")}
    tls = f"cafile {authority.ca}\ncertfile {server}\nkeyfile {key}\n"
    (folder / "conf").write_text(
        f"per_listener_settings true\npersistence false\nuser {getpass.getuser()}\n"  # as root it would become another user
        f"listener {ports['plain']} 127.0.0.1\npassword_file {folder}/passwords\n"
        f"acl_file {folder}/access\n"
        f"listener {ports['tls']} 127.0.0.1\nallow_anonymous true\n{tls}"
        f"listener {ports['mutual']} 127.0.0.1\nallow_anonymous true\n{tls}require_certificate true\n"
        f"listener {ports['soon']} 127.0.0.1\nallow_anonymous true\ncafile {authority.ca}\ncertfile {soon}\nkeyfile {soon_key}\n"
        f"listener {ports['over']} 127.0.0.1\nallow_anonymous true\ncafile {authority.ca}\ncertfile {over}\nkeyfile {over_key}\n"
        f"listener {ports['ws']} 127.0.0.1\nprotocol websockets\nallow_anonymous true\n"
    )
    with programs() as start:
        broker = start(program, "-c", str(folder / "conf"))
        wait_until(lambda: all(map(_answers, ports.values())) or not broker.running, "Mosquitto answers")
        assert broker.running, broker.stderr
        yield SimpleNamespace(folder=folder, authority=authority, **ports)


def _answers(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=0.5).close()
    except OSError:
        return False
    return True


def look(**given: object) -> Finding:
    try:
        return check_broker(AgentSettings(source="0", **given))  # type: ignore[arg-type]
    except BintallyError as error:
        return from_error("broker", error)


def password(folder: Path, word: str) -> Path:
    path = folder / f"password-{word}"
    path.write_text(f"{word}\n")
    path.chmod(0o600)
    return path


def test_the_right_password_is_taken_and_the_wrong_one_told(house: SimpleNamespace, tmp_path: Path) -> None:
    url = f"mqtt://127.0.0.1:{house.plain}"
    right, wrong = password(tmp_path, "right"), password(tmp_path, "wrong")
    assert look(broker=url, broker_user="station", broker_password_file=right).status == "ok"
    refused = look(broker=url, broker_user="station", broker_password_file=wrong)
    assert (refused.status, "refuses user 'station'" in refused.text) == ("failed", True)
    assert "wrong" not in refused.text + refused.advice
    assert "Check user and password" in refused.advice
    assert "without a user name" in look(broker=url).text


@pytest.mark.parametrize(
    ("port", "with_ca", "status", "word"),
    [
        ("tls", True, "ok", f"its certificate ends {NOW + timedelta(days=365):%Y-%m-%d}"),
        ("tls", False, "failed", "certificate is not trusted"),
        ("soon", True, "warning", f"its certificate ends {NOW + timedelta(days=3):%Y-%m-%d}"),
        ("over", True, "failed", "certificate has expired"),
        ("mutual", True, "failed", ""),
        ("plain", True, "failed", ""),
    ],
)
def test_what_tls_says_of_the_brokers_certificate(house: SimpleNamespace, port: str, with_ca: bool, status: str, word: str) -> None:
    found = look(broker=f"mqtts://127.0.0.1:{getattr(house, port)}", broker_ca=house.authority.ca if with_ca else None)
    assert (found.status, word in found.text) == (status, True), found
    assert bool(found.advice) is (status != "ok")


def test_a_certificate_for_another_name_is_told(house: SimpleNamespace) -> None:
    found = look(broker=f"mqtts://localhost:{house.tls}", broker_ca=house.authority.ca)
    assert (found.status, "for another name" in found.text) == ("failed", True)


def test_mutual_tls_lets_this_stations_certificate_in(house: SimpleNamespace) -> None:
    certificate, key = house.authority.certificate("station")
    given = {"broker": f"mqtts://127.0.0.1:{house.mutual}", "broker_ca": house.authority.ca}
    assert look(**given, broker_certificate=certificate, broker_key=key).status == "ok"


def test_websockets_are_another_way_in(house: SimpleNamespace) -> None:
    assert look(broker=f"ws://127.0.0.1:{house.ws}/mqtt").status == "ok"


def test_tls_spoken_to_without_tls_and_a_mute_server_are_told(house: SimpleNamespace) -> None:
    spoken_plainly = look(broker=f"mqtt://127.0.0.1:{house.tls}")
    assert (spoken_plainly.status, "closes the connection" in spoken_plainly.text) == ("failed", True), spoken_plainly
    with socket.create_server(("127.0.0.1", 0)) as mute:
        threading.Thread(target=mute.accept, daemon=True).start()
        found = look(broker=f"mqtt://127.0.0.1:{mute.getsockname()[1]}")
    assert (found.status, "does not answer MQTT" in found.text) == ("failed", True), found
    assert "is not known here" in look(broker="mqtt://broker.invalid").text


def certificates(**given: object) -> Finding:
    settings = AgentSettings(source="0", broker="mqtts://127.0.0.1:1", **given)  # type: ignore[arg-type]
    try:
        return check_certificates(settings)
    except BintallyError as error:
        return from_error("certificates", error)


def test_without_files_there_is_nothing_to_look_at() -> None:
    assert certificates().status == "skipped"


def test_certificates_that_are_over_soon_over_or_not_yet_begun(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    fine = authority.certificate("fine")
    found = certificates(broker_ca=authority.ca, broker_certificate=fine[0], broker_key=fine[1])
    assert (found.status, f"fine.crt ends {NOW + timedelta(days=365):%Y-%m-%d}" in found.text) == ("ok", True)
    soon = authority.certificate("soon", end=NOW + timedelta(days=29))
    assert certificates(broker_certificate=soon[0], broker_key=soon[1]).status == "warning"
    over = authority.certificate("over", end=NOW - timedelta(seconds=5))
    assert certificates(broker_certificate=over[0], broker_key=over[1]).advice == "Renew it"
    coming = authority.certificate("coming", begin=NOW + timedelta(days=1))
    assert "valid only from" in certificates(broker_certificate=coming[0], broker_key=coming[1]).text


def test_a_key_of_another_certificate_and_one_that_all_may_read(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    one, other = authority.certificate("one"), authority.certificate("other")
    assert "is not the key of" in certificates(broker_certificate=one[0], broker_key=other[1]).text
    one[1].chmod(0o644)
    found = certificates(broker_certificate=one[0], broker_key=one[1])
    assert (found.status, found.advice) == ("warning", f"Keep it from them: chmod o-rwx {one[1]}")
    one[1].chmod(0o640)
    assert certificates(broker_certificate=one[0], broker_key=one[1]).status == "ok"


def test_a_missing_or_open_token_is_told(tmp_path: Path) -> None:
    assert certificates(evidence_token_file=tmp_path / "gone").status == "failed"
    token = password(tmp_path, "token")
    assert certificates(evidence_token_file=token).status == "ok"
    token.chmod(0o604)
    assert certificates(page_token_file=token).status == "warning"


def test_the_dates_of_every_certificate_in_a_file_are_read_as_cryptography_reads_them(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    long = authority.certificate("long", end=NOW.replace(year=2071))  # behind 2049 another kind of time is written
    pem = authority.ca.read_text() + long[0].read_text()
    assert validities(pem, "x") == [(NOW - timedelta(days=9), NOW + timedelta(days=900)), (NOW - timedelta(days=1), NOW.replace(year=2071))]


def test_a_damaged_certificate_is_refused_wherever_it_is_cut(tmp_path: Path) -> None:
    import ssl

    der = ssl.PEM_cert_to_DER_cert(Authority(tmp_path).ca.read_text())
    for length in range(len(der)):
        with pytest.raises(InputError):
            validities(ssl.DER_cert_to_PEM_cert(der[:length]), "x")
    with pytest.raises(InputError, match="no certificate in PEM form"):
        validities("hello", "x")
