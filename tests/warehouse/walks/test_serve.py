"""Pick lists: nothing is taken that is not there, and the walks are near the shortest."""

from __future__ import annotations

import itertools
import math
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bintally.errors import InputError, UsageError
from bintally.layouts import Cart, Order, PickList, Ways
from tests.warehouse.walks.halls import LADDER, orders, stock
from warehouse.routing.cart.schedule import Schedule
from warehouse.routing.exact import optimal_length_m
from warehouse.routing.tour import Tour, check_tour
from warehouse.walks.serve import Asked, Served, serve
from warehouse.walks.stock import Bin

ASKED = Asked(6, "savings")
METHODS = ("first-come", "savings", "alns")


def check(asked: Sequence[Order], bins: Sequence[Bin], capacity: int, served: Served) -> None:
    """Whatever the batches: all that is promised holds."""
    lines = {order.name: Counter(order.lines) for order in asked}
    listed = [name for one in served.lists for name in one.orders]
    assert sorted(listed + [one.order for one in served.refused]) == sorted(lines), "each order in one list, or refused"
    assert all(one.lacks for one in served.refused), "with a reason"
    taken = Counter[str]()
    for one in served.lists:
        of_order = {name: Counter[str]() for name in one.orders}
        for stop in one.stops:
            assert stop.quantity > 0
            of_order[stop.order][stop.bin.article] += stop.quantity
            taken[stop.bin.name] += stop.quantity
        assert of_order == {name: lines[name] for name in one.orders}, "wholly"
        assert sum(stop.quantity for stop in one.stops) <= capacity
        check_walk(one.walk.picks, [stop.bin for stop in one.stops], one.walk.found)
    sure = {one.name: one.sure for one in bins if one.shelf}
    assert all(items <= sure[name] for name, items in taken.items()), "no more than is believed to be there"


def check_walk(picks: PickList, bins: Sequence[Bin], found: Tour | Schedule) -> None:
    """Through the bins' places, in the sequence of the stops."""
    spots = dict.fromkeys((one.shelf.column, one.shelf.y_m) for one in bins if one.shelf)
    assert sorted(spots) == list(zip(picks.columns.tolist(), picks.y_m.tolist(), strict=True))
    if isinstance(found, Tour):
        check_tour(LADDER, picks, found)
        assert found.length_m == pytest.approx(optimal_length_m(LADDER, picks))
        assert list(spots) == [(int(picks.columns[pick]), float(picks.y_m[pick])) for pick in found.stops]


@settings(max_examples=40, deadline=None, derandomize=True)
@given(st.integers(0, 10**6), st.integers(0, 14), st.integers(0, 10), st.sampled_from(METHODS))
def test_every_order_is_wholly_in_a_list_or_named_with_its_reason_and_no_bin_gives_more_than_it_has(
    seed: int, bins: int, number: int, method: str
) -> None:
    rng = np.random.default_rng(seed)
    held, asked = stock(rng, bins), orders(rng, number)
    check(asked, held, 6, serve(asked, held, LADDER, Asked(6, method, iterations=20, seconds=None)))


def test_all_of_it_holds_with_a_cart():
    rng = np.random.default_rng(2)
    held, asked = stock(rng, 14), orders(rng, 8)
    cart = Cart(hands=2)
    served = serve(asked, held, LADDER, Asked(6, "savings", with_cart=True, cart=cart))
    check(asked, held, 6, served)
    for one in served.lists:
        assert isinstance(one.walk.found, Schedule)
        # no schedule is faster than walking the shortest tour, and picking
        least_s = optimal_length_m(LADDER, one.walk.picks) / cart.walk_m_s + cart.pick_s * len(one.walk.picks)
        assert one.walk.time_s >= least_s - 1e-9


def test_the_lists_are_near_the_shortest_of_all_choices():
    rng = np.random.default_rng(3)
    excess: list[float] = []
    while len(excess) < 12:
        held, asked = stock(rng, 7), orders(rng, 4, 2)
        served = serve(asked, held, LADDER, Asked(4, "savings"))
        if len(served.refused) < 2:
            names = {name for one in served.lists for name in one.orders}
            best_m = shortest_of_all([order for order in asked if order.name in names], held, 4)
            found_m = sum(one.walk.length_m for one in served.lists)
            assert found_m >= best_m - 1e-9
            excess.append(found_m / best_m - 1)
    assert np.mean(excess) < 0.02
    assert max(excess) < 0.2


def shortest_of_all(asked: Sequence[Order], bins: Sequence[Bin], capacity: int) -> float:
    """Every way to put orders into lists, and for each every way to share out the bins."""
    best_m = math.inf
    for parts in partitions(list(asked)):
        lines = [sum((Counter(order.lines) for order in part), Counter[str]()) for part in parts]
        if all(sum(one.values()) <= capacity for one in lines):
            free = {one.name: one.sure for one in bins if one.shelf}
            best_m = min(best_m, shared_m(lines, bins, free, best_m))
    return best_m


def shared_m(lines: Sequence[Counter[str]], bins: Sequence[Bin], free: dict[str, int], below_m: float) -> float:
    """The first list takes its bins in every possible way, and the others do of what is left."""
    if not lines:
        return 0.0
    best_m = below_m
    shelves = {one.name: one.shelf for one in bins if one.shelf}
    for taken in ways(list(lines[0].items()), bins, free):
        length_m = optimal_length_m(LADDER, PickList.of(LADDER, [(shelves[name], items) for name, items in taken.items()]))
        if length_m < best_m:
            left = {name: items - taken.get(name, 0) for name, items in free.items()}
            best_m = min(best_m, length_m + shared_m(lines[1:], bins, left, best_m - length_m))
    return best_m


def ways(lines: list[tuple[str, int]], bins: Sequence[Bin], free: dict[str, int]) -> Iterator[dict[str, int]]:
    """To take what is wanted."""
    if not lines:
        yield {}
        return
    (article, wanted), *others = lines
    names = [one.name for one in bins if one.article == article and one.name in free]
    for amounts in itertools.product(*(range(min(wanted, free[name]) + 1) for name in names)):
        if sum(amounts) == wanted:
            for rest in ways(others, bins, free):
                yield rest | {name: items for name, items in zip(names, amounts, strict=True) if items}


def partitions(items: list[Order]) -> Iterator[list[list[Order]]]:
    """Into any number of parts."""
    if not items:
        yield []
        return
    first, *rest = items
    for parts in partitions(rest):
        yield [[first], *parts]
        for index in range(len(parts)):
            yield [*parts[:index], [first, *parts[index]], *parts[index + 1 :]]


def test_the_same_orders_give_the_same_lists():
    rng = np.random.default_rng(4)
    held, asked = stock(rng, 14), orders(rng, 10)
    one, two = (serve(asked, held, LADDER, Asked(6, "alns", seconds=None, iterations=30)) for _ in range(2))
    assert [(each.orders, each.stops) for each in one.lists] == [(each.orders, each.stops) for each in two.lists]


def test_where_nothing_can_be_served_there_are_no_lists():
    served = serve([Order("O", {"bolt": 1})], [], LADDER, ASKED)
    assert served.lists == ()
    assert [one.order for one in served.refused] == ["O"]


def test_one_way_aisles_are_refused():
    ladder = replace(LADDER, ways=Ways((1, 0, 0, 0), (0, 0, 0)))
    with pytest.raises(InputError, match="one-way"):
        serve([Order("O", {"bolt": 1})], [], ladder, ASKED)


def test_an_unknown_method_is_refused():
    rng = np.random.default_rng(5)
    held = [one for one in stock(rng, 9) if one.shelf and one.sure]
    with pytest.raises(UsageError, match="savings"):
        serve([Order("O", {held[0].article: 1})], held, LADDER, Asked(6, "saving"))
