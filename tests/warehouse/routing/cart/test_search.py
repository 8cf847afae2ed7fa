"""The search against brute force, the split of usual orders, and plans timed from the problem's definition."""

from dataclasses import replace

import numpy as np
import pytest

from bintally.errors import UsageError
from bintally.layouts import Cart, Ladder, PickList, Place
from bintally.layouts.generate import regular_ladder, uniform_list
from tests.warehouse.routing.cart.reference import brute_force_s
from warehouse.routing.cart.draft import draft_of, draft_s, empty_draft, ground_of, order_of
from warehouse.routing.cart.problem import cart_problem
from warehouse.routing.cart.ruin import Work, recreate, ruin, ruin_events
from warehouse.routing.cart.schedule import Loop, Push, Schedule, Stay
from warehouse.routing.cart.search import solve_search
from warehouse.routing.cart.split import split
from warehouse.routing.cart.useful import narrowed
from warehouse.routing.cart.walk import s_shapes, short_walk
from warehouse.routing.chance import Chance

CARTS = (
    Cart(),
    Cart(hands=1),
    Cart(hands=2, push_m_s=0.2),
    Cart(hands=None, park_s=20.0),
    Cart(hands=3, push_m_s=1.4, park_s=0.0),
    Cart(hands=2, in_aisles=False),
)


def random_case(seed: int, handfuls: int) -> tuple[Ladder, PickList, Cart]:
    """At most so many handfuls, often several of one place; depots anywhere, often several ends."""
    rng = np.random.default_rng(seed)
    cart = CARTS[seed % len(CARTS)]
    aisles, cross_aisles = int(rng.integers(1, 5)), int(rng.integers(2, 4))
    rows = cross_aisles if cart.in_aisles else 1
    start, *ends = (Place(int(rng.integers(aisles)), int(rng.integers(rows)), float(rng.integers(4))) for _ in range(4))
    ladder = regular_ladder(aisles, cross_aisles, block_m=float(rng.choice([6.0, 15.0])), depot=start.column, row=start.cross_aisle)
    ladder = replace(ladder, start=start, ends=tuple(ends[: rng.integers(1, 4)]) if rng.random() < 0.5 else (start,))
    while True:
        picks = uniform_list(rng, ladder, int(rng.integers(1, handfuls + 1)), most_items=int(rng.choice([1, 4])))
        if cart_problem(ladder, picks, cart).handfuls <= handfuls:
            return ladder, picks, cart


def loops_of(schedule: Schedule) -> list[Loop]:
    return [loop for step in schedule.steps if isinstance(step, Stay) for loop in step.loops]


def check_against_brute_force(seeds: range, handfuls: int) -> None:
    optimal = 0
    for seed in seeds:
        ladder, picks, cart = random_case(seed, handfuls)
        best_s = brute_force_s(ladder, picks, cart)
        found = solve_search(cart_problem(ladder, picks, cart), iterations=300, seed=seed)
        assert found.time_s >= best_s - 1e-9
        assert (found.method, found.proven_optimal) == ("search", False)
        optimal += found.time_s <= best_s + 1e-9
    assert optimal >= 0.97 * len(seeds)


def test_it_finds_the_optimum_of_tiny_lists_and_nothing_better() -> None:
    check_against_brute_force(range(60), handfuls=4)


@pytest.mark.long
def test_it_finds_the_optimum_of_many_small_lists() -> None:
    check_against_brute_force(range(1000, 1600), handfuls=5)


@pytest.mark.parametrize("iterations", [0, 50])
def test_it_is_no_worse_than_the_best_plan_of_a_usual_order(iterations: int) -> None:
    for seed in range(20):
        problem = narrowed(cart_problem(*random_case(seed, 30)))
        found_s = solve_search(problem, iterations=iterations).time_s
        for order in (short_walk(problem), *s_shapes(problem)):
            assert found_s <= split(problem, order)[0] + 1e-9


def test_the_same_seed_and_iterations_give_the_same_schedule() -> None:
    ladder = regular_ladder(10, 3)
    problem = cart_problem(ladder, uniform_list(np.random.default_rng(1), ladder, 30), Cart())
    assert solve_search(problem, iterations=200, seed=3) == solve_search(problem, iterations=200, seed=3)
    assert len({solve_search(problem, iterations=200, seed=seed).time_s for seed in range(8)}) > 1


def test_without_picks_nobody_moves() -> None:
    ladder = regular_ladder(3, 2)
    assert solve_search(cart_problem(ladder, PickList.of(ladder, []), Cart())).steps == ()


def test_one_pick_near_the_depot_is_fetched_on_foot() -> None:
    ladder = regular_ladder(3, 2)
    picks = uniform_list(np.random.default_rng(4), ladder, 1)
    found = solve_search(cart_problem(ladder, picks, Cart(push_m_s=0.1)))
    assert found.pushed_m == 0.0
    assert [[point.pick for point in loop.path if point.pick is not None] for loop in loops_of(found)] == [[0]]


def test_hands_are_never_overfull_where_places_hold_more_than_they_can_carry() -> None:
    ladder = regular_ladder(6, 2)
    picks = uniform_list(np.random.default_rng(0), ladder, 10, most_items=9)
    found = solve_search(cart_problem(ladder, picks, Cart(hands=4, push_m_s=0.1)))
    loops = loops_of(found)
    assert max(loop.items for loop in loops) <= 4
    assert sum(loop.items for loop in loops) == picks.quantities.sum()


def test_a_cart_as_fast_as_the_worker_is_pushed_through_full_aisles() -> None:
    ladder = regular_ladder(4, 2)
    found = solve_search(cart_problem(ladder, uniform_list(np.random.default_rng(0), ladder, 40), Cart(push_m_s=1.4, hands=1)))
    assert all(isinstance(step, Push) for step in found.steps)
    assert found.walked_m == 0.0


def test_a_cart_that_must_stay_out_of_aisles_stays_in_its_cross_aisle() -> None:
    ladder = regular_ladder(5, 3, row=1)
    found = solve_search(cart_problem(ladder, uniform_list(np.random.default_rng(0), ladder, 20), Cart(in_aisles=False)))
    assert {point.y_m for step in found.steps if isinstance(step, Push) for point in step.path} <= {16.0}


@pytest.mark.parametrize("seed", range(12))
def test_a_ruined_and_recreated_draft_holds_each_handful_once_and_knows_its_time(seed: int) -> None:
    problem = cart_problem(*random_case(seed, 20))
    ground, draft = ground_of(problem), empty_draft(problem)
    chance: Chance = np.array([seed + 1], np.uint64)
    n = problem.handfuls
    work = Work(np.empty(n, np.int64), np.empty(n), np.empty(problem.stands))
    for change in range(30):
        recreate(ground, draft, 0.1, -1, chance, work)
        order = order_of(problem, draft)
        assert sorted(order.tolist()) == list(range(n))
        plan = split(problem, order)[1]
        assert draft_s(ground, draft_of(problem, plan)) <= split(problem, order)[0] - problem.fixed_s + 1e-9
        (ruin_events if change % 3 == 0 else ruin)(ground, draft, chance)


@pytest.mark.parametrize(("iterations", "seed"), [(-1, 0), (10, -1)])
def test_negative_iterations_and_seeds_are_refused(iterations: int, seed: int) -> None:
    ladder = regular_ladder(3, 2)
    problem = cart_problem(ladder, uniform_list(np.random.default_rng(0), ladder, 3), Cart())
    with pytest.raises(UsageError, match="neither may be negative"):
        solve_search(problem, iterations=iterations, seed=seed)
