"""Demand from books, and drawn demand."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from bintally.errors import InputError, UsageError
from bintally.layouts import Order, Zone
from bintally.layouts.generate import random_book
from tests.warehouse.arrivals.samples import LADDER, book_of
from warehouse.arrivals.demand import PROFILE, clock, demand_of, spread_over


def test_orders_stand_in_the_sequence_in_which_they_came_whatever_the_file_says() -> None:
    demand = demand_of(book_of([Order("b", {"a1": 1}, came_s=50.0), Order("a", {"a2": 1}, came_s=10.0, due_s=99.0)]))
    assert demand.problem.names == ("a", "b")
    assert demand.came_s.tolist() == [10.0, 50.0]
    assert demand.due_s.tolist() == [99.0, math.inf]


def test_orders_that_came_before_the_pickers_begin_wait_for_them() -> None:
    demand = demand_of(replace(book_of([Order("a", {"a1": 1}), Order("b", {"a1": 1}, came_s=900.0)]), begin_s=600.0))
    assert demand.came_s.tolist() == [600.0, 900.0]


def test_waves_and_zones_are_groups_and_an_order_in_two_zones_is_an_order_in_each() -> None:
    orders = [Order("a", {"a0": 1, "a4": 2}), Order("b", {"a1": 1}), Order("c", {"a4": 1}, wave="night")]
    demand = demand_of(replace(book_of(orders), zones=(Zone("left", (0, 1, 2)), Zone("right", (3, 4)))))
    assert demand.problem.names == ("a (left)", "a (right)", "b", "c")
    left, right, b, c = demand.groups.tolist()
    assert left == b
    assert len({left, right, c}) == 3
    assert demand.problem.loads[:, 0].tolist() == [1.0, 2.0, 1.0, 1.0]


@pytest.mark.parametrize(
    ("order", "text"),
    [
        (Order("x", {"a1": 1}, came_s=100.0, due_s=100.0), "order x came at 0:01 and is due 100 s"),
        (Order("x", {"a1": 1}, came_s=100.0, due_s=math.nan), "order x came at 0:01"),
        (Order("x", {"a1": 1}, came_s=-5.0), "order x came -5 s after midnight"),
        (Order("x", {"a1": 1}, came_s=math.nan), "order x came nan s"),
        (Order("x", {"nails": 1}), "article nails lies nowhere"),
        (Order("x", {"a1": 9}), "no cart takes more than 4"),
        (Order("a", {"a1": 1}), "order a comes twice"),
    ],
)
def test_bad_orders_are_told_with_file_and_name(order: Order, text: str) -> None:
    with pytest.raises(InputError, match=text) as caught:
        demand_of(book_of([Order("a", {"a1": 1}), order]))
    assert str(caught.value).startswith("book.toml: ")


def test_a_book_without_orders_is_told() -> None:
    with pytest.raises(InputError, match=r"book.toml: there are no orders"):
        demand_of(book_of([]))


def test_arrivals_follow_the_profile_of_the_day() -> None:
    rng = np.random.default_rng(7)
    book = spread_over(random_book(rng, LADDER, 8000, articles=50), rng, begin_s=1000.0, hours=4.0, lead_s=60.0)
    came = np.array([order.came_s for order in book.orders])
    assert 1000 <= came.min() < came.max() <= 1000 + 4 * 3600
    counts, _ = np.histogram(came, np.linspace(1000, 1000 + 4 * 3600, len(PROFILE) + 1))
    expected = 8000 * np.array(PROFILE) / sum(PROFILE)
    # Pearson's statistic with 7 degrees of freedom exceeds 24.3 once in a thousand
    assert float(((counts - expected) ** 2 / expected).sum()) < 24.3
    assert all(order.due_s == order.came_s + 60.0 for order in book.orders)


def test_lorries_take_what_is_due_with_the_first_one_that_leaves_late_enough() -> None:
    rng = np.random.default_rng(8)
    book = spread_over(random_book(rng, LADDER, 200, articles=50), rng, begin_s=500.0, hours=2.0, lead_s=600.0, departures_s=1800.0)
    for order in book.orders:
        assert order.due_s is not None
        assert (order.due_s - 500.0) % 1800.0 == pytest.approx(0.0)
        assert order.came_s + 600.0 <= order.due_s < order.came_s + 600.0 + 1800.0


def test_a_day_of_no_hours_is_refused() -> None:
    rng = np.random.default_rng(9)
    with pytest.raises(UsageError, match="above 0"):
        spread_over(random_book(rng, LADDER, 2, articles=50), rng, begin_s=0.0, hours=0.0, lead_s=60.0)


def test_clocks_go_on_after_midnight() -> None:
    assert [clock(0.0), clock(29_100.0), clock(90_000.0)] == ["0:00", "8:05", "25:00"]
