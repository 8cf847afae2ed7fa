"""Who gets a connection to a real Mosquitto with the generated configuration, and what it does not drop."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from bintally.errors import InputError, UsageError
from bintally.messages.base import utc_now
from deploy.fleet.cli import fleet
from deploy.fleet.enrol.mosquitto import Listening, configuration
from tests.deploy.fleet.enrol.conftest import Plant
from tests.deploy.fleet.enrol.peer import Files, Refused
from tests.fakes.certificates import make_authority
from tests.fakes.programs import programs


@pytest.fixture
def own_plant(tmp_path: Path) -> Iterator[Plant]:
    """A plant whose broker the test may stop."""
    with programs() as start:
        made = Plant(tmp_path, start)
        made.make()
        yield made


def test_without_a_certificate_there_is_no_connection(plant: Plant) -> None:
    with pytest.raises(Refused):
        plant.connect(None)


def test_a_certificate_of_another_authority_gets_no_connection(plant: Plant, tmp_path: Path) -> None:
    stranger = make_authority(tmp_path).sign("pick-3")
    with pytest.raises(Refused):
        plant.connect(Files(*stranger))


def test_a_certificate_that_ended_gets_no_connection(plant: Plant) -> None:
    with pytest.raises(Refused):
        plant.connect(plant.anybody("berlin/late", now=utc_now() - timedelta(days=3)))
    plant.connect(plant.anybody("berlin/late")).close()


def test_a_brokers_certificate_is_none_of_a_client(plant: Plant) -> None:
    with pytest.raises(Refused):
        plant.connect(Files(plant.folder / "broker" / "broker.crt", plant.folder / "broker" / "broker.key"))


def test_a_stations_certificate_is_none_of_a_broker(plant: Plant) -> None:
    station = plant.station("berlin", "impostor")
    client, server = ssl.create_default_context(cafile=str(plant.ca / "ca.pem")), ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(station.certificate, station.key)
    client.check_hostname = False
    with pytest.raises(ssl.SSLCertVerificationError, match="purpose"):
        _shake_hands(client, server)


def test_a_certificate_that_was_taken_back_gets_no_connection_and_loses_the_one_it_has(own_plant: Plant) -> None:
    lost, kept = own_plant.station("berlin", "lost"), own_plant.station("berlin", "kept")
    with own_plant.connect(lost) as peer:
        assert fleet(["ca", "revoke", str(own_plant.ca), "berlin/lost"]) == 0
        crl = own_plant.folder / "broker" / "crl.pem"
        crl.write_bytes((own_plant.ca / "crl.pem").read_bytes())
        own_plant.restart()
        assert peer.closed.wait(30)
    with pytest.raises(Refused):
        own_plant.connect(lost)
    own_plant.connect(kept).close()


def test_what_is_retained_outlasts_the_broker(own_plant: Plant) -> None:
    station = own_plant.station("berlin", "pick-3")
    with own_plant.connect(own_plant.role("fleet")) as fleet_peer, own_plant.connect(station) as peer:
        assert fleet_peer.publish("bintally/v1/berlin/pick-3/model/desired", b"desire", retain=True) < 0x80
        assert peer.publish("bintally/v1/berlin/pick-3/bin/A-1", b"five", retain=True) < 0x80
    own_plant.restart()
    with own_plant.connect(station) as peer:
        for topic, payload in (("model/desired", b"desire"), ("bin/A-1", b"five")):
            peer.subscribe(f"bintally/v1/berlin/pick-3/{topic}")
            assert peer.inbox.get(timeout=30) == (f"bintally/v1/berlin/pick-3/{topic}", payload)


def test_a_subscriber_that_was_away_gets_every_message(plant: Plant) -> None:
    """More than the 1,000 that Mosquitto keeps by default; what is beyond it drops and says so to nobody."""
    payloads = [b"%d" % number for number in range(1500)]
    topic = "bintally/v1/berlin/busy/count"
    with plant.connect(plant.role("ledger"), client_id="away", keep=True) as ledger:
        ledger.subscribe(topic)
    with plant.connect(plant.station("berlin", "busy")) as station:
        assert set(station.publish_many(topic, payloads)) == {0}
    with plant.connect(plant.role("ledger"), client_id="away", keep=True) as ledger:
        assert [ledger.inbox.get(timeout=30)[1] for _ in payloads] == payloads


def test_a_refused_message_does_not_end_the_connection(plant: Plant) -> None:
    """Mosquitto 2.0.11 ends it where ``max_queued_messages`` is 0."""
    with plant.connect(plant.station("berlin", "clumsy")) as station:
        for _ in range(3):
            assert station.publish("bintally/v1/berlin/clumsy/ack") >= 0x80
        assert station.publish("bintally/v1/berlin/clumsy/count") < 0x80


def test_a_larger_message_than_any_of_ours_ends_the_connection_instead_of_vanishing(plant: Plant) -> None:
    with plant.connect(plant.station("berlin", "large")) as station:
        assert station.publish("bintally/v1/berlin/large/count", bytes(900_000)) < 0x80
        station.throw("bintally/v1/berlin/large/count", bytes(1_100_000))
        assert station.closed.wait(30)


def test_asked_again_the_broker_keeps_its_key_and_gets_the_new_list(own_plant: Plant) -> None:
    broker = own_plant.folder / "broker"
    before = {name: (broker / name).read_bytes() for name in ("broker.key", "broker.crt", "crl.pem")}
    own_plant.station("berlin", "lost")
    assert fleet(["ca", "revoke", str(own_plant.ca), "berlin/lost"]) == 0
    own_plant.configure()
    assert {name: (broker / name).read_bytes() == data for name, data in before.items()} == {
        "broker.key": True,
        "broker.crt": True,
        "crl.pem": False,
    }


def test_with_an_authority_elsewhere_the_brokers_certificate_is_put_into_the_folder(tmp_path: Path) -> None:
    theirs = make_authority(tmp_path)
    certificate, key = theirs.sign("broker.lan", "DNS:broker.lan")
    key.chmod(0o600)
    assert fleet(["ca", "init", str(tmp_path / "ca"), "--certificate", str(theirs.certificate)]) == 0
    command = ["broker-config", str(tmp_path / "ca"), "--host", "broker.lan", "--out", str(tmp_path / "broker")]
    with pytest.raises(InputError, match=r"put the broker's broker\.crt and broker\.key here"):
        fleet(command)
    (tmp_path / "broker").mkdir(exist_ok=True)
    certificate.rename(tmp_path / "broker" / "broker.crt")
    key.rename(tmp_path / "broker" / "broker.key")
    assert fleet(command) == 0
    assert "crlfile" not in (tmp_path / "broker" / "mosquitto.conf").read_text()


@pytest.mark.parametrize(
    "listening", [Listening(address="127.0.0.1\nallow_anonymous true"), Listening(files="/etc\n"), Listening(data="/\r")]
)
def test_no_path_or_address_adds_a_line_to_the_configuration(listening: Listening) -> None:
    with pytest.raises(UsageError, match="one line"):
        configuration(listening)


@pytest.mark.parametrize("host", ["mqtts://broker.lan", "broker.lan:8883", "bröker", "-a", "a b", "", "x" * 64, "a." * 40 + "b"])
def test_a_host_that_is_none_is_refused(plant: Plant, tmp_path: Path, host: str) -> None:
    with pytest.raises(UsageError, match="host name"):
        fleet(["broker-config", str(plant.ca), f"--host={host}", "--out", str(tmp_path / "out")])
    assert not (tmp_path / "out").exists()


def _shake_hands(client: ssl.SSLContext, server: ssl.SSLContext) -> None:
    """A TLS handshake in memory."""
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    ends = client.wrap_bio(to_client, to_server), server.wrap_bio(to_server, to_client, server_side=True)
    for _ in range(10):
        for end in ends:
            try:
                end.do_handshake()
            except ssl.SSLWantReadError:
                continue
    raise AssertionError("the handshake did not fail")
