"""Storing a batch: all of it, or all but what the ledger can never hold; nothing where the database is away."""

from __future__ import annotations

from typing import Any

import paho.mqtt.client as mqtt
import pytest
import sqlalchemy as sa
from paho.mqtt.enums import CallbackAPIVersion

from bintally.errors import UnavailableError
from bintally.messages import CountEvent, State
from bintally.topics import Station
from tests.fakes.events import EPOCH, count_event
from warehouse.discrepancies.rules import Rules
from warehouse.ledger import Ledger, dead_letters, events, stations
from warehouse.ledger.tables import COUNTS
from warehouse.subscriber import Batch
from warehouse.subscriber.batch import Raw
from warehouse.wms.receive import group_of, store
from warehouse.wms.recent import Recent

STATION = Station("site", "station")
CLIENT = mqtt.Client(CallbackAPIVersion.VERSION2)
TAKE = events.take


def batch_of(*payloads: CountEvent | State | bytes) -> Batch:
    return Batch([_raw(number, one) for number, one in enumerate(payloads)], lambda _: None)


def _raw(number: int, one: CountEvent | State | bytes) -> Raw:
    topic = STATION.topic("state" if isinstance(one, State) else "count").encode()
    return Raw(CLIENT, number, topic, one if isinstance(one, bytes) else one.model_dump_json().encode())


def _ids(ledger: Ledger) -> list[str]:
    with ledger.read() as tx:
        return list(tx.scalars(sa.select(COUNTS.c.event_id).order_by(COUNTS.c.number)))


def test_what_the_ledger_cannot_hold_becomes_a_letter_and_is_not_called_safe(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    def take(tx: sa.Connection, arrived: Any, *rest: Any) -> set[tuple[str, str]]:
        if any(one.event.subject == "odd" for one in arrived):
            raise OverflowError("too large for a column")
        return TAKE(tx, arrived, *rest)

    monkeypatch.setattr(events, "take", take)
    odd = count_event(f"{EPOCH}-2").model_copy(update={"subject": "odd"})
    state = State(status="online", session=EPOCH, version="1", model=None)
    batch = batch_of(count_event(f"{EPOCH}-1"), odd, b"no event", count_event(f"{EPOCH}-3"), state)
    assert store(ledger, batch, Rules()) == {("site/station", f"{EPOCH}-1"), ("site/station", f"{EPOCH}-3")}
    assert _ids(ledger) == [f"{EPOCH}-1", f"{EPOCH}-3"]
    assert [one.event.id for one in batch] == [f"{EPOCH}-1", f"{EPOCH}-3"]  # these are acknowledged to the station
    with ledger.read() as tx:
        letters = {one.payload: one.reason for one in dead_letters.newest(tx)}
    assert letters[odd.model_dump_json().encode()] == "the ledger cannot hold it: too large for a column"
    assert b"no event" in letters


def test_a_database_that_is_away_keeps_nothing_and_says_so(ledger: Ledger) -> None:
    batch = batch_of(count_event(), b"no event")
    _rename(ledger, "dead_letter", "gone")
    try:
        with pytest.raises(UnavailableError, match="1 counts could not be committed; stations keep them"):
            store(ledger, batch, Rules())
    finally:
        _rename(ledger, "gone", "dead_letter")
    assert _ids(ledger) == []
    assert len(batch) == 1


def _rename(ledger: Ledger, old: str, new: str) -> None:
    with ledger.begin() as tx:
        tx.execute(sa.text(f"ALTER TABLE {old} RENAME TO {new}"))


def test_of_what_a_station_says_of_itself_the_last_word_is_kept(ledger: Ledger) -> None:
    born, gone = (State(status=status, session=EPOCH, version="1", model=None) for status in ("online", "stopped"))
    store(ledger, batch_of(born, gone), Rules())
    with ledger.read() as tx:
        (seen,) = stations.stations(tx)
    assert seen.state == gone


def test_a_batch_that_is_stored_twice_is_new_once(ledger: Ledger) -> None:
    batch = batch_of(count_event(), count_event())
    assert store(ledger, batch, Rules()) == {("site/station", f"{EPOCH}-1")}
    assert store(ledger, batch, Rules()) == set()


def test_what_was_stored_a_moment_ago_is_not_stored_again_but_called_safe(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    recent, taken = Recent(), []

    def take(tx: sa.Connection, arrived: Any, *rest: Any) -> set[tuple[str, str]]:
        taken.append([one.event.id for one in arrived])
        return TAKE(tx, arrived, *rest)

    monkeypatch.setattr(events, "take", take)
    first, second = count_event(f"{EPOCH}-1"), count_event(f"{EPOCH}-2")
    store(ledger, batch_of(first), Rules(), recent)
    again = batch_of(first, second)
    assert store(ledger, again, Rules(), recent) == {("site/station", f"{EPOCH}-2")}
    assert taken == [[f"{EPOCH}-1"], [f"{EPOCH}-2"]]
    assert len(again) == 2  # both are acknowledged


def test_nothing_that_failed_is_taken_for_stored(ledger: Ledger) -> None:
    recent, batch = Recent(), batch_of(count_event())
    _rename(ledger, "count_event", "gone")
    try:
        with pytest.raises(UnavailableError):
            store(ledger, batch, Rules(), recent)
    finally:
        _rename(ledger, "gone", "count_event")
    assert _ids(ledger) == []
    assert store(ledger, batch, Rules(), recent) == {("site/station", f"{EPOCH}-1")}


def test_recent_keys_are_forgotten_by_age_and_number(monkeypatch: pytest.MonkeyPatch) -> None:
    recent = Recent()
    recent.add([("s", "1")], 0.0)
    recent.add([("s", "1"), ("s", "2")], 50.0)
    recent.forget(61.0)
    assert [("s", name) in recent for name in "12"] == [False, True]
    monkeypatch.setattr("warehouse.wms.recent.MOST", 3)
    recent.add([("s", str(number)) for number in range(3, 9)], 61.0)
    recent.forget(61.0)
    assert [name for name in "2345678" if ("s", name) in recent] == ["6", "7", "8"]


def test_workers_of_one_ledger_are_one_group_and_those_of_another_are_not(monkeypatch: pytest.MonkeyPatch) -> None:
    shared = group_of("postgresql+psycopg://anna:***@db.example:5432/bintally")
    assert group_of("postgresql+psycopg://otto@db.example:5432/bintally") == shared
    assert group_of("postgresql+psycopg://anna:***@db.example:5432/other") != shared
    mine, local = group_of("sqlite:////var/ledger.db"), group_of("postgresql+psycopg://anna@localhost/bintally")
    monkeypatch.setattr("socket.gethostname", lambda: "elsewhere")
    assert group_of("postgresql+psycopg://anna:***@db.example:5432/bintally") == shared
    assert group_of("sqlite:////var/ledger.db") != mine
    assert group_of("postgresql+psycopg://anna@localhost/bintally") != local
