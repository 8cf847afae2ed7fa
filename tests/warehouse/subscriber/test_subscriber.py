"""The subscriber: acknowledges what was stored, only that, and always."""

from __future__ import annotations

import textwrap
import threading
from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace

import pytest
from structlog.testing import capture_logs

from bintally.errors import UnavailableError, UsageError
from bintally.messages import CountEvent, GapData, GapEvent, Range, State, utc_now
from bintally.topics import Station
from tests.conftest import free_port
from tests.fakes.events import EPOCH, count_event
from tests.fakes.programs import wait_until
from tests.warehouse.subscriber.conftest import Use
from tests.warehouse.subscriber.peers import FakeStation
from warehouse.subscriber import Batch, Subscriber


def wait_for(allowed: threading.Event) -> None:
    assert allowed.wait(60)


def test_a_count_is_stored_before_it_is_acknowledged(station: FakeStation, use: Use) -> None:
    allowed = threading.Event()
    program = use(lambda _: wait_for(allowed))
    station.send(station.event(1))
    station.hears_nothing()
    allowed.set()
    assert station.acknowledged() == [(1, 1)]
    assert program.next_event() == 1


def test_a_repeat_is_acknowledged_again(station: FakeStation, use: Use) -> None:
    use()
    for _ in range(3):
        station.send(station.event(1))
        assert station.acknowledged() == [(1, 1)]


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
def test_a_malformed_message_is_a_letter_and_the_next_is_taken(station: FakeStation, use: Use, payload: bytes) -> None:
    program = use()
    payload = payload.replace(b"site/station", station.station.source.encode())
    station.send(payload)
    station.send(station.event(2))
    assert station.acknowledged() == [(2, 2)]
    letter = program.letters.get_nowait()
    assert (letter.topic, letter.payload) == (station.station.topic("count"), payload)
    assert letter.reason.startswith("not a station event: ")


def test_a_gap_is_acknowledged_like_a_count(station: FakeStation, use: Use) -> None:
    use()
    lost = GapData(ranges=[Range(epoch=EPOCH, first=1, last=9), Range(epoch="b" * 22, first=4, last=4)], reason="size")
    gap = GapEvent(source=station.station.source, id=f"{EPOCH}-10", time=utc_now(), data=lost)
    for _ in range(2):
        station.send(gap)
        assert station.acknowledged() == [(10, 10)]


def test_a_station_cannot_speak_for_another(station: FakeStation, use: Use, site: str) -> None:
    program = use()
    station.send(count_event(f"{EPOCH}-1", f"{site}/other"))
    station.send(station.event(2), Station(site, "other").topic("count"))
    station.send(station.event(3))
    assert station.acknowledged() == [(3, 3)]
    assert [program.letters.get_nowait().reason for _ in range(2)] == [
        f"its source says '{site}/other': a station cannot speak for another",
        f"its source says '{station.station.source}': a station cannot speak for another",
    ]


def test_nothing_is_acknowledged_that_could_not_be_stored_and_it_comes_again(station: FakeStation, use: Use) -> None:
    tries = []

    def store(_: Batch) -> None:
        tries.append(1)
        if len(tries) == 1:
            raise OSError("disk full")

    program = use(store)
    station.send(station.event(1))
    wait_until(lambda: len(tries) == 1, "the first try failed")
    station.hears_nothing()
    assert station.acknowledged() == [(1, 1)]
    assert program.all_events() == [1]
    assert len(tries) == 2


def test_what_a_worker_left_unacknowledged_comes_again_at_its_next_start(station: FakeStation, use: Use) -> None:
    def store(_: Batch) -> None:
        raise OSError("disk full")

    first = use(store, "w")
    for number in range(1, 6):
        station.send(station.event(number))
    first.close()
    station.send(station.event(6))  # while nobody is there
    second = use(worker="w")
    assert [second.next_event() for _ in range(6)] == [1, 2, 3, 4, 5, 6]


def test_a_clean_stop_is_no_lost_connection(use: Use) -> None:
    with capture_logs() as told:
        use().close()
    assert [entry for entry in told if entry["log_level"] != "info"] == []


def test_states_come_where_they_are_asked_for_and_a_deleted_one_says_nothing(station: FakeStation, use: Use) -> None:
    heard: list[State] = []
    use(lambda batch: heard.extend(one.what for one in batch.said if isinstance(one.what, State)), states=True)
    birth = State(status="online", session=EPOCH, version="1", model=None)
    station.send(birth.model_dump_json().encode(), station.station.topic("state"))
    station.send(b"", station.station.topic("state"))
    station.send(station.event(1))
    assert station.acknowledged() == [(1, 1)]
    assert heard == [birth]


def test_a_burst_is_acknowledged_in_few_ranges(station: FakeStation, use: Use) -> None:
    allowed = threading.Event()
    use(lambda _: wait_for(allowed))
    for number in range(1, 16):
        station.send(station.event(number))
    allowed.set()
    ranges: list[tuple[int, int]] = []
    while not ranges or ranges[-1][1] < 15:
        ranges += station.acknowledged()
    assert [number for first, last in ranges for number in range(first, last + 1)] == list(range(1, 16))
    assert len(ranges) <= 3


def test_an_unreachable_broker_is_told() -> None:
    broker = f"mqtt://127.0.0.1:{free_port()}"
    with pytest.raises(UnavailableError, match=f"broker {broker} does not answer .*check --broker and that it runs"):
        Subscriber(broker, "w", patience_s=0.5).start()


@pytest.mark.parametrize("wrong", [{"in_flight": 0}, {"in_flight": 70_000}, {"most": 0}, {"expiry_s": -1}, {"group": "a/b"}, {"group": ""}])
def test_settings_that_cannot_be_are_refused(wrong: dict[str, int]) -> None:
    with pytest.raises(UsageError):
        Subscriber("mqtt://127.0.0.1", "w", **wrong)  # type: ignore[arg-type]  # as a caller without types would


def test_the_lines_in_the_documentation_work(station: FakeStation, broker: str, site: str) -> None:
    text = (Path(__file__).parents[3] / "docs" / "ledger.md").read_text()
    lines = text[text.index("    from warehouse.subscriber import Subscriber") :].split("\n\nA ")[0]
    code = (
        textwrap.dedent(lines)
        .replace('"mqtt://127.0.0.1:1883"', f'"{broker}"')
        .replace('worker="wms-1"', f'worker="{site}", site="{site}"')
    )
    stored = []

    def store(_: object, event: CountEvent) -> None:
        stored.append(event.position[1])
        if len(stored) == 3:
            names["subscriber"].stop()  # type: ignore[attr-defined]  # the lines' own variable

    names: dict[str, object] = {"store": store, "database": SimpleNamespace(begin=nullcontext)}
    program = threading.Thread(target=exec, args=(code, names), daemon=True)
    program.start()
    wait_until(lambda: "subscriber" in names, "it is connected")
    for number in (1, 2, 3):
        station.send(station.event(number))
    program.join(60)
    assert stored == [1, 2, 3]
    while station.acknowledged()[-1][1] != 3:
        pass
