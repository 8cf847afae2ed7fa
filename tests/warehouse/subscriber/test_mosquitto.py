"""What a full MQTT 5 broker gives: shares, back-pressure, sessions that outlast connections, and what happens where they do not."""

from __future__ import annotations

import socket
import threading
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from bintally.brokers import broker_access
from bintally.errors import UnavailableError, UsageError
from tests.fakes.mosquitto import Mosquitto
from tests.fakes.programs import Start, wait_until
from tests.fakes.proxy import Proxy
from tests.warehouse.subscriber.conftest import Use
from tests.warehouse.subscriber.peers import FakeStation, Program
from warehouse.subscriber import Batch, Subscriber


@pytest.fixture
def broker(mosquitto: str) -> str:
    return mosquitto


@pytest.fixture
def own(start: Start, tmp_path: Path) -> Mosquitto:
    """A broker of the test's own, which forgets everything when it is stopped."""
    return Mosquitto(start, tmp_path)


def wait_for(allowed: threading.Event) -> None:
    assert allowed.wait(60)


def _unable(_: Batch) -> None:
    raise OSError("disk full")


def test_two_workers_share_what_comes(station: FakeStation, use: Use) -> None:
    first, second = use(), use()
    for number in range(1, 41):
        station.send(station.event(number))
    wait_until(lambda: first.events.qsize() + second.events.qsize() >= 40, "all is stored")
    shares = first.all_events(), second.all_events()
    assert sorted(shares[0] + shares[1]) == list(range(1, 41))
    assert shares[0]
    assert shares[1]


def test_two_groups_both_get_everything(station: FakeStation, use: Use) -> None:
    first, second = use(group="one"), use(group="two")
    for number in range(1, 11):
        station.send(station.event(number))
    for program in (first, second):
        assert [program.next_event() for _ in range(10)] == list(range(1, 11))


def test_no_more_is_in_hand_than_was_asked_for_and_the_rest_follows(station: FakeStation, use: Use) -> None:
    allowed, batches = threading.Event(), []

    def store(batch: Batch) -> None:
        batches.append(batch)
        assert allowed.wait(60)

    program = use(store, in_flight=5)
    for number in range(1, 61):
        station.send(station.event(number))
    wait_until(lambda: bool(batches), "the first batch came")
    assert program._subscriber._waiting.qsize() + len(batches[0]) <= 5
    allowed.set()
    assert [program.next_event() for _ in range(60)] == list(range(1, 61))


def test_mqtt_3_1_1_keeps_its_session_too(station: FakeStation, use: Use) -> None:
    first = use(_unable, "w", mqtt311=True)
    station.send(station.event(1))
    first.close()
    station.send(station.event(2))
    second = use(worker="w", mqtt311=True)
    assert [second.next_event(), second.next_event()] == [1, 2]
    last = 0
    while last < 2:
        last = station.acknowledged()[-1][1]


def test_a_cut_connection_comes_back_and_nothing_is_lost(station: FakeStation, broker: str, site: str) -> None:
    proxy = Proxy(broker_access(broker).address.port)
    program = Program(Subscriber(f"mqtt://127.0.0.1:{proxy.port}", "cut", site=site))
    assert program.started.wait(60)
    for number in range(1, 4):
        station.send(station.event(number))
        proxy.cut()
        station.send(station.event(number + 100))
        proxy.heal()
    heard: set[int] = set()
    while heard != {1, 2, 3, 101, 102, 103}:
        heard.add(program.next_event())
    program.close()


def test_an_acknowledgement_that_comes_after_the_session_was_lost_acknowledges_nothing_else(own: Mosquitto, site: str) -> None:
    stored: list[int] = []
    with Subscriber(own.url(), "late", site=site) as subscriber:
        station = FakeStation(own.url(), site)
        station.send(station.event(1))
        batches = subscriber.batches()
        old = next(batches)
        station.close()
        own.stop()
        own.start()
        wait_until(lambda: subscriber._line.connections == 2 and subscriber._line.up, "connected again")
        station = FakeStation(own.url(), site)
        station.send(station.event(2))  # has the id that the first one had
        wait_until(lambda: subscriber._waiting.qsize() == 1, "it came")
        old.acknowledge()
        assert [arrived.event.position[1] for arrived in next(batches)] == [2]
        assert subscriber._line._client is not None
        subscriber._line.again(subscriber._line._client)  # before it is acknowledged
        wait_until(lambda: subscriber._line.connections == 3 and subscriber._line.up, "connected again")
        wait_until(lambda: subscriber._waiting.qsize() == 1, "it came again")
        stored += [arrived.event.position[1] for arrived in next(batches)]
        station.close()
    assert stored == [2]


def test_more_than_was_asked_for_is_fetched_again(embedded_broker: str, site: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The embedded broker knows no receive maximum."""
    monkeypatch.setattr("warehouse.subscriber.subscriber._SLACK", 0)
    allowed = threading.Event()
    program = Program(Subscriber(embedded_broker, "flooded", site=site, in_flight=8, most=1), lambda _: wait_for(allowed))
    assert program.started.wait(60)
    station = FakeStation(embedded_broker, site)
    with capture_logs() as told:
        for number in range(1, 41):
            station.send(station.event(number))
        wait_until(lambda: any("more than it was asked for" in entry["event"] for entry in told), "it overflows")
        allowed.set()
        heard: set[int] = set()
        while heard != set(range(1, 41)):
            heard.add(program.next_event())
    station.close()
    program.close()


@pytest.mark.long
def test_two_programs_of_one_name_are_told(use: Use) -> None:
    with capture_logs() as told:
        use(worker="same")
        use(worker="same")
        wait_until(lambda: any("does another program use this name?" in entry["event"] for entry in told), "it is told")


def test_a_broker_that_refuses_is_told(start: Start, tmp_path: Path) -> None:
    passwords = tmp_path / "passwords"
    passwords.write_text("")
    guarded = Mosquitto(start, tmp_path, f"listener {{port}} 127.0.0.1\nallow_anonymous false\npassword_file {passwords}\n")
    with pytest.raises(UnavailableError, match="refuses a client without a user name"):
        Subscriber(guarded.url(), "w", patience_s=0.5).start()


class Stubborn:
    """A broker that accepts everybody and answers each subscription with the next of its reason codes (MQTT 5.0, 3.9.3).

    ``ends`` is the reason with which it ends the connection afterwards.
    """

    def __init__(self, *answers: int, ends: int | None = None) -> None:
        self._ends = ends
        self._server = socket.create_server(("127.0.0.1", 0))
        self.url = f"mqtt://127.0.0.1:{self._server.getsockname()[1]}"
        self.asked: list[bytes] = []
        threading.Thread(target=self._run, args=(list(answers),), daemon=True).start()

    def _run(self, answers: list[int]) -> None:
        while True:
            peer, _ = self._server.accept()
            peer.recv(4096)
            peer.sendall(bytes([0x20, 3, 0, 0, 0]))
            while answers and (packet := peer.recv(4096)):
                self.asked.append(packet)
                peer.sendall(bytes([0x90, 4, *packet[2:4], 0, answers.pop(0)]))
            if self._ends is not None:
                peer.sendall(bytes([0xE0, 2, self._ends, 0]))


def test_a_refused_subscription_is_told() -> None:
    guarded = Stubborn(0x87, 0x87)
    with pytest.raises(UnavailableError, match=r"refuses the subscription to bintally/v1/\+/\+/count: Not authorized"):
        Subscriber(guarded.url, "w", patience_s=1).start()


def test_a_broker_without_shared_subscriptions_gives_each_worker_everything_and_that_is_told() -> None:
    plain = Stubborn(0x9E, 0x01)
    with capture_logs() as told, Subscriber(plain.url, "w"):
        pass
    assert [b"$share/wms/bintally" in packet for packet in plain.asked] == [True, False]
    (warning,) = [entry for entry in told if entry["log_level"] == "warning"]
    assert warning["event"] == "no shared subscription at this broker: each worker gets everything"


def test_a_session_that_another_program_took_ends_the_subscriber() -> None:
    taken = Stubborn(0x01, ends=0x8E)
    with pytest.raises(UsageError, match="worker 'same': another program uses this name"), Subscriber(taken.url, "same") as subscriber:
        next(subscriber.batches())
