"""The courier, between a real outbox and real brokers: what it says survives the broker's restarts, full disks and old copies."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path

import pytest

from agent.delivery import courier as courier_module
from agent.delivery import link as link_module
from agent.delivery.courier import Courier
from agent.delivery.link import Link
from agent.delivery.outbox import Outbox
from agent.status import Status
from bintally.brokers import broker_access
from bintally.errors import BintallyError, UnavailableError
from bintally.messages import CountEvent, GapEvent, Range, parse_count, parse_event
from bintally.topics import Station
from tests.conftest import free_port
from tests.fakes.events import count_event
from tests.fakes.ledgers import counts, gaps, listening
from tests.fakes.mosquitto import Mosquitto
from tests.fakes.mqtt import Client
from tests.fakes.programs import Start, wait_until
from warehouse.ledger import Ledger


class Delivering:
    """An outbox and its courier."""

    def __init__(self, folder: Path, url: str, station: Station, *, by_broker: bool = False, patience_s: float = 0) -> None:
        self.outbox = Outbox(folder, station)
        self.link = Link(broker_access(url), station, self.outbox.epoch)
        self.status, self.stop = Status(), threading.Event()
        self.courier = Courier(self.outbox, self.link, self.status, by_broker, patience_s, self.stop)
        self.station = station
        self.courier.start()

    def count(self, counted: int, bin_name: str = "bin-1") -> CountEvent:
        event = self.outbox.add(partial(_event, self.station, counted, bin_name))
        self.courier.committed()
        return event

    def close(self) -> None:
        self.courier.close()
        self.outbox.close()


def _event(station: Station, counted: int, bin_name: str, event_id: str) -> CountEvent:
    return count_event(event_id, station.source, counted).model_copy(update={"subject": bin_name})


@pytest.fixture(autouse=True)
def _short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(link_module, "MAX_PAUSE_S", 0.3)
    monkeypatch.setattr(courier_module, "PAST_S", 0.5)


@pytest.fixture
def station(site: str) -> Station:
    return Station(site, "s")


@pytest.fixture
def deliver(tmp_path: Path, station: Station) -> Iterator[Callable[..., Delivering]]:
    """Start to deliver the outbox in ``tmp_path/state``."""
    with ExitStack() as stack:

        def deliver(url: str, **more: object) -> Delivering:
            started = Delivering(tmp_path / "state", url, station, **more)  # type: ignore[arg-type]
            stack.callback(started.close)
            return started

        yield deliver


@pytest.fixture
def warehouse(tmp_path: Path, site: str) -> Iterator[Callable[[str], Ledger]]:
    """Start a ledger's subscriber."""
    with ExitStack() as stack:

        def warehouse(url: str) -> Ledger:
            ledger = stack.enter_context(Ledger(f"sqlite:///{tmp_path}/ledger.db"))
            stack.enter_context(listening(url, ledger, site))
            return ledger

        yield warehouse


@pytest.fixture
def hear() -> Iterator[Callable[..., Client]]:
    clients = []

    def hear(url: str, topic: str | None = None) -> Client:
        clients.append(Client(url, topic))
        return clients[-1]

    yield hear
    for client in clients:
        client.close()


def test_everything_is_in_the_ledger_once_whatever_the_broker_forgets(
    start: Start, tmp_path: Path, deliver: Callable[..., Delivering], warehouse: Callable[[str], Ledger]
) -> None:
    broker = Mosquitto(start, tmp_path)
    ledger = warehouse(broker.url())
    station = deliver(broker.url())
    events = []
    for _ in range(3):
        events += [station.count(number) for number in range(40)]
        broker.stop()
        events += [station.count(number) for number in range(40)]
        broker.start()
        wait_until(lambda: station.link.up, "connected again")
    wait_until(lambda: station.outbox.depth() == 0, "all acknowledged")
    assert sorted(row["event_id"] for row in counts(ledger)) == sorted(event.id for event in events)
    assert gaps(ledger) == []
    wait_until(lambda: station.status.snapshot().outbox_depth == 0 and station.status.snapshot().connected, "the status says so")
    assert station.status.snapshot().ack_lag_s is not None
    assert station.status.snapshot().link_problem is None


def test_a_bins_retained_state_is_its_newest_count_and_never_goes_backwards(
    start: Start, tmp_path: Path, deliver: Callable[..., Delivering], hear: Callable[..., Client]
) -> None:
    broker = Mosquitto(start, tmp_path)
    station = deliver(broker.url(), by_broker=True)
    topic = station.station.named("bin", "bin-1")
    seen: list[int] = []
    for _ in range(4):
        wait_until(lambda: station.link.up, "connected")
        watcher = hear(broker.url(), topic)
        for number in range(60):
            station.count(number)
        broker.stop()
        watcher.close()
        states = [parse_count(payload).position[1] for payload in watcher.payloads()]
        assert states == sorted(states)
        seen += states
        newest = station.count(7)
        broker.start()
    assert len(seen) > 4
    wait_until(lambda: station.outbox.depth() == 0, "all delivered")
    last = hear(broker.url(), topic)
    while parse_count(last.payload()).id != newest.id:
        pass
    last.close()
    assert parse_count(hear(broker.url(), topic).payload()).id == newest.id


def test_states_of_all_bins_go_out_again_after_the_broker_lost_them(
    start: Start, tmp_path: Path, deliver: Callable[..., Delivering], hear: Callable[..., Client]
) -> None:
    broker = Mosquitto(start, tmp_path)
    station = deliver(broker.url(), by_broker=True)
    for number in range(30):
        station.count(number % 3, f"bin-{number}")
    wait_until(lambda: station.outbox.depth() == 0, "all delivered")
    broker.stop()
    broker.start()
    heard = hear(broker.url(), station.station.all_named("bin"))
    found: set[str] = set()
    while len(found) < 30:
        found.add(parse_count(heard.payload()).subject)


def test_a_state_folder_put_back_whole_is_told_by_what_the_broker_kept(
    start: Start, tmp_path: Path, deliver: Callable[..., Delivering], hear: Callable[..., Client]
) -> None:
    broker = Mosquitto(start, tmp_path)
    first = deliver(broker.url(), by_broker=True)
    first.count(1)
    wait_until(lambda: first.outbox.depth() == 0, "delivered")
    first.close()
    shutil.copytree(tmp_path / "state", tmp_path / "copy")
    second = deliver(broker.url(), by_broker=True)
    second.count(2)
    newest = second.count(3)
    topic = second.station.named("bin", "bin-1")
    watcher = hear(broker.url(), topic)
    while parse_count(watcher.payload()).id != newest.id:
        pass
    wait_until(lambda: second.outbox.depth() == 0, "delivered")
    second.close()
    shutil.rmtree(tmp_path / "state")
    (tmp_path / "copy").rename(tmp_path / "state")
    events = hear(broker.url(), second.station.topic("count"))
    third = deliver(broker.url())
    gap = parse_event(events.payload())
    assert isinstance(gap, GapEvent)
    assert gap.data.reason == "restored"
    assert gap.data.ranges == [Range(epoch=second.outbox.epoch, first=1, last=2)]
    wait_until(lambda: not third.link.ask_past, "the older states were said again")
    third.count(4, "bin-2")
    while parse_count(watcher.payload()).id != newest.id:  # never the first session's, which the copy held
        pass
    assert all(parse_count(payload).id == newest.id for payload in watcher.payloads())


def test_a_full_disk_stops_no_courier(
    start: Start, tmp_path: Path, deliver: Callable[..., Delivering], warehouse: Callable[[str], Ledger], monkeypatch: pytest.MonkeyPatch
) -> None:
    broker = Mosquitto(start, tmp_path)
    station = deliver(broker.url())
    ledger = warehouse(broker.url())
    for number in range(5):
        station.count(number)
    wait_until(lambda: station.outbox.depth() == 0, "delivered")
    forget = station.outbox.forget
    failures = []

    def full(ranges: list[Range]) -> int:
        failures.append(ranges)
        raise UnavailableError("disk full")

    monkeypatch.setattr(station.outbox, "forget", full)
    station.count(5)
    wait_until(lambda: len(failures) > 1, "the courier tried again")
    assert station.courier.failure is None
    assert not station.stop.is_set()
    monkeypatch.setattr(station.outbox, "forget", forget)
    wait_until(lambda: station.outbox.depth() == 0, "forgotten as soon as it works")
    assert len(counts(ledger)) == 6


def test_who_is_impatient_is_told_what_is_wrong(deliver: Callable[..., Delivering]) -> None:
    station = deliver(f"mqtt://127.0.0.1:{free_port()}", patience_s=0.5)
    station.count(1)
    station.courier.drain()
    assert isinstance(station.courier.failure, BintallyError)
    assert "does not answer (nothing listens there; check host and port); 1 counts are kept" in str(station.courier.failure)


def test_what_was_given_up_is_not_sent_again(mosquitto: str, deliver: Callable[..., Delivering], monkeypatch: pytest.MonkeyPatch) -> None:
    station = deliver(mosquitto)
    for number in range(3):
        station.count(number)
    wait_until(lambda: station.courier._delivery.next_due() is not None, "sent")
    monkeypatch.setattr(station.outbox, "_max_age_s", -1.0)
    station.outbox.prune()
    station.courier.committed()
    wait_until(lambda: set(station.courier._delivery._sent) == {(station.outbox.epoch, 4)}, "only the gap waits for its acknowledgement")
