"""Which orders can be served, and what the others lack."""

from __future__ import annotations

import numpy as np
import pytest

from bintally.errors import InputError
from bintally.layouts import Order, Shelf
from tests.warehouse.walks.halls import orders, stock
from warehouse.walks.admit import Lack, admit
from warehouse.walks.stock import Bin

HERE = Shelf("here", 0, 0, 4.0)


def lacks(bins: list[Bin], **lines: int) -> tuple[Lack, ...]:
    """Of an order with these lines."""
    _, refused = admit([Order("O", lines)], bins, 10)
    return refused[0].lacks if refused else ()


def test_each_reason_is_told():
    sure, unsure = Bin("A", "bolt", None, HERE, 2, 2), Bin("B", "bolt", None, HERE, 1, 4)
    lost = Bin("C", "bolt", None, None, 5, 5)
    assert lacks([sure, unsure], bolt=3) == ()
    assert lacks([sure], nut=3) == (Lack("unknown article", "nut", 3, 3),)
    assert lacks([sure], bolt=3) == (Lack("short", "bolt", 3, 1),)
    assert lacks([sure, unsure], bolt=5) == (Lack("uncertain", "bolt", 5, 2, ("B",)),)
    assert lacks([sure, unsure], bolt=7) == (Lack("short", "bolt", 7, 4),)
    assert lacks([sure, lost], bolt=7) == (Lack("no place", "bolt", 7, 5, ("C",)),)
    assert lacks([sure, lost], bolt=9) == (Lack("short", "bolt", 9, 7),)
    assert lacks([lost], bolt=9) == (Lack("no place", "bolt", 9, 9, ("C",)),)
    assert lacks([Bin("D", "bolt", None, HERE, 20, 20)], bolt=11) == (Lack("too large", None, 11, 1),)


def test_all_that_an_order_lacks_is_told():
    assert [lack.reason for lack in lacks([Bin("A", "bolt", None, HERE, 2, 2)], bolt=3, nut=9)] == ["short", "unknown article", "too large"]


def test_the_first_orders_are_served_first_and_one_that_is_not_served_takes_nothing():
    bins = [Bin("A", "bolt", None, HERE, 5, 5), Bin("B", "nut", None, HERE, 1, 1)]
    asked = [Order("1", {"bolt": 2}), Order("2", {"bolt": 3, "nut": 2}), Order("3", {"bolt": 3}), Order("4", {"bolt": 1})]
    served, refused = admit(asked, bins, 10)
    assert [order.name for order in served] == ["1", "3"]
    assert [(one.order, [lack.reason for lack in one.lacks]) for one in refused] == [("2", ["short"]), ("4", ["short"])]


def test_an_order_is_served_exactly_if_every_item_can_be_set_aside_one_by_one():
    rng = np.random.default_rng(1)
    for _ in range(100):
        bins, asked = stock(rng, 12), orders(rng, 8)
        served, refused = admit(asked, bins, 5)
        left = {one.name: one.sure for one in bins if one.shelf}
        expected = []
        for order in asked:
            taken = dict(left)
            items = [article for article, quantity in order.lines.items() for _ in range(quantity)]
            found = [next((one.name for one in bins if one.article == item and take_one(taken, one.name)), None) for item in items]
            if None not in found and len(items) <= 5:
                expected.append(order.name)
                left = taken
        assert [order.name for order in served] == expected
        assert sorted(expected + [one.order for one in refused]) == sorted(order.name for order in asked)
        assert all(one.lacks and all(lack.missing > 0 for lack in one.lacks) for one in refused)


def take_one(left: dict[str, int], name: str) -> bool:
    """Out of a bin, if anything is in it."""
    if left.get(name, 0) < 1:
        return False
    left[name] -= 1
    return True


@pytest.mark.parametrize("bad", [[Order("1", {"bolt": 1}), Order("1", {"bolt": 1})], [Order("1", {})], [Order("1", {"bolt": 0})]])
def test_orders_that_are_none_are_refused(bad: list[Order]) -> None:
    with pytest.raises(InputError, match=r"order '1'"):
        admit(bad, [Bin("A", "bolt", None, HERE, 9, 9)], 10)
