"""The ledger's belief over picks that the books are told of."""

from __future__ import annotations

from tests.warehouse.ledger.samples import RULES, at, books, count, sure
from warehouse.ledger import Ledger
from warehouse.ledger.bins import bin_of
from warehouse.ledger.events import take
from warehouse.ledger.expectations import expect


def p_wrong(ledger: Ledger, bin_: str) -> float:
    with ledger.read() as tx:
        found = bin_of(tx, "hall 1", bin_)
    assert found is not None
    assert found.view.p_wrong is not None
    return found.view.p_wrong


def test_doubt_adds_up_from_pick_to_pick_although_the_books_change_each_time(ledger: Ledger) -> None:
    doubts = []
    with ledger.begin() as tx:
        expect(tx, [books(5, 0)], "ann", "csv", at(1))
    for pick, expected in enumerate((4, 3, 2)):
        with ledger.begin() as tx:
            expect(tx, [books(expected, 10 + 10 * pick)], "wms", "http", at(10 + 10 * pick))
            seen = count(pick + 1, "A", expected - 1, 12 + 10 * pick, probabilities=sure(expected - 1, p=0.7))
            take(tx, [seen], RULES, at(13 + 10 * pick))
        doubts.append(p_wrong(ledger, "A"))
    assert 2.5 * doubts[0] < doubts[1] + doubts[0] < doubts[2] + doubts[0]


def test_books_that_are_put_right_close_the_alarm_and_raise_none(ledger: Ledger) -> None:
    with ledger.begin() as tx:
        expect(tx, [books(5, 0)], "ann", "csv", at(1))
        take(tx, [count(number, "A", 4, 1 + number) for number in range(1, 4)], RULES, at(9))
    assert p_wrong(ledger, "A") > 0.5
    with ledger.begin() as tx:
        expect(tx, [books(4, 10)], "wms", "http", at(11))
    assert p_wrong(ledger, "A") < 0.3
    with ledger.begin() as tx:
        take(tx, [count(4, "A", 4, 12)], RULES, at(13))
    assert p_wrong(ledger, "A") < 0.05
