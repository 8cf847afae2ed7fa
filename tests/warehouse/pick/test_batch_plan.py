"""Pick lists of whole books: waves, zones, carts and due times."""

from __future__ import annotations

import dataclasses
import itertools
import math
import random
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from bintally.errors import InputError
from bintally.layouts import Cart, Order, OrderBook, PickList, Shelf, Ways, Zone
from bintally.layouts.generate import regular_ladder
from warehouse.batching.batches import Batches, judged
from warehouse.batching.problem import BatchProblem
from warehouse.batching.simple import first_come
from warehouse.batching.solve import Objective
from warehouse.pick.batch import batcher
from warehouse.pick.batch.batcher import Asked
from warehouse.pick.batch.plan import plan
from warehouse.routing.cart.best import best_schedule
from warehouse.routing.cart.problem import cart_problem
from warehouse.routing.exact import optimal_length_m

LADDER = regular_ladder(4, 2, block_m=20.0)
SHELVES = tuple(Shelf(f"a{number}", number % 4, 0, 3.0 + number) for number in range(12))
LEFT_RIGHT = (Zone("left", (0, 1)), Zone("right", (2, 3)))
FIRST_COME = Asked("first-come")


def book(orders: Sequence[Order], **more: Any) -> OrderBook:
    given: dict[str, Any] = {"limits": {"items": 4.0}, "loads": {shelf.article: (1.0,) for shelf in SHELVES}, **more}
    return OrderBook("a.toml", LADDER, SHELVES, tuple(orders), **given)


def drawn(seed: int, *, waves: int, dues: Sequence[float | None], orders: int = 6) -> list[Order]:
    draw = random.Random(seed)  # noqa: S311  # no secret
    return [
        Order(
            f"o{number}",
            {f"a{article}": 1 for article in draw.sample(range(12), draw.randint(1, 2))},
            f"w{draw.randrange(waves)}",
            due_s=draw.choice(dues),
        )
        for number in range(orders)
    ]


def length_m(of: OrderBook, lines: Sequence[Mapping[str, int]]) -> float:
    return optimal_length_m(LADDER, picks(of, lines))


def picks(of: OrderBook, lines: Sequence[Mapping[str, int]]) -> PickList:
    wanted = Counter(dict[str, int]())
    for one in lines:
        wanted.update(one)
    where = {shelf.article: shelf for shelf in of.shelves}
    return PickList.of(LADDER, [(where[article], quantity) for article, quantity in wanted.items()])


def time_s(of: OrderBook, lines: Sequence[Mapping[str, int]]) -> float:
    return length_m(of, lines) / 1.4 + 5 * len(picks(of, lines))


def test_waves_and_zones_are_never_mixed_and_all_is_picked_once() -> None:
    of = book(drawn(1, waves=2, dues=[None], orders=12), zones=LEFT_RIGHT)
    found = plan(of, FIRST_COME)
    assert found.turns is None
    assert [(batch.wave, batch.zone) for batch in found.batches] == sorted(
        ((batch.wave, batch.zone) for batch in found.batches), key=lambda key: (key[0] != of.orders[0].wave, key[1])
    )
    picked = Counter[tuple[int, str]]()
    for batch in found.batches:
        columns = next(zone.columns for zone in LEFT_RIGHT if zone.name == batch.zone)
        lines = [{article: 1 for article in of.orders[order].lines if int(article[1:]) % 4 in columns} for order in batch.orders]
        assert {of.orders[order].wave for order in batch.orders} == {batch.wave}
        assert sum(sum(one.values()) for one in lines) <= 4
        assert batch.length_m == pytest.approx(length_m(of, lines))
        assert batch.time_s == pytest.approx(time_s(of, lines))
        picked.update((order, article) for order, one in zip(batch.orders, lines, strict=True) for article in one)
    assert picked == Counter((number, article) for number, order in enumerate(of.orders) for article in order.lines)
    assert found.lower_bound_m <= found.total_length_m + 1e-9


def test_carts_are_those_of_each_wave_and_zone_and_the_caller_may_change_them() -> None:
    of = book([Order(f"o{number}", {"a0": 1, "a1": 1}) for number in range(4)], carts=2)
    assert len(plan(of, FIRST_COME).batches) == 2
    with pytest.raises(InputError, match="1 carts"):
        plan(of, dataclasses.replace(FIRST_COME, carts=1))


def test_with_a_cart_a_list_takes_the_time_of_its_best_schedule() -> None:
    of = book(drawn(2, waves=1, dues=[90_000.0]), cart=Cart(hands=1), pickers=1)
    found = plan(of, dataclasses.replace(FIRST_COME, cart={"pick_s": 7.0}))
    assert found.with_cart
    assert found.turns is not None
    for batch, turn in zip(found.batches, found.turns, strict=True):
        problem = cart_problem(LADDER, picks(of, [of.orders[order].lines for order in batch.orders]), Cart(hands=1, pick_s=7.0))
        assert batch.time_s == pytest.approx(best_schedule(problem).time_s)
        assert turn.ends_s - turn.begins_s == pytest.approx(batch.time_s)


def test_what_is_due_early_does_not_wait_for_what_is_due_late() -> None:
    near, far = {"a0": 1}, {"a3": 1, "a11": 1}
    orders = [
        Order("far", far, due_s=3600),
        Order("near", near, due_s=40),
        Order("near too", near, due_s=40),
        Order("far too", far, due_s=3600),
    ]
    assert time_s(book(orders), [far, near]) > 40 > time_s(book(orders), [near, near])
    found = plan(book(orders), FIRST_COME)
    assert [batch.orders for batch in found.batches] == [(1, 2), (0, 3)]
    assert not found.late_s
    uncut = plan(book([dataclasses.replace(order, due_s=3600) for order in orders]), FIRST_COME)
    assert [batch.orders for batch in uncut.batches] == [(0, 1, 2), (3,)]


def test_an_order_that_cannot_be_there_in_time_is_refused() -> None:
    orders = [Order("A", {"a0": 1}, due_s=29_000), Order("B", {"a3": 1, "a11": 1}, due_s=28_830)]
    of = book(orders, begin_s=28_800)
    there = 28_800 + math.ceil(time_s(of, [orders[1].lines]))
    text = f"08:{there % 3600 // 60:02d}:{there % 60:02d}"
    with pytest.raises(InputError, match=rf"orders\[1\]: order 'B' is due at 08:00:30, but .* from 08:00:00 on, it is there at {text} at"):
        plan(of, FIRST_COME)


def test_one_way_aisles_are_refused() -> None:
    of = book(drawn(0, waves=1, dues=[None]))
    with pytest.raises(InputError, match="one-way"):
        plan(dataclasses.replace(of, ladder=dataclasses.replace(LADDER, ways=Ways((1, 0, 0, 0), (0, 0)))), FIRST_COME)


def slow_plans(of: OrderBook) -> Iterator[tuple[int, float, float]]:
    """All ways to cut waves between due times: cuts, seconds late, metres."""
    waves = list(dict.fromkeys(order.wave for order in of.orders))
    zones = [zone.columns for zone in of.zones] or [(0, 1, 2, 3)]
    due_of = [math.inf if order.due_s is None else order.due_s for order in of.orders]
    times = [sorted({due for due, order in zip(due_of, of.orders, strict=True) if order.wave == wave}) for wave in waves]
    for kept in itertools.product(*(itertools.product([False, True], repeat=len(wave) - 1) for wave in times)):
        jobs: list[tuple[float, float, list[int]]] = []
        metres = 0.0
        for wave, wave_times, cut in zip(waves, times, kept, strict=True):
            last = -math.inf
            for until in [*itertools.compress(wave_times, cut), math.inf]:
                members = [n for n, order in enumerate(of.orders) if order.wave == wave and last < due_of[n] <= until]
                last = until
                for columns in zones:
                    for batch in slow_first_come(of, members, columns):
                        lines = [part(of, order, columns) for order in batch]
                        metres += length_m(of, lines)
                        jobs.append((min(due_of[order] for order in batch), time_s(of, lines), batch))
        free, late = [of.begin_s] * of.pickers, dict[int, float]()
        for _, seconds, batch in sorted(jobs, key=lambda job: job[0]):
            picker = free.index(min(free))
            free[picker] += seconds
            for order in batch:
                if free[picker] > due_of[order] + 1e-6:
                    late[order] = max(late.get(order, 0), free[picker] - due_of[order])
        yield sum(map(sum, kept)), sum(late.values()), metres


def part(of: OrderBook, order: int, columns: Sequence[int]) -> dict[str, int]:
    return {article: items for article, items in of.orders[order].lines.items() if int(article[1:]) % 4 in columns}


def slow_first_come(of: OrderBook, members: Sequence[int], columns: Sequence[int]) -> list[list[int]]:
    batches: list[list[int]] = []
    items = math.inf
    for order in members:
        size = sum(part(of, order, columns).values())
        if size:
            if items + size > 4:
                batches.append([])
                items = 0
            batches[-1].append(order)
            items += size
    return batches


@given(st.integers(0, 10**9), st.sampled_from([(), LEFT_RIGHT]), st.integers(1, 2), st.integers(1, 2))
@settings(max_examples=60, deadline=None)
def test_as_few_cuts_as_are_needed_and_of_these_the_shortest(seed: int, zones: tuple[Zone, ...], waves: int, pickers: int) -> None:
    of = book(drawn(seed, waves=waves, dues=[80.0, 130.0, 220.0, None]), zones=zones, pickers=pickers)
    assume(any(order.due_s for order in of.orders))
    alone = {
        number: [
            time_s(of, [lines]) for columns in [zone.columns for zone in zones] or [(0, 1, 2, 3)] if (lines := part(of, number, columns))
        ]
        for number, order in enumerate(of.orders)
        if order.due_s
    }
    if any(max(*times, sum(times) / pickers) > (of.orders[number].due_s or 0) + 1e-6 for number, times in alone.items()):
        with pytest.raises(InputError, match="at the earliest"):
            plan(of, FIRST_COME)
        return
    found, ways = plan(of, FIRST_COME), list(slow_plans(of))
    on_time = [(cuts, metres) for cuts, late, metres in ways if late == 0]
    if on_time:
        assert not found.late_s
        assert found.total_length_m == pytest.approx(min(on_time)[1])
    else:
        late = min(late for _, late, _ in ways)
        assert sum(found.late_s.values()) == pytest.approx(late)
        assert found.total_length_m == pytest.approx(min(metres for _, of_way, metres in ways if of_way < late + 1e-6))


def fake_search(monkeypatch: pytest.MonkeyPatch, made: Any) -> list[dict[str, Any]]:
    """Let the methods that search make these batches, and tell with what they were called."""
    calls: list[dict[str, Any]] = []

    def solve(problem: BatchProblem, method: str, objective: Objective, **limits: Any) -> Batches:
        assert objective == Objective()
        if method == "alns":
            calls.append({"orders": len(problem), "carts": problem.carts, **limits})
            return made(problem)  # type: ignore[no-any-return]  # it makes batches
        return first_come(problem)

    monkeypatch.setattr(batcher, "solve", solve)
    return calls


def test_the_seconds_are_shared_by_size(monkeypatch: pytest.MonkeyPatch) -> None:
    calls = fake_search(monkeypatch, first_come)
    orders = [Order(f"o{number}", {"a0": 1}, "big" if number else "small") for number in range(4)]
    plan(book(orders), Asked("alns", seconds=8, iterations=5, patience=3, seed=7))
    assert calls == [
        {"orders": 1, "carts": None, "seconds": 2, "iterations": 5, "patience": 3, "seed": 7},
        {"orders": 3, "carts": None, "seconds": 6, "iterations": 5, "patience": 3, "seed": 7},
    ]


@pytest.mark.parametrize("carts", [None, 2, 3])
def test_the_sections_of_a_wave_share_its_carts(carts: int | None, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = fake_search(monkeypatch, first_come)
    near, far = {"a0": 1}, {"a3": 1, "a11": 1}
    orders = [Order(f"o{number}", far if number % 2 else near, due_s=3600 if number % 2 else 40) for number in range(4)]
    found = plan(book(orders, carts=carts), Asked("alns", iterations=1))
    assert not found.late_s
    assert [call["orders"] for call in calls] == [2, 2]
    assert [call["carts"] for call in calls] == ([None, None] if carts is None else [1, carts - 1])


def test_where_searched_batches_would_be_late_the_draft_stands(monkeypatch: pytest.MonkeyPatch) -> None:
    def one_each(problem: BatchProblem) -> Batches:
        return judged(problem, [[number] for number in range(len(problem))], "alns", seconds=0.0)

    fake_search(monkeypatch, one_each)
    orders = [Order(f"o{number}", {"a3": 1}, due_s=60) for number in range(3)]
    of = book(orders)
    assert 3 * time_s(of, [{"a3": 1}]) > 60
    found = plan(of, Asked("alns", iterations=1))
    assert [batch.orders for batch in found.batches] == [(0, 1, 2)]
    assert not found.late_s
