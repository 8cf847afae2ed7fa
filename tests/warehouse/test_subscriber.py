"""The subscriber: acknowledges what the ledger has, only that, and always."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from urllib.parse import urlsplit

import paho.mqtt.client as mqtt
import pytest
from paho.mqtt.enums import CallbackAPIVersion
from structlog.testing import capture_logs

from bintally.brokers import broker_access
from bintally.errors import BintallyError, UnavailableError
from bintally.messages import CountEvent, GapData, GapEvent, Range, parse_ack, utc_now
from bintally.topics import Station
from tests.conftest import free_port
from tests.fakes.events import EPOCH, count_event
from tests.fakes.programs import BINTALLY, PATIENCE_S, Start
from warehouse.ledger import Ledger
from warehouse.subscriber import Received, listen


class FakeStation:
    """Publishes what it is told, and collects the acknowledgements."""

    def __init__(self, broker: str, site: str) -> None:
        self.station = Station(site, "s")
        self.messages: queue.Queue[bytes] = queue.Queue()
        subscribed = threading.Event()
        self._client = mqtt.Client(CallbackAPIVersion.VERSION2, protocol=mqtt.MQTTv5)
        self._client.on_message = lambda _, __, message: self.messages.put(bytes(message.payload))
        self._client.on_subscribe = lambda *_: subscribed.set()
        self._client.connect("127.0.0.1", urlsplit(broker).port or 0)
        self._client.loop_start()
        self._client.subscribe(self.station.topic("ack"), qos=1)
        assert subscribed.wait(PATIENCE_S)

    def event(self, number: int) -> CountEvent:
        return count_event(f"{EPOCH}-{number}", self.station.source)

    def send(self, payload: CountEvent | GapEvent | bytes, topic: str | None = None) -> None:
        data = payload if isinstance(payload, bytes) else payload.model_dump_json().encode()
        self._client.publish(topic or self.station.topic("count"), data, qos=1).wait_for_publish(PATIENCE_S)

    def acknowledged(self) -> list[tuple[int, int]]:
        """The ranges of the next acknowledgement."""
        ack = parse_ack(self.messages.get(timeout=PATIENCE_S))
        assert all(isinstance(one, Range) and one.epoch == EPOCH for one in ack.data.ranges)
        return [(one.first, one.last) for one in ack.data.ranges]

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()


class Listener:
    """``listen`` in a thread."""

    def __init__(self, broker: str, ledger: Ledger, site: str) -> None:
        self.received: queue.Queue[Received] = queue.Queue()
        self.failure: BintallyError | None = None
        self._stop = threading.Event()
        self.thread = threading.Thread(target=self._run, args=(broker, ledger, site), daemon=True)
        self.thread.start()

    def _run(self, broker: str, ledger: Ledger, site: str) -> None:
        try:
            for one in listen(broker_access(broker), ledger, self._stop, site, PATIENCE_S):
                self.received.put(one)
        except BintallyError as error:
            self.failure = error

    def close(self) -> None:
        self._stop.set()
        self.thread.join(PATIENCE_S)
        assert not self.thread.is_alive()


class FullDisk(Ledger):
    """A ledger that cannot commit."""

    def add(self, events: Sequence[CountEvent | GapEvent]) -> set[tuple[str, str]]:
        if events:
            raise UnavailableError("ledger: counts could not be committed (disk full)")
        return set()


@pytest.fixture
def station(embedded_broker: str, site: str) -> Iterator[FakeStation]:
    station = FakeStation(embedded_broker, site)
    yield station
    station.close()


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    ledger = Ledger(f"sqlite:///{tmp_path}/ledger.db")
    yield ledger
    ledger.close()


@pytest.fixture
def hear(embedded_broker: str, station: FakeStation, site: str) -> Iterator[Callable[[Ledger], Listener]]:
    """Start a listener, and wait until it hears this site (its first event is number 1000)."""
    started = []

    def hear(ledger: Ledger) -> Listener:
        listener = Listener(embedded_broker, ledger, site)
        started.append(listener)
        for _ in range(int(PATIENCE_S / 0.2)):
            station.send(station.event(1000))
            try:
                listener.received.get(timeout=0.2)
            except queue.Empty:
                if listener.failure is not None:
                    return listener
                continue
            break
        else:
            raise AssertionError("the listener hears nothing")
        station.send(station.event(1001))
        while station.acknowledged()[-1][1] != 1001:
            pass
        return listener

    yield hear
    for listener in started:
        listener.close()


def _ids(ledger: Ledger) -> list[int]:
    return sorted(int(row["event_id"].partition("-")[2]) for row in ledger.rows() if not row["event_id"].endswith(("-1000", "-1001")))


def test_a_count_is_in_the_ledger_before_it_is_acknowledged(
    station: FakeStation, ledger: Ledger, hear: Callable[[Ledger], Listener]
) -> None:
    hear(ledger)
    station.send(station.event(1))
    assert station.acknowledged() == [(1, 1)]
    assert _ids(ledger) == [1]


def test_a_repeat_is_acknowledged_again_and_stored_once(station: FakeStation, ledger: Ledger, hear: Callable[[Ledger], Listener]) -> None:
    hear(ledger)
    for _ in range(3):
        station.send(station.event(1))
        assert station.acknowledged() == [(1, 1)]
    assert _ids(ledger) == [1]


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"hello",
        b"{}",
        b"\xff\x00",
        b"[" * 5000,
        count_event().model_dump_json().replace('"counted":3', f'"counted":{10**30}').encode(),
    ],
    ids=["empty", "text", "no fields", "binary", "nested", "number too large"],
)
def test_a_malformed_message_is_passed_over_and_the_next_is_taken(
    station: FakeStation, ledger: Ledger, hear: Callable[[Ledger], Listener], payload: bytes
) -> None:
    hear(ledger)
    station.send(payload.replace(b"site/station", station.station.source.encode()))
    station.send(station.event(2))
    assert station.acknowledged() == [(2, 2)]
    assert _ids(ledger) == [2]


def test_a_gap_is_kept_once_and_acknowledged_like_a_count(station: FakeStation, ledger: Ledger, hear: Callable[[Ledger], Listener]) -> None:
    hear(ledger)
    lost = GapData(ranges=[Range(epoch=EPOCH, first=1, last=9), Range(epoch="b" * 22, first=4, last=4)], reason="size")
    gap = GapEvent(source=station.station.source, id=f"{EPOCH}-10", time=utc_now(), data=lost)
    for _ in range(2):
        station.send(gap)
        assert station.acknowledged() == [(10, 10)]
    assert [(row["epoch"], row["first"], row["last"], row["reason"]) for row in ledger.gaps()] == [
        (EPOCH, 1, 9, "size"),
        ("b" * 22, 4, 4, "size"),
    ]


def test_a_station_cannot_speak_for_another(station: FakeStation, ledger: Ledger, hear: Callable[[Ledger], Listener], site: str) -> None:
    hear(ledger)
    station.send(count_event(f"{EPOCH}-1", f"{site}/other"))
    station.send(station.event(2), Station(site, "other").topic("count"))
    station.send(station.event(3))
    assert station.acknowledged() == [(3, 3)]
    assert _ids(ledger) == [3]


def test_nothing_is_acknowledged_that_could_not_be_committed(
    station: FakeStation, tmp_path: Path, hear: Callable[[Ledger], Listener]
) -> None:
    full = FullDisk(f"sqlite:///{tmp_path}/full.db")
    listener = hear(full)
    listener.thread.join(PATIENCE_S)
    assert "disk full" in str(listener.failure)
    station.send(b"marker", station.station.topic("ack"))
    assert station.messages.get(timeout=PATIENCE_S) == b"marker"
    full.close()


def test_a_clean_stop_is_no_lost_connection(ledger: Ledger, hear: Callable[[Ledger], Listener]) -> None:
    with capture_logs() as told:
        hear(ledger).close()
    assert told == []


def test_an_unreachable_broker_is_told(ledger: Ledger) -> None:
    broker = f"mqtt://127.0.0.1:{free_port()}"
    with pytest.raises(UnavailableError, match=f"broker {broker} does not answer .*check --broker and that it runs"):
        list(listen(broker_access(broker), ledger, threading.Event(), patience_s=0.5))


def test_the_command_says_so_in_one_line(start: Start, tmp_path: Path) -> None:
    program = start(*BINTALLY, "wms", "listen", "--broker", "mqtt://127.0.0.1:1", "--ledger", f"sqlite:///{tmp_path}/gone/ledger.db")
    assert program.wait() == 1
    assert program.stderr.startswith("bintally wms: ledger ")
    assert len(program.stderr.splitlines()) == 1
