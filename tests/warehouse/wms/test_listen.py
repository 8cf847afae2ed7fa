"""``bintally wms listen``: counts reach the ledger and are acknowledged; the old promises and the new ones."""

from __future__ import annotations

import json
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from bintally.messages import CountEvent, Expected, Health, State, parse_discrepancy, parse_expected, utc_now
from tests.fakes.events import EPOCH
from tests.fakes.mosquitto import Mosquitto
from tests.fakes.mqtt import Client
from tests.fakes.programs import BINTALLY, Program, Start, wait_until
from tests.warehouse.subscriber.peers import FakeStation
from warehouse.ledger import Ledger, dead_letters, expectations, stations
from warehouse.ledger.tables import COUNTS

LISTEN = (*BINTALLY, "wms", "listen", "--json")


@pytest.fixture
def database(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/ledger.db"


@pytest.fixture
def ledger(database: str) -> Iterator[Ledger]:
    with Ledger(database) as ledger:
        yield ledger


@pytest.fixture
def station(mosquitto: str, site: str) -> Iterator[FakeStation]:
    station = FakeStation(mosquitto, site)
    yield station
    station.close()


def ids(ledger: Ledger) -> list[int]:
    with ledger.read() as tx:
        return sorted(int(one.partition("-")[2]) for one in tx.scalars(sa.select(COUNTS.c.event_id)))


def listening(start: Start, broker: str, database: str, *options: str) -> Program:
    program = start(*LISTEN, "--broker", broker, "--ledger", database, *options)
    wait_until(lambda: "receiving" in program.stderr or not program.running, "it listens")
    assert program.running, program.stderr
    return program


def test_each_count_is_there_once_after_the_listener_was_killed(
    start: Start, mosquitto: str, database: str, ledger: Ledger, station: FakeStation, site: str
) -> None:
    for first in (1, 4, 7):
        program = listening(start, mosquitto, database, "--site", site)
        for number in range(first, first + 3):
            station.send(station.event(number))
        program.signal(signal.SIGKILL)
        program.wait()
    listening(start, mosquitto, database, "--site", site)
    wait_until(lambda: ids(ledger) == list(range(1, 10)), "all is in the ledger")
    heard: set[int] = set()
    while heard != set(range(1, 10)):
        heard |= {number for first, last in station.acknowledged() for number in range(first, last + 1)}


@pytest.mark.long
def test_two_listeners_of_one_ledger_share_and_two_ledgers_do_not(
    start: Start, mosquitto: str, database: str, ledger: Ledger, station: FakeStation, site: str, tmp_path: Path
) -> None:
    listening(start, mosquitto, database, "--site", site, "--worker", "a")
    listening(start, mosquitto, database, "--site", site, "--worker", "b")
    other = f"sqlite:///{tmp_path}/other.db"
    listening(start, mosquitto, other, "--site", site)
    for number in range(1, 21):
        station.send(station.event(number))
    wait_until(lambda: ids(ledger) == list(range(1, 21)), "all is in the ledger")
    with Ledger(other) as second:
        wait_until(lambda: ids(second) == list(range(1, 21)), "all is in the other ledger")


def test_what_a_station_says_of_itself_is_kept_and_what_cannot_be_read_too(
    start: Start, mosquitto: str, database: str, ledger: Ledger, station: FakeStation, site: str
) -> None:
    listening(start, mosquitto, database, "--site", site)
    birth = State(status="online", session=EPOCH, version="1", model=None)
    station.send(birth.model_dump_json().encode(), station.station.topic("state"))
    health = {
        "session": EPOCH, "at": utc_now().isoformat(), "uptime_s": 1, "phase": "counting", "camera": {"state": "live"}, "model": None,
        "providers": [], "counted": 1, "unsure": 0, "outbox_depth": 0, "disk_free_bytes": 1,
    }  # fmt: skip
    station.send(Health.model_validate(health).model_dump_json().encode(), station.station.topic("health"))
    station.send(b"no event")
    station.send(station.event(1))
    assert station.acknowledged() == [(1, 1)]

    def kept() -> bool:
        with ledger.read() as tx:
            (seen,) = stations.stations(tx)
            letters = dead_letters.newest(tx)
        return seen.state == birth and seen.health is not None and [one.payload for one in letters] == [b"no event"]

    wait_until(kept, "all of it is kept")


def test_the_books_reach_a_station_with_its_first_count_and_with_each_change(
    start: Start, mosquitto: str, database: str, ledger: Ledger, station: FakeStation, site: str
) -> None:
    heard = Client(mosquitto, station.station.named("expected", "bin-1"))
    told = Client(mosquitto, f"bintally/v1/{site}/discrepancy")
    listening(start, mosquitto, database, "--site", site)
    _expect(ledger, site, 3)
    station.send(_sure_of_three(station.event(1)))
    assert parse_expected(heard.payload()).quantity == 3
    _expect(ledger, site, 5)
    assert parse_expected(heard.payload()).quantity == 5
    for number in (2, 3, 4):  # no single picture decides alone
        station.send(_sure_of_three(station.event(number)))
    event = parse_discrepancy(told.payload())
    assert (event.data.site, event.data.bin, event.data.state, event.data.expected) == (site, "bin-1", "open", 5)
    late = Client(mosquitto, station.station.named("expected", "bin-1"))
    assert Expected.model_validate_json(late.payload()).quantity == 5  # retained
    for client in (heard, told, late):
        client.close()


def _sure_of_three(event: CountEvent) -> CountEvent:
    probabilities = [0.005, 0.005, 0.01, 0.96, 0.01, 0.005, 0.005]
    return event.model_copy(update={"data": event.data.model_copy(update={"probabilities": probabilities, "trigger": "settled"})})


def _expect(ledger: Ledger, site: str, quantity: int) -> None:
    row = expectations.Row(site=site, bin="bin-1", quantity=quantity, at=utc_now(), article=None, value=1.0)
    with ledger.begin() as tx:
        expectations.expect(tx, [row], by="test", origin="api", now=utc_now())


def test_a_database_that_is_away_is_waited_for_and_nothing_is_acknowledged_meanwhile(
    start: Start, mosquitto: str, database: str, ledger: Ledger, station: FakeStation, site: str
) -> None:
    program = listening(start, mosquitto, database, "--site", site)
    with ledger.begin() as tx:
        tx.execute(sa.text("ALTER TABLE count_event RENAME TO taken_away"))
    station.send(station.event(1))
    wait_until(lambda: "nothing can be stored, trying again" in program.stderr, "it says so")
    station.hears_nothing()
    with ledger.begin() as tx:
        tx.execute(sa.text("ALTER TABLE taken_away RENAME TO count_event"))
    assert station.acknowledged() == [(1, 1)]
    assert ids(ledger) == [1]


def test_a_broker_that_is_away_is_waited_for(start: Start, database: str, ledger: Ledger, site: str, tmp_path: Path) -> None:
    own = Mosquitto(start, tmp_path)
    program = listening(start, own.url(), database, "--site", site)
    own.stop()
    wait_until(lambda: "disconnected" in program.stderr, "it notices")
    own.start()
    station = FakeStation(own.url(), site)

    def arrived() -> bool:
        station.send(station.event(1))  # until the listener has subscribed again
        return ids(ledger) == [1]

    wait_until(arrived, "it hears again")
    station.close()


def test_programs_get_one_object_a_count(start: Start, mosquitto: str, database: str, station: FakeStation, site: str) -> None:
    program = listening(start, mosquitto, database, "--site", site)
    event = station.event(1)
    for _ in range(2):
        station.send(event)
    first, second = json.loads(program.line()), json.loads(program.line())
    assert (first["site"], first["station"], first["bin"], first["counted"], first["repeat"]) == (site, "s", "bin-1", 3, False)
    assert second == {**first, "repeat": True}
    program.signal(signal.SIGTERM)
    assert program.wait() == 0


def test_the_command_says_in_one_line_what_is_wrong(start: Start, tmp_path: Path) -> None:
    program = start(*BINTALLY, "wms", "listen", "--broker", "mqtt://127.0.0.1:1", "--ledger", f"sqlite:///{tmp_path}/gone/ledger.db")
    assert program.wait() == 1
    assert program.stderr.startswith("bintally wms: ledger ")
    assert len(program.stderr.splitlines()) == 1
