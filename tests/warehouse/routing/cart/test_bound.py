"""The lower bound, and its parts, against brute force."""

from __future__ import annotations

import itertools
import math
from dataclasses import replace

import numpy as np
import pytest

from bintally.errors import UsageError
from bintally.layouts import Cart, Ladder, PickList
from bintally.layouts.generate import regular_ladder, uniform_list
from tests.warehouse.routing.cart.reference import Case, brute_force_s, tiny_case
from warehouse.routing.cart.bound import lower_bound_s
from warehouse.routing.cart.bounds.loops import best_loops, loop_sweep
from warehouse.routing.cart.bounds.parking import cheapest_parking, parking
from warehouse.routing.cart.bounds.shares import make_fair
from warehouse.routing.cart.bounds.states import Kind, transitions
from warehouse.routing.cart.problem import CartProblem, cart_problem


def problem_of(case: Case) -> CartProblem:
    return cart_problem(case.ladder, case.picks, case.cart)


def loops_from(problem: CartProblem, stand: int) -> dict[tuple[int, ...], float]:
    """The time of each loop, over all orders."""
    found = {}
    for size in range(1, problem.handfuls + 1):
        for loop in itertools.combinations(range(problem.handfuls), size):
            if problem.items[list(loop)].sum() <= problem.hands:
                found[loop] = min(walk_s(problem, stand, order) for order in itertools.permutations(loop))
    return found


def walk_s(problem: CartProblem, stand: int, order: tuple[int, ...]) -> float:
    between = sum(problem.walk_s[a, b] for a, b in itertools.pairwise(order))
    return float(problem.reach_s[stand, order[0]] + between + problem.reach_s[stand, order[-1]])


def plain_optimum_s(ladder: Ladder, picks: PickList, cart: Cart) -> float:
    """The shortest walk at walking speed, over all orders, and the picking."""
    points = [(int(column), float(y)) for column, y in zip(picks.columns, picks.y_m, strict=True)]
    start = (ladder.start.column, ladder.y_m[ladder.start.cross_aisle])
    best = math.inf
    for end, order in itertools.product(ladder.ends, itertools.permutations(points)):
        stops = [start, *order, (end.column, ladder.y_m[end.cross_aisle])]
        best = min(best, sum(ladder.distance_m(a, b) for a, b in itertools.pairwise(stops)) + end.walk_m)
    return best / cart.walk_m_s + ladder.start.walk_m / cart.push_m_s + cart.pick_s * len(picks)


def cheapest_parking_s(problem: CartProblem, share: np.ndarray) -> float:
    """By relaxing (sub-aisles pushed through, stands parked at, where the cart is) until nothing changes: for tiny problems."""
    taken_in = sorted(set(problem.sub_aisle.tolist()))
    found: dict[tuple[frozenset[int], frozenset[int], int], float] = {(frozenset(), frozenset(), problem.start): 0.0}
    waiting = list(found)
    while waiting:
        pushed, parked, stand = state = waiting.pop()
        further = [(pushed, parked | {stand}, stand, problem.cart.park_s)] if problem.may_park[stand] and stand not in parked else []
        for to, seconds, sub_aisle in zip(problem.move_to[stand], problem.move_s[stand], problem.move_sub_aisle[stand], strict=True):
            if to >= 0:
                further.append((pushed | ({int(sub_aisle)} & set(taken_in)), parked, int(to), float(seconds)))
        for through, at, there, seconds in further:
            key = (through, at, there)
            if found[state] + seconds < found.get(key, math.inf) - 1e-12:
                found[key] = found[state] + seconds
                waiting.append(key)
    out_s = {int(end): float(end_s) for end, end_s in sorted(zip(problem.ends, problem.end_s, strict=True), key=lambda way: -way[1])}

    def paid(pushed: frozenset[int], parked: frozenset[int]) -> float:
        rest = [one for one in range(problem.handfuls) if problem.sub_aisle[one] not in pushed]
        return sum(min((share[stand, one] for stand in parked), default=math.inf) for one in rest)

    return min(seconds + paid(pushed, parked) + out_s[stand] for (pushed, parked, stand), seconds in found.items() if stand in out_s)


def test_states_are_as_many_as_published():
    kinds = frozenset({Kind.EDGE, Kind.CROSS, Kind.VISIT})
    assert [transitions(rows, kinds).states for rows in (2, 3, 4)] == [7, 25, 113]


@pytest.mark.parametrize("seed", range(10))
def test_best_loops_are_those_of_all_orders(seed):
    rng = np.random.default_rng(seed)
    for _ in range(6):
        problem = problem_of(tiny_case(rng, 5))
        prize = rng.uniform(0, 20, problem.handfuls)
        for stand in range(problem.stands):
            seconds, taken = best_loops(loop_sweep(problem), stand, prize)
            every = loops_from(problem, stand)
            expected = min(time_s - prize[list(loop)].sum() for loop, time_s in every.items())
            assert min(seconds.min(), 0.0) == pytest.approx(min(expected, 0.0), abs=1e-9)
            load = int(np.argmin(seconds))
            if seconds[load] < 0:
                loop = tuple(np.flatnonzero(taken[load]).tolist())
                assert every[loop] - prize[list(loop)].sum() == pytest.approx(seconds[load], abs=1e-9)


@pytest.mark.parametrize("seed", range(10))
def test_fair_shares_never_exceed_a_loop_and_are_not_needlessly_low(seed):
    rng = np.random.default_rng(seed)
    for _ in range(6):
        problem = problem_of(tiny_case(rng, 5))
        for stand in range(problem.stands):
            share = rng.uniform(0, 3, problem.handfuls) * problem.reach_s[stand]
            asked = share.copy()
            make_fair(loop_sweep(problem), stand, share)
            slack = [time_s - share[list(loop)].sum() for loop, time_s in loops_from(problem, stand).items()]
            assert min(slack) >= -1e-9
            assert np.array_equal(share, asked) or min(slack) <= 1e-6 * (1 + asked.sum())


def test_cheapest_parking_is_never_above_brute_force_and_equal_where_shares_grow_with_the_distance():
    rng = np.random.default_rng(0)
    for _ in range(40):
        problem = problem_of(tiny_case(rng, 3))
        if problem.stands > 8:
            continue
        grow = rng.random() < 0.5
        share = problem.reach_s * rng.uniform(0.5, 2, problem.handfuls) if grow else rng.uniform(0, 20, problem.reach_s.shape)
        expected_s = cheapest_parking_s(problem, share)
        found_s, stand_of = cheapest_parking(parking(problem), share, math.inf)
        assert found_s <= expected_s + 1e-9
        assert set(stand_of.tolist()) <= {-1, *np.flatnonzero(problem.may_park).tolist()}
        assert cheapest_parking(parking(problem), share, found_s + 1e-6)[0] == found_s
        assert cheapest_parking(parking(problem), share, found_s - 1e-6)[0] == math.inf
        if grow:
            assert found_s == pytest.approx(expected_s)


@pytest.mark.parametrize("seed", range(10))
def test_no_schedule_undercuts_the_bound(seed):
    rng = np.random.default_rng(100 + seed)
    for _ in range(20):
        case = tiny_case(rng, 4)
        fastest_s = brute_force_s(case.ladder, case.picks, case.cart)
        known_s = fastest_s if rng.random() < 0.5 else None
        assert lower_bound_s(problem_of(case), known_s, iterations=4) <= fastest_s


@pytest.mark.parametrize("seed", range(5))
def test_bound_is_never_below_the_plain_optimum_at_walking_speed(seed):
    rng = np.random.default_rng(200 + seed)
    for _ in range(6):
        case = tiny_case(rng, 5)
        plain_s = plain_optimum_s(case.ladder, case.picks, case.cart)
        assert lower_bound_s(problem_of(case), iterations=0) >= plain_s * (1 - 1e-8)


def test_bound_is_close_where_the_plain_optimum_is_not():
    rng = np.random.default_rng(1)
    gaps = []
    for _ in range(10):
        case = tiny_case(rng, 4)
        case = replace(case, cart=replace(case.cart, push_m_s=0.2, hands=2))
        fastest_s = brute_force_s(case.ladder, case.picks, case.cart)
        gaps.append(fastest_s / lower_bound_s(problem_of(case)) - 1)
    assert np.mean(gaps) < 0.05


def test_an_empty_list_takes_no_time():
    ladder = regular_ladder(3, 2)
    assert lower_bound_s(cart_problem(ladder, PickList.of(ladder, []), Cart())) == 0.0


def test_same_problem_gives_the_same_bound():
    ladder = regular_ladder(5, 3)
    problem = cart_problem(ladder, uniform_list(np.random.default_rng(0), ladder, 10, most_items=8), Cart())
    assert lower_bound_s(problem, iterations=10) == lower_bound_s(problem, iterations=10)


def test_more_iterations_never_lower_the_bound():
    ladder = regular_ladder(6, 2)
    problem = cart_problem(ladder, uniform_list(np.random.default_rng(0), ladder, 15), Cart())
    bounds = [lower_bound_s(problem, iterations=iterations) for iterations in (0, 5, 20, 60)]
    assert bounds == sorted(bounds)
    assert bounds[0] < bounds[-1]


def test_many_cross_aisles_leave_the_plain_optimum():
    ladder = regular_ladder(2, 6)
    picks = uniform_list(np.random.default_rng(0), ladder, 4)
    cart = Cart()
    assert lower_bound_s(cart_problem(ladder, picks, cart)) == pytest.approx(plain_optimum_s(ladder, picks, cart))


@pytest.mark.parametrize(("upper_bound_s", "iterations"), [(None, -1), (-1.0, 5), (math.nan, 5), (math.inf, 5)])
def test_wrong_use_is_refused(upper_bound_s, iterations):
    ladder = regular_ladder(3, 2)
    problem = cart_problem(ladder, uniform_list(np.random.default_rng(0), ladder, 3), Cart())
    with pytest.raises(UsageError):
        lower_bound_s(problem, upper_bound_s, iterations=iterations)
