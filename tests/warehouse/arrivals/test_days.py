"""Simulated days: nothing is lost, nobody is in two places, nothing happens before it can."""

from __future__ import annotations

import dataclasses
import itertools

import numpy as np
import pytest

from bintally.errors import UsageError
from bintally.layouts import Cart, Order
from tests.warehouse.arrivals.samples import book_of, list_m, random_day, slow_first_come
from warehouse.arrivals.demand import Demand, demand_of
from warehouse.arrivals.figures import figures_of, times_of, waiting_of
from warehouse.arrivals.forming import Effort
from warehouse.arrivals.lists import Sizes
from warehouse.arrivals.release import Patience
from warehouse.arrivals.rules import RULES, Settings, rule_of
from warehouse.arrivals.simulate import Day, simulate

DAYS = [  # demand, pickers: idle, busy, overloaded, in waves, all at once
    (random_day(0, 30), 4),
    (random_day(1, 45), 2),
    (random_day(2, 60), 1),
    (random_day(3, 36, groups=3), 2),
    (random_day(4, 20, hours=1e-6), 3),
]


def day_of(rule: str, demand: Demand, pickers: int, settings: Settings | None = None) -> Day:
    return simulate(demand, pickers, rule_of(rule, Sizes(demand), settings or Settings(Patience(hold_s=300), window_s=240)))


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize(("demand", "pickers"), DAYS)
def test_every_order_is_picked_once_and_no_rule_is_broken(rule: str, demand: Demand, pickers: int) -> None:
    day = day_of(rule, demand, pickers)
    assert sorted(order for tour in day.tours for order in tour.orders) == list(range(len(demand)))
    for tour in day.tours:
        orders = list(tour.orders)
        assert demand.came_s[orders].max() <= tour.begins_s
        assert demand.problem.fits(orders)
        assert len(set(demand.groups[orders].tolist())) == 1
        length_m, places = list_m(demand, orders)
        assert tour.length_m == pytest.approx(length_m)
        assert tour.ends_s - tour.begins_s == pytest.approx(length_m / demand.cart.walk_m_s + places * demand.cart.pick_s)
    for picker in range(pickers):
        own = sorted((tour.begins_s, tour.ends_s) for tour in day.tours if tour.picker == picker)
        assert all(before[1] <= after[0] for before, after in itertools.pairwise(own))
    assert {tour.picker for tour in day.tours} <= set(range(pickers))


@pytest.mark.parametrize("pickers", [1, 2, 4])
@pytest.mark.parametrize("seed", range(5))
def test_first_come_is_what_a_ticking_clock_gives(seed: int, pickers: int) -> None:
    # metres and seconds that are multiples of the tick: then no tour is rounded
    demand = random_day(seed, 40)
    whole = dataclasses.replace(demand, came_s=np.round(demand.came_s), cart=Cart(walk_m_s=0.5, push_m_s=0.5, pick_s=3.0))
    found = [(tour.picker, tour.orders, tour.begins_s, tour.ends_s) for tour in day_of("first-come", whole, pickers).tours]
    expected = slow_first_come(whole, pickers, 1.0)
    assert [one[1] for one in found] == [one[1] for one in expected]
    np.testing.assert_allclose([one[2:] for one in found], [one[2:] for one in expected], atol=1e-6)


@pytest.mark.parametrize("rule", RULES)
def test_the_same_demand_gives_the_same_day(rule: str) -> None:
    demand, pickers = DAYS[1]
    assert day_of(rule, demand, pickers) == day_of(rule, demand, pickers)


def test_a_rule_knows_nothing_of_orders_to_come() -> None:
    demand = DAYS[1][0]
    swapped = dataclasses.replace(demand, due_s=np.where(np.arange(len(demand)) < 30, demand.due_s, demand.came_s + 200.0))
    until_s = demand.came_s[30]
    for rule in RULES:
        one, other = ([tour for tour in day_of(rule, which, 2).tours if tour.begins_s < until_s] for which in (demand, swapped))
        assert one == other


def test_no_list_waits_longer_than_it_may_be_held_while_a_picker_is_idle() -> None:
    demand = DAYS[0][0]
    for rule in ("rolling", "first-come-full"):
        day = day_of(rule, demand, 40, Settings(Patience(hold_s=200.0)))
        left_s, _ = times_of(demand, day)
        assert (left_s - demand.came_s).max() <= 200.0 + 1e-3
        assert {tour.why for tour in day.tours} <= {"full", "held"}


def test_windows_release_at_their_ends_only() -> None:
    demand = DAYS[0][0]
    day = day_of("window", demand, 40, Settings(window_s=240.0))
    phase = np.array([(tour.begins_s - demand.begin_s) / 240.0 for tour in day.tours])
    np.testing.assert_allclose(phase, np.round(phase), atol=1e-9)
    left_s, _ = times_of(demand, day)
    assert (left_s - demand.came_s).max() <= 240.0 + 1e-6


def test_an_order_that_is_due_soon_is_not_held() -> None:
    soon = [Order("soon", {"a2": 1}, came_s=100.0, due_s=100.0 + 200.0), Order("later", {"a2": 1}, came_s=0.0, due_s=1e5)]
    demand = demand_of(book_of(soon))
    day = day_of("rolling", demand, 1, Settings(Patience(hold_s=3000.0, margin_s=0.0)))
    (tour,) = day.tours
    assert tour.why == "due"
    assert tour.ends_s == pytest.approx(300.0, abs=1e-3)
    assert tour.orders == (0, 1)


def test_planning_beyond_the_horizon_waits_but_nothing_is_lost() -> None:
    demand, pickers = DAYS[2]
    day = day_of("rolling", demand, pickers, Settings(Patience(hold_s=60.0), Effort(horizon=8)))
    assert sorted(order for tour in day.tours for order in tour.orders) == list(range(len(demand)))


def test_planning_together_walks_less_than_first_come_of_the_same_patience() -> None:
    demand = random_day(5, 120)
    walked = {rule: sum(tour.length_m for tour in day_of(rule, demand, 3).tours) for rule in ("first-come-full", "rolling")}
    assert walked["rolling"] < 0.95 * walked["first-come-full"]


def test_too_few_pickers_are_told_as_overload() -> None:
    demand = dataclasses.replace(DAYS[2][0], cart=Cart(walk_m_s=0.2, push_m_s=0.2))
    for rule in RULES:
        alone = figures_of(demand, 1, day_of(rule, demand, 1))
        many = figures_of(demand, 8, day_of(rule, demand, 8))
        assert alone.overloaded
        assert not many.overloaded
        assert alone.last_waiting > many.last_waiting
        assert alone.at_work > 0.9


def test_figures_are_those_of_plain_sums() -> None:
    demand, pickers = DAYS[1]
    day = day_of("rolling", demand, pickers)
    found = figures_of(demand, pickers, day)
    waits, delays, late = [], [], []
    for tour in day.tours:
        for order in tour.orders:
            waits.append(tour.begins_s - demand.came_s[order])
            delays.append(tour.ends_s - demand.came_s[order])
            late.append(max(0.0, tour.ends_s - demand.due_s[order]))
    assert found.to_release_s == pytest.approx(sum(waits) / len(waits))
    assert found.to_depot_s == pytest.approx(sum(delays) / len(delays))
    assert found.late == pytest.approx(sum(value > 0 for value in late) / len(late))
    assert found.late_s == pytest.approx(sum(late) / max(1, sum(value > 0 for value in late)))
    assert found.at_work * pickers * (found.ends_s - demand.begin_s) == pytest.approx(found.work_s)
    at_s, waiting = waiting_of(demand, day)
    left_s, _ = times_of(demand, day)
    assert waiting.tolist() == [sum(demand.came_s[order] <= now < left_s[order] for order in range(len(demand))) for now in at_s]
    # Little's law: the time that orders wait, together, is the area below the queue
    assert float((waiting[:-1] * np.diff(at_s)).sum()) == pytest.approx(sum(waits))


def test_an_unknown_rule_is_told_with_the_nearest_one() -> None:
    with pytest.raises(UsageError, match="did you mean rolling"):
        day_of("roling", DAYS[0][0], 1)


@pytest.mark.long
@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("rule", RULES)
def test_many_days_break_no_rule(rule: str, seed: int) -> None:
    rng = np.random.default_rng(seed)
    demand = random_day(seed, int(rng.integers(1, 120)), hours=float(rng.uniform(0.2, 3)), groups=int(rng.integers(1, 4)))
    test_every_order_is_picked_once_and_no_rule_is_broken(rule, demand, int(rng.integers(1, 6)))
