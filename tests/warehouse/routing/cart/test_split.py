"""The split of a given order against Dijkstra's algorithm over what is left."""

import heapq
import itertools

import numpy as np
import pytest

from bintally.errors import UsageError
from bintally.layouts import Cart, PickList, Place
from bintally.layouts.generate import regular_ladder, uniform_list
from warehouse.routing.cart.problem import CartProblem, cart_problem
from warehouse.routing.cart.schedule import Visit, schedule_of
from warehouse.routing.cart.split import split


def random_problem(rng: np.random.Generator, picks: int, most_items: int = 1) -> CartProblem:
    aisles, cross_aisles = int(rng.integers(1, 5)), int(rng.integers(2, 4))
    depot, end = (Place(int(rng.integers(aisles)), int(rng.integers(cross_aisles)), float(rng.integers(3))) for _ in range(2))
    cart = Cart(
        push_m_s=float(rng.choice([0.2, 0.7, 1.4])),
        hands=[1, 2, 3, 6, None][rng.integers(5)],
        park_s=float(rng.choice([0.0, 3.0, 20.0])),
        in_aisles=bool(rng.random() < 0.8) or end.cross_aisle != depot.cross_aisle,
    )
    ladder = regular_ladder(
        aisles,
        cross_aisles,
        block_m=float(rng.choice([6.0, 15.0])),
        depot=depot.column,
        row=depot.cross_aisle,
        end=end if rng.random() < 0.5 else None,
    )
    return cart_problem(ladder, uniform_list(rng, ladder, picks, most_items=most_items), cart)


def dijkstra_s(problem: CartProblem, order: list[int]) -> float:
    """Seconds of the best plan, over (what is left, stand, parked?); what is left must be the rest of the order."""
    rests = {frozenset(order[i:]): i for i in range(len(order) + 1)}
    queue = [(0.0, 0, problem.start, False)]
    settled = set()
    best = np.inf
    while queue:
        seconds, i, stand, parked = heapq.heappop(queue)
        if (i, stand, parked) in settled:
            continue
        settled.add((i, stand, parked))
        for end, end_s in zip(problem.ends, problem.end_s, strict=True):
            if i == len(order) and stand == end:
                best = min(best, seconds + end_s)
        if parked:
            heapq.heappush(queue, (seconds, i, stand, False))
            for j in range(i + 1, len(order) + 1):
                loop = order[i:j]
                if sum(problem.items[loop]) <= problem.hands:
                    walk = sum(problem.walk_s[a, b] for a, b in itertools.pairwise(loop))
                    there_and_back = problem.reach_s[stand, loop[0]] + walk + problem.reach_s[stand, loop[-1]]
                    heapq.heappush(queue, (seconds + there_and_back, j, stand, True))
            continue
        if problem.may_park[stand]:
            heapq.heappush(queue, (seconds + problem.cart.park_s, i, stand, True))
        for to, move_s, through in zip(problem.move_to[stand], problem.move_s[stand], problem.move_sub_aisle[stand], strict=True):
            rest = frozenset(one for one in order[i:] if problem.sub_aisle[one] != through)
            if to >= 0 and rest in rests:
                heapq.heappush(queue, (seconds + move_s, rests[rest], int(to), False))
    return problem.fixed_s + best


@pytest.mark.parametrize("seed", range(60))
def test_it_finds_the_best_plan_of_an_order(seed: int) -> None:
    rng = np.random.default_rng(seed)
    problem = random_problem(rng, picks=int(rng.integers(1, 9)), most_items=int(rng.choice([1, 4])))
    by_place = np.arange(problem.handfuls)
    for order in (by_place, by_place[::-1], rng.permutation(problem.handfuls)):
        seconds, plan = split(problem, order)
        assert seconds == pytest.approx(dijkstra_s(problem, order.tolist()))
        assert seconds == pytest.approx(schedule_of(problem, plan, "split").time_s)


def test_a_push_takes_a_sub_aisle_only_as_a_whole() -> None:
    ladder = regular_ladder(2, 2, block_m=10.0, pitch_m=20.0)
    picks = uniform_list(np.random.default_rng(0), ladder, 6)
    problem = cart_problem(ladder, picks, Cart(push_m_s=1.4, hands=1, park_s=1000.0))
    assert set(picks.columns) == {0, 1}
    together = np.argsort(picks.columns, kind="stable")
    apart = np.concatenate((together[:1], together[:0:-1]))
    assert not any(visit.loops for visit in split(problem, together)[1])
    assert any(visit.loops for visit in split(problem, apart)[1])


def test_loops_from_one_stand_pay_for_parking_once() -> None:
    ladder = regular_ladder(1, 2, block_m=4.0)
    problem = cart_problem(ladder, uniform_list(np.random.default_rng(0), ladder, 3), Cart(push_m_s=0.01, hands=1, park_s=7.0))
    seconds, plan = split(problem, np.arange(3))
    assert plan == (Visit(0, ((0,), (1,), (2,))),)
    assert seconds == pytest.approx(problem.fixed_s + 7.0 + 2.0 * problem.reach_s[0].sum())


def test_without_picks_nobody_moves() -> None:
    ladder = regular_ladder(3, 2)
    problem = cart_problem(ladder, PickList.of(ladder, []), Cart())
    assert split(problem, np.arange(0)) == (0.0, ())


@pytest.mark.parametrize("order", [[0, 1], [0, 1, 1], [0, 1, 3], [[0, 1, 2]]])
def test_an_order_that_leaves_handfuls_out_is_refused(order: list[int]) -> None:
    ladder = regular_ladder(3, 2)
    problem = cart_problem(ladder, uniform_list(np.random.default_rng(0), ladder, 3), Cart())
    with pytest.raises(UsageError, match="each of 0 to 2 once"):
        split(problem, np.array(order))
