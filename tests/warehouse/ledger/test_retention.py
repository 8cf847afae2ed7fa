"""Retention: what is old goes, what somebody still needs stays, and views do not move."""

from __future__ import annotations

from typing import Any

import pytest
import sqlalchemy as sa

from bintally.errors import UsageError
from tests.warehouse.ledger.samples import EPOCH, RULES, STATION, at, books, count
from warehouse.ledger import Ledger, audit, cases, counts, dead_letters, holes
from warehouse.ledger.corrections import Correction, correct
from warehouse.ledger.events import take
from warehouse.ledger.expectations import expect
from warehouse.ledger.replay import replay
from warehouse.ledger.retention import Limits, Removed, remove
from warehouse.ledger.tables import AUDIT, BINS, EPOCHS

DAY_S = 86_400


class Letter:
    topic, payload, reason = "a/b", b"\xff", "no UTF-8"


def left(ledger: Ledger) -> list[str]:
    with ledger.read() as tx:
        return sorted(row.bin + row.event_id.rpartition("-")[2] for row in counts.page(tx, limit=1000).rows)


def views(ledger: Ledger) -> list[Any]:
    with ledger.read() as tx:
        return [list(map(tuple, tx.execute(sa.select(table).order_by(*table.primary_key)))) for table in (BINS, EPOCHS)]


@pytest.fixture
def old(ledger: Ledger) -> Ledger:
    """A: counted thrice; B: disagrees, so its discrepancy names a count, then counted again; C: a count that a correction names."""
    with ledger.begin() as tx:
        expect(tx, [books(5, 0, bin_) for bin_ in "ABC"], "me", "csv", at(0))
        take(tx, [count(number, "A", 5, number) for number in (1, 2, 3)], RULES, at(10))
        take(tx, [count(4, "B", 3, 11)], RULES, at(11))
        take(tx, [count(5, "B", 3, 12)], RULES, at(12))
        take(tx, [count(6, "B", 3, 13, trigger="heartbeat")], RULES, at(13))
        take(tx, [count(7, "C", 5, 14), count(8, "C", 5, 15), count(9, "C", 5, 16)], RULES, at(16))
        correct(tx, Correction(STATION.site, "C", 5, "me", at(17), "api", "k", STATION.source, f"{EPOCH}-7"), at(17))
        assert [one.case.event_id for one in cases.page(tx).rows] == [f"{EPOCH}-5"]
        take(tx, [count(10, "D", 5, 10 * DAY_S), count(11, "D", 5, 10 * DAY_S)], RULES, at(10 * DAY_S))
    return ledger


def test_old_counts_go_but_for_the_newest_and_those_that_are_named(old: Ledger) -> None:
    before = views(old)
    wanted = Removed(counts=4)
    assert remove(old, Limits(counts=1), at(11 * DAY_S - 10), dry_run=True) == wanted
    assert len(left(old)) == 11
    assert remove(old, Limits(counts=1), at(11 * DAY_S - 10), step=1) == wanted
    assert left(old) == ["A3", "B5", "B6", "C7", "C9", "D10", "D11"]
    assert views(old) == before
    assert remove(old, Limits(counts=1), at(11 * DAY_S - 10)) == Removed()


def test_replay_goes_on_from_what_retention_left(old: Ledger) -> None:
    remove(old, Limits(counts=1), at(11 * DAY_S - 10))
    with old.begin() as tx:
        take(tx, [count(12, "A", 5, 11 * DAY_S)], RULES, at(11 * DAY_S))
    before = views(old)
    with old.begin() as tx:
        assert replay(tx).bins.changed == 0
        tx.execute(sa.delete(BINS))
        tx.execute(sa.delete(EPOCHS))
        replay(tx)
    assert views(old) == before


def test_nobody_calls_an_event_missing_that_retention_took(old: Ledger) -> None:
    remove(old, Limits(counts=1), at(11 * DAY_S - 10))
    with old.begin() as tx:
        take(tx, [count(14, "A", 5, 11 * DAY_S)], RULES, at(11 * DAY_S))
        assert [(one.highest, one.held, one.missing) for one in holes.epochs(tx).rows] == [(14, 12, 2)]
        assert [(one.first, one.last) for one in holes.missing(tx, STATION.source, EPOCH)] == [(12, 13)]


def test_an_event_that_retention_took_is_taken_in_once_more_where_a_station_sends_it_again(old: Ledger) -> None:
    """It can't be known any more; as it is late, no view shows it."""
    remove(old, Limits(counts=1), at(11 * DAY_S - 10))
    before = views(old)[0]
    with old.begin() as tx:
        assert take(tx, [count(1, "A", 4, 1)], RULES, at(12 * DAY_S)) == {(STATION.source, f"{EPOCH}-1")}
    assert views(old)[0] == before


def test_a_settled_discrepancy_goes_with_its_log_and_an_open_one_stays(old: Ledger) -> None:
    with old.begin() as tx:
        cases.settle(tx, 1, 3, "bob", at(100))
    assert remove(old, Limits(audit=1), at(DAY_S)) == Removed()
    assert remove(old, Limits(audit=1), at(DAY_S + 101)) == Removed(discrepancies=1, audit=3)
    with old.begin() as tx:
        assert cases.page(tx).rows == []
        assert audit.of_discrepancy(tx, 1) == []
        assert tx.execute(sa.select(AUDIT.c.what)).scalars().all() == ["removed"]
        assert replay(tx).discrepancies.made == 0


def test_dead_letters_go_when_they_came_last_long_ago(ledger: Ledger) -> None:
    with ledger.begin() as tx:
        dead_letters.keep(tx, [Letter(), Letter()], at(0))
        dead_letters.keep(tx, [Letter()], at(DAY_S))
        (kept,) = dead_letters.newest(tx)
        assert (kept.times, kept.first_at, kept.last_at, kept.payload) == (3, at(0), at(DAY_S), b"\xff")
    assert remove(ledger, Limits(letters=1), at(2 * DAY_S)) == Removed()
    assert remove(ledger, Limits(letters=1), at(2 * DAY_S + 1)) == Removed(letters=1)


@pytest.mark.parametrize("days", [0, -1, float("nan"), float("inf"), 1e9])
def test_a_limit_that_is_none_is_wrong_use(days: float) -> None:
    with pytest.raises(UsageError, match="must be a number of days above 0"):
        Limits(counts=days)
