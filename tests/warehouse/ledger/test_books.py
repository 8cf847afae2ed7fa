"""What the books say: only news are kept, stations are told, discrepancies are superseded; and what people find corrects the books."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from bintally.errors import InputError, UsageError
from bintally.topics import Station
from tests.warehouse.ledger.samples import EPOCH, RULES, STATION, at, books, count
from warehouse.ledger import Ledger, bins, cases, deliveries
from warehouse.ledger.bins import Bin
from warehouse.ledger.corrections import Correction, correct
from warehouse.ledger.events import take
from warehouse.ledger.expectations import Imported, Row, expect
from warehouse.ledger.replay import replay

HERE = STATION.site


def said(ledger: Ledger, *rows: Row, now_s: float = 0) -> Imported:
    with ledger.begin() as tx:
        return expect(tx, rows, "me", "csv", at(now_s))


def seen(ledger: Ledger, quantity: int, taken_s: float, number: int, bin_: str = "A") -> None:
    with ledger.begin() as tx:
        take(tx, [count(number, bin_, quantity, taken_s)], RULES, at(taken_s))


def found(ledger: Ledger, quantity: int, at_s: float, **more: Any) -> bool:
    with ledger.begin() as tx:
        return correct(tx, Correction(HERE, "A", quantity, "ann", at(at_s), "recount", f"key {at_s}", **more), at(at_s))


def look(ledger: Ledger, bin_: str = "A") -> Bin:
    with ledger.read() as tx:
        known = bins.bin_of(tx, HERE, bin_)
    assert known is not None
    return known


def told(ledger: Ledger) -> list[tuple[str, Any]]:
    with ledger.begin() as tx:
        due = deliveries.due(tx, "expected", at(10_000), 100)
        deliveries.done(tx, [one.number for one in due])
    return [(one.target.rpartition("/")[2], json.loads(one.payload)["quantity"] if one.payload else None) for one in due]


def test_only_what_the_books_say_anew_is_kept(ledger: Ledger) -> None:
    rows = [books(number % 7, 0, f"B{number}") for number in range(1500)]
    assert said(ledger, *rows) == Imported(changed=1500)
    assert said(ledger, *rows, now_s=10) == Imported(same=1500)
    other = [books(9, 20, "B3"), books(1, 20, "B1", article="x"), books(2, 20, "B2", value=2.0), *rows[4:]]
    assert said(ledger, *other, now_s=20) == Imported(changed=3, same=1496)
    assert (look(ledger, "B3").view.expected, look(ledger, "B3").view.expected_at) == (9, at(20))
    assert (look(ledger, "B1").view.article, look(ledger, "B1").view.expected_at) == ("x", at(0))  # the same quantity, since then


def test_what_was_never_there_need_not_be_taken_back(ledger: Ledger) -> None:
    assert said(ledger, books(None, 0)) == Imported(same=1)
    assert said(ledger, books(4, 1), now_s=1) == Imported(changed=1)
    assert said(ledger, books(None, 2), now_s=2) == Imported(changed=1)
    assert said(ledger, books(None, 3), now_s=3) == Imported(same=1)
    assert look(ledger).view.expected is None


def test_books_that_come_late_change_nothing(ledger: Ledger) -> None:
    said(ledger, books(4, 100), now_s=100)
    assert said(ledger, books(6, 50), now_s=101) == Imported(late=1)
    assert look(ledger).view.expected == 4


def test_counts_from_before_do_not_speak_of_what_the_books_say_now(ledger: Ledger) -> None:
    for number in (1, 2, 3):
        seen(ledger, 3, number, number)
    said(ledger, books(5, 10), now_s=10)
    assert (look(ledger).view.p_wrong, look(ledger).case, look(ledger).view.counted) == (None, None, 3)
    with ledger.begin() as tx:
        take(tx, [count(4, "A", 3, 9)], RULES, at(11))
    assert look(ledger).view.p_wrong is None


def test_counts_since_speak_of_it_at_once(ledger: Ledger) -> None:
    for number in (1, 2, 3, 4):
        seen(ledger, 3, 10 * number, number)
    said(ledger, books(5, 15), now_s=50)
    known = look(ledger)
    assert known.case is not None
    assert (known.case.kind, known.case.likely, known.case.expected) == ("mismatch", 3, 5)
    with ledger.begin() as tx:
        assert replay(tx).bins.changed == 0


def test_a_discrepancy_goes_on_while_the_books_change_with_the_error_in_them_and_is_superseded_when_they_say_nothing(
    ledger: Ledger,
) -> None:
    said(ledger, books(5, 0))
    for number in (1, 2):
        seen(ledger, 3, number, number)
    assert look(ledger).case is not None
    said(ledger, books(5, 10, value=10.0), now_s=10)
    dear = look(ledger).case
    assert dear is not None
    assert dear.cost > 10
    said(ledger, books(4, 20), now_s=20)  # one was picked
    picked = look(ledger).case
    assert picked is not None
    assert (picked.number, picked.expected, picked.likely) == (1, 4, 2)
    said(ledger, books(None, 30), now_s=30)
    with ledger.read() as tx:
        case = cases.case(tx, 1).case
        assert (case.state, case.outcome, case.settled_by) == ("settled", "superseded", "books")
        lines = [(line.what, line.who) for line in cases.history(tx, 1)]
    assert lines == [("opened", "counts"), ("changed", "counts"), ("changed", "books"), ("settled", "books")]
    assert look(ledger).case is None


def test_each_station_that_counts_a_bin_is_told_of_each_change(ledger: Ledger) -> None:
    said(ledger, books(5, 0), books(1, 0, "B"))
    assert told(ledger) == []
    seen(ledger, 5, 1, 1)
    with ledger.begin() as tx:
        take(tx, [count(1, "A", 5, 2, Station(HERE, "other"))], RULES, at(2))
    assert told(ledger) == [("A", 5), ("A", 5)]
    said(ledger, books(6, 10), now_s=10)
    assert told(ledger) == [("A", 6), ("A", 6)]
    said(ledger, books(6, 20, article="x"), now_s=20)
    assert told(ledger) == []
    said(ledger, books(None, 30), now_s=30)
    assert told(ledger) == [("A", None), ("A", None)]
    found(ledger, 3, 40)
    assert told(ledger) == [("A", 3), ("A", 3)]


def test_a_correction_settles_the_discrepancy_and_becomes_what_the_books_are_held_to(ledger: Ledger) -> None:
    said(ledger, books(5, 0))
    for number in (1, 2):
        seen(ledger, 3, number, number)
    assert found(ledger, 3, 10, source=STATION.source, event_id=f"{EPOCH}-2")
    with ledger.read() as tx:
        case = cases.case(tx, 1).case
    assert (case.state, case.outcome, case.found, case.settled_by) == ("settled", "books wrong", 3, "ann")
    assert (look(ledger).view.expected, look(ledger).view.booked) == (3, 5)
    seen(ledger, 3, 20, 3)
    assert look(ledger).case is None
    assert not found(ledger, 4, 10)  # the same key
    assert look(ledger).view.expected == 3


def test_who_looked_is_believed_against_the_counters_old_mistake(ledger: Ledger) -> None:
    said(ledger, books(5, 0))
    for number in (1, 2):
        seen(ledger, 3, number, number)
    found(ledger, 5, 10)
    with ledger.begin() as tx:
        assert cases.case(tx, 1).case.outcome == "books right"
        for number in range(3, 30):
            take(tx, [count(number, "A", 3, 10 + number, trigger="heartbeat")], RULES, at(10 + number))
    assert look(ledger).case is None


def test_books_that_repeat_themselves_do_not_undo_a_correction(ledger: Ledger) -> None:
    said(ledger, books(5, 0))
    found(ledger, 3, 10)
    assert said(ledger, books(5, 20), now_s=20) == Imported(same=1)
    assert look(ledger).view.expected == 3
    assert said(ledger, books(3, 30), now_s=30) == Imported(changed=1)  # they have been put right
    assert said(ledger, books(5, 40), now_s=40) == Imported(changed=1)  # and two came in
    assert look(ledger).view.expected == 5


def test_a_correction_from_before_the_books_moved_is_kept_and_changes_nothing(ledger: Ledger) -> None:
    said(ledger, books(5, 100), now_s=100)
    assert found(ledger, 3, 50)
    assert look(ledger).view.expected == 5


def test_a_bin_nobody_booked_can_be_corrected(ledger: Ledger) -> None:
    found(ledger, 3, 10)
    assert (look(ledger).view.expected, look(ledger).view.booked_at) == (3, None)


@pytest.mark.parametrize(
    ("values", "text"),
    [
        ({"quantity": -1}, "quantity = -1: must be 0 to 1000000"),
        ({"quantity": 10**9}, "quantity = 1000000000: must be"),
        ({"bin": ""}, "bin = '': must have 1 to 255 characters"),
        ({"bin": "x" * 256}, "not 256"),
        ({"bin": "a\0b"}, "holds characters that are no text"),
        ({"site": "\ud800"}, "holds characters that are no text"),
        ({"article": ""}, "article = ''"),
        ({"value": float("nan")}, "value = nan"),
        ({"value": -0.5}, "value = -0.5"),
        ({"at": at(0) + timedelta(days=30)}, "is of a day to come"),
        ({"at": datetime(2026, 1, 1)}, "has no time zone"),  # noqa: DTZ001
    ],
)
def test_books_that_cannot_be_are_refused_and_change_nothing(ledger: Ledger, values: dict[str, Any], text: str) -> None:
    with pytest.raises(InputError, match=text):  # noqa: PT012
        rows = [books(1, 0, "B"), Row(**{"site": HERE, "bin": "A", "quantity": 1, **values})]
        said(ledger, *rows)
    with ledger.read() as tx:
        assert bins.bins(tx).rows == []


def test_a_bin_that_is_named_twice_is_refused(ledger: Ledger) -> None:
    with pytest.raises(InputError, match="bin 'A' of site 'hall 1': is named twice"):
        said(ledger, books(1, 0), books(1, 0))


def test_people_move_a_discrepancy_and_each_step_is_logged_and_told(ledger: Ledger) -> None:
    said(ledger, books(5, 0))
    for number in (1, 2):
        seen(ledger, 3, number, number)
    with ledger.begin() as tx:
        assert cases.assign(tx, 1, "bob", "ann", at(10)).state == "recount"
        assert cases.assign(tx, 1, "eve", "ann", at(11)).assigned_to == "eve"
        assert cases.release(tx, 1, "ann", at(12)).state == "open"
        settled = cases.settle(tx, 1, 3, "bob", at(13), "api")
        assert (settled.state, settled.outcome, settled.found, settled.changed_at) == ("settled", "books wrong", 3, at(13))
        assert [(line.what, line.who, line.at) for line in cases.history(tx, 1)] == [
            ("opened", "counts", at(2)),
            ("assigned", "ann", at(10)),
            ("assigned", "ann", at(11)),
            ("released", "ann", at(12)),
            ("settled", "bob", at(13)),
        ]
        states = [json.loads(one.payload)["data"]["state"] for one in deliveries.due(tx, "discrepancy", at(100), 10)]
    assert states == ["open", "recount", "recount", "open", "settled"]


@pytest.mark.parametrize("step", ["assign", "release", "settle"])
def test_a_settled_discrepancy_stays_settled(ledger: Ledger, step: str) -> None:
    said(ledger, books(5, 0))
    for number in (1, 2):
        seen(ledger, 3, number, number)
    todo: Callable[[sa.Connection], object] = {
        "assign": lambda tx: cases.assign(tx, 1, "bob", "ann", at(20)),
        "release": lambda tx: cases.release(tx, 1, "ann", at(20)),
        "settle": lambda tx: cases.settle(tx, 1, 4, "bob", at(20)),
    }[step]
    with ledger.begin() as tx:
        with (
            pytest.raises(UsageError, match="is open; only one that somebody was sent to")
            if step == "release"
            else pytest.raises(InputError)
        ):
            todo(tx) if step == "release" else cases.assign(tx, 1, "", "ann", at(20))
        cases.settle(tx, 1, 3, "bob", at(13))
        before = cases.case(tx, 1)
        with pytest.raises(UsageError, match=r"discrepancy 1: is settled already \(books wrong, by bob\)"):
            todo(tx)
        assert cases.case(tx, 1) == before


@pytest.mark.parametrize("number", [0, -1, 2, 10**30])
def test_a_discrepancy_that_is_not_there_is_told(ledger: Ledger, number: int) -> None:
    with ledger.begin() as tx, pytest.raises(InputError, match=f"discrepancy {number}: there is none of this number"):
        cases.settle(tx, number, 3, "bob", at(1))
