"""Taking events in: each once, with all that follows."""

from __future__ import annotations

import json
from typing import Any

import pytest
import sqlalchemy as sa

from bintally.errors import UnavailableError
from bintally.messages import CountEvent
from bintally.topics import Station
from tests.warehouse.ledger.samples import EPOCH, RULES, STATION, at, books, count, gap, sure, unsure
from warehouse.ledger import Ledger, bins, cases, counts, deliveries, holes, stations
from warehouse.ledger.events import Arrived, take
from warehouse.ledger.expectations import expect

OTHER = Station("hall 1", "dock/4")


def taken(ledger: Ledger, arrived: list[Arrived], now_s: float = 0) -> set[tuple[str, str]]:
    with ledger.begin() as tx:
        return take(tx, arrived, RULES, at(now_s))


def ids(ledger: Ledger) -> list[str]:
    with ledger.read() as tx:
        return [row.event_id.rpartition("-")[2] for row in reversed(counts.page(tx).rows)]


def due(ledger: Ledger, kind: Any) -> list[tuple[str, Any]]:
    with ledger.begin() as tx:
        return [(one.target, json.loads(one.payload) if one.payload else None) for one in deliveries.due(tx, kind, at(10_000), 100)]


def test_only_what_is_new_is_told_and_kept(ledger: Ledger, url: str) -> None:
    one, two, three = (count(number, "A", number, number) for number in (1, 2, 3))
    assert taken(ledger, [one, two]) == {(STATION.source, f"{EPOCH}-1"), (STATION.source, f"{EPOCH}-2")}
    assert taken(ledger, [two, three]) == {(STATION.source, f"{EPOCH}-3")}
    assert taken(ledger, [one, two, three]) == set()
    assert taken(ledger, []) == set()
    ledger.close()
    with Ledger(url) as again:
        assert ids(again) == ["1", "2", "3"]
        assert taken(again, [three]) == set()


def test_a_repeat_with_another_content_changes_nothing(ledger: Ledger) -> None:
    taken(ledger, [count(1, "A", 3, 0), count(1, "A", 4, 0), count(1, "B", 4, 0)])
    assert taken(ledger, [count(1, "A", 5, 1)]) == set()
    with ledger.read() as tx:
        assert [row.counted for row in counts.page(tx).rows] == [3]
        assert bins.bin_of(tx, STATION.site, "B") is None


def test_the_same_id_of_two_stations_is_two_events(ledger: Ledger) -> None:
    assert len(taken(ledger, [count(1, "A", 3, 0), count(1, "A", 3, 0, OTHER)])) == 2


def test_a_count_comes_back_as_it_went_in(ledger: Ledger) -> None:
    more: dict[str, Any] = {"file": "a.jpg", "evidence": "e.jpg", "frames": 3, "trigger": "heartbeat"}
    taken(ledger, [count(1, "A/\u00e4", 4, 7, **more)], now_s=8)
    with ledger.read() as tx:
        (row,) = counts.page(tx).rows
        assert row == counts.count(tx, STATION.source, f"{EPOCH}-1")
        assert counts.count(tx, STATION.source, f"{EPOCH}-2") is None
    assert (row.site, row.bin, row.counted, row.taken_at, row.received_at) == ("hall 1", "A/\u00e4", 4, at(7), at(8))
    assert (row.probabilities, row.file, row.evidence, row.frames, row.trigger) == (sure(4), "a.jpg", "e.jpg", 3, "heartbeat")
    assert (row.model, row.model_digest) == ("m 1.0.0", "d" * 64)


def test_the_view_shows_the_count_that_was_taken_last_whichever_comes_last(ledger: Ledger) -> None:
    taken(ledger, [count(2, "A", 4, 20), count(1, "A", 3, 10)], now_s=30)
    taken(ledger, [count(3, "A", 5, 15, OTHER)], now_s=31)
    with ledger.read() as tx:
        found = bins.bin_of(tx, STATION.site, "A")
    assert found is not None
    assert (found.view.counted, found.view.taken_at, found.view.event_id) == (4, at(20), f"{EPOCH}-2")


def test_a_clock_that_is_ahead_blocks_a_bin_for_no_longer_than_it_takes_to_count_again(ledger: Ledger) -> None:
    taken(ledger, [count(1, "A", 3, 10**9)], now_s=30)
    taken(ledger, [count(2, "A", 4, 40, OTHER)], now_s=40)
    with ledger.read() as tx:
        found = bins.bin_of(tx, STATION.site, "A")
    assert found is not None
    assert found.view.counted == 4


def test_what_no_column_can_hold_is_cut_and_fails_no_batch(ledger: Ledger) -> None:
    event = count(1, "A", 3, 0).event
    assert isinstance(event, CountEvent)
    data = event.data.model_copy(
        update={
            "file": "a\0b",
            "frames": 10**12,
            "model": event.data.model.model_copy(update={"name": "n" * 5000, "digest": "\0" * 500}),
            "probabilities": [float("nan"), float("inf"), 1.0],
            "taken_at": event.data.taken_at.max.replace(tzinfo=event.data.taken_at.tzinfo),
        }
    )
    odd = event.model_copy(update={"data": data, "subject": "A\0" + "x" * 253})
    assert len(taken(ledger, [Arrived(STATION, odd), count(2, "B", 3, 0)], now_s=1)) == 2
    with ledger.read() as tx:
        assert [row.probabilities for row in counts.page(tx).rows] == [sure(3), [0.0, 0.0, 1.0]]


def test_nothing_of_a_failed_batch_is_kept(ledger: Ledger) -> None:
    bad = count(2, "A", 3, 0)
    broken = Arrived(STATION, bad.event.model_copy(update={"id": f"{'b' * 40}-{2}"}))
    with ledger.begin() as tx:
        tx.execute(sa.text("DROP TABLE bin"))
        with pytest.raises(sa.exc.DBAPIError):
            take(tx, [count(1, "A", 3, 0), broken], RULES, at(0))
        tx.rollback()
    assert ids(ledger) == []


def test_a_database_that_fails_is_told_in_our_words_and_keeps_nothing(ledger: Ledger) -> None:
    with pytest.raises(UnavailableError, match="2 counts could not be committed; stations keep them"):  # noqa: PT012, SIM117
        with ledger.begin("2 counts could not be committed; stations keep them") as tx:
            take(tx, [count(1, "A", 3, 0)], RULES, at(0))
            tx.execute(sa.text("SELECT no_such_column FROM bin"))
    assert ids(ledger) == []


def test_a_gap_counts_only_what_the_ledger_does_not_hold(ledger: Ledger) -> None:
    taken(ledger, [count(number, "A", 3, 0) for number in (1, 2, 11, 12)])
    taken(ledger, [count(3, "A", 3, 0, OTHER), count(4, "A", 3, 0, epoch="b" * 22)])
    given_up = gap(13, 2, 12)
    assert taken(ledger, [given_up]) == {(STATION.source, f"{EPOCH}-13")}
    assert taken(ledger, [given_up]) == set()
    with ledger.read() as tx:
        (row,) = holes.gaps(tx).rows
        assert (row.first, row.last, row.missing, row.event_id, row.reason) == (2, 12, 8, f"{EPOCH}-13", "restored")
        assert [(one.source, one.epoch[0], one.highest, one.held, one.missing) for one in holes.epochs(tx).rows] == [
            (OTHER.source, "a", 3, 1, 2),
            (STATION.source, "b", 4, 1, 3),
            (STATION.source, "a", 13, 5, 8),
        ]
        assert [(one.first, one.last) for one in holes.missing(tx, STATION.source, EPOCH)] == [(3, 10)]
        assert [(one.first, one.last) for one in holes.missing(tx, OTHER.source, EPOCH)] == [(1, 2)]


def test_a_station_is_known_by_its_newest_count(ledger: Ledger) -> None:
    taken(ledger, [count(1, "A", 3, 0)], now_s=5)
    taken(ledger, [count(1, "A", 3, 0), count(9, "A", 3, 0, OTHER)], now_s=6)
    with ledger.read() as tx:
        assert [(one.site, one.station, one.counted_at) for one in stations.stations(tx, "hall 1")] == [
            ("hall 1", "dock/3", at(5)),
            ("hall 1", "dock/4", at(6)),
        ]
        assert stations.stations(tx, "hall 2") == []


def test_a_bin_that_disagrees_with_the_books_is_opened_and_told_once(ledger: Ledger) -> None:
    with ledger.begin() as tx:
        expect(tx, [books(5, 0), books(5, 0, "B", value=3.0)], "me", "csv", at(0))
    taken(ledger, [count(1, "A", 5, 10), count(2, "B", 3, 10)], now_s=10)
    with ledger.read() as tx:
        assert cases.page(tx).rows == []  # one picture is not enough
    taken(ledger, [count(3, "B", 3, 15)], now_s=15)
    with ledger.read() as tx:
        (listed,) = cases.page(tx, state="unsettled").rows
    case = listed.case
    assert (case.bin, case.kind, case.state, case.expected, case.likely, case.event_id) == ("B", "mismatch", "open", 5, 3, f"{EPOCH}-3")
    assert case.p_wrong > 0.5
    assert 3.0 < case.cost < 7.0
    ((topic, told),) = due(ledger, "discrepancy")
    assert topic == "bintally/v1/hall%201/discrepancy"
    assert (told["data"]["number"], told["data"]["state"], told["data"]["likely"]) == (case.number, "open", 3)
    taken(ledger, [count(4, "B", 3, 20, trigger="heartbeat")], now_s=20)
    assert due(ledger, "discrepancy") == []


def test_an_unsure_bin_is_a_task_that_may_become_an_alarm_and_back_and_is_counted_away(ledger: Ledger) -> None:
    with ledger.begin() as tx:
        expect(tx, [books(5, 0)], "me", "csv", at(0))
    torn = [0.01, 0.01, 0.01, 0.01, 0.92, 0.03, 0.01]
    steps = [unsure(1, "A", 10, torn), count(2, "A", 4, 20), unsure(3, "A", 30, torn), count(4, "A", 5, 40), count(5, "A", 5, 50)]
    seen = []
    for number, arrived in enumerate(steps):
        taken(ledger, [arrived], now_s=60 + number)
        with ledger.read() as tx:
            case = cases.case(tx, 1).case
        seen.append((case.kind, case.state, case.outcome))
    assert seen[0] == ("unsure", "open", None)
    assert seen[1] == ("mismatch", "open", None)
    assert seen[-1][1:] == ("settled", "counted away")
    with ledger.read() as tx:
        lines = cases.history(tx, 1)
        assert cases.page(tx, state="unsettled").rows == []
    assert lines[0].what == "opened"
    assert (lines[-1].what, lines[-1].who) == ("settled", "counts")


def test_a_backlog_is_judged_by_its_end(ledger: Ledger) -> None:
    with ledger.begin() as tx:
        expect(tx, [books(5, 0)], "me", "csv", at(0))
    taken(ledger, [count(number, "A", 3 if number < 3 else 5, number) for number in range(1, 8)], now_s=60)
    with ledger.read() as tx:
        assert cases.page(tx).rows == []


def test_a_stations_first_count_of_a_bin_tells_it_what_the_books_expect(ledger: Ledger) -> None:
    with ledger.begin() as tx:
        expect(tx, [books(5, 0)], "me", "csv", at(0))
    assert due(ledger, "expected") == []
    taken(ledger, [count(1, "A", 5, 1), count(2, "B", 5, 1)], now_s=1)
    assert due(ledger, "expected") == [("bintally/v1/hall%201/dock%2F3/expected/A", {"quantity": 5, "at": "2026-11-22T08:00:00Z"})]
    taken(ledger, [count(3, "A", 5, 2), count(1, "A", 5, 2, OTHER)], now_s=2)
    assert [topic for topic, _ in due(ledger, "expected")] == ["bintally/v1/hall%201/dock%2F4/expected/A"]


def test_counts_of_several_sites_in_one_batch_are_kept_apart(ledger: Ledger) -> None:
    there = Station("hall 2", "dock/3")
    taken(ledger, [count(1, "A", 2, 1, there), count(1, "A", 3, 1), count(2, "A", 4, 2, there)], now_s=3)
    with ledger.read() as tx:
        found = [bins.bin_of(tx, site, "A") for site in ("hall 1", "hall 2")]
    assert [one and one.view.counted for one in found] == [3, 4]
