import dataclasses
import heapq
import itertools
import math
from typing import Any

import numpy as np
import pytest

from bintally.errors import InputError
from bintally.layouts import Cart, Ladder, PickList, Place, Shelf, Ways
from bintally.layouts.generate import regular_ladder
from warehouse.routing.cart.problem import CartProblem, cart_problem

START = Place(1, 1, 2.1)
FREE = Ways((0, 0, 0), (0, 0, 0))
LADDER = Ladder((0.0, 3.0, 8.0), (0.0, 4.0, 10.0), start=START, ends=(START,), aisles=(True, False, True), ways=FREE)
PICKS = PickList.of(
    LADDER, [(Shelf("a", 0, 0, 3.0), 7), (Shelf("b", 0, 1, 9.0), 1), (Shelf("c", 2, 0, 1.0), 3), (Shelf("d", 2, 1, 5.0), 6)]
)
CART = Cart(walk_m_s=1.4, push_m_s=0.7, hands=3, park_s=3.0, pick_s=5.0)


def problem(ladder: Ladder = LADDER, **changes: Any) -> CartProblem:
    return cart_problem(ladder, PICKS, dataclasses.replace(CART, **changes))


def distances_m(ladder: Ladder, source: tuple[int, float], extra: list[tuple[int, float]]) -> dict[tuple[int, float], float]:
    """Dijkstra's algorithm over intersections and picks."""
    spots = {source, *extra, *itertools.product(range(ladder.columns), ladder.y_m)}
    best, heap = {source: 0.0}, [(0.0, source)]
    while heap:
        length, p = heapq.heappop(heap)
        for q in spots:
            if (p[0] == q[0] and ladder.aisles[p[0]]) or (p[1] == q[1] and p[1] in ladder.y_m):
                metres = length + abs(p[1] - q[1]) + abs(ladder.x_m[p[0]] - ladder.x_m[q[0]])
                if metres < best.get(q, math.inf):
                    best[q] = metres
                    heapq.heappush(heap, (metres, q))
    return best


def test_a_place_with_many_items_is_visited_with_full_hands_but_for_the_last_time() -> None:
    made = problem()
    assert made.pick_of.tolist() == [0, 0, 0, 1, 2, 3, 3]
    assert made.items.tolist() == [3, 3, 1, 1, 3, 3, 3]
    assert made.sub_aisle.tolist() == [0, 0, 0, 1, 4, 5, 5]


@pytest.mark.parametrize("hands", [None, 17, 1000])
def test_hands_for_everything_take_each_place_at_once(hands: int | None) -> None:
    made = problem(hands=hands)
    assert made.hands == 17
    assert made.items.tolist() == [7, 1, 3, 6]


def test_walks_are_the_shortest_of_the_ladders_graph() -> None:
    made = problem()
    spots = list(zip(PICKS.columns[made.pick_of].tolist(), PICKS.y_m[made.pick_of].tolist(), strict=True))
    for one, spot in enumerate(spots):
        best = distances_m(LADDER, spot, spots)
        assert made.walk_s[one] * 1.4 == pytest.approx([best[other] for other in spots])
        stands = [(int(column), LADDER.y_m[row]) for column, row in zip(made.columns, made.cross_aisles, strict=True)]
        assert made.reach_s[:, one] * 1.4 == pytest.approx([best[stand] for stand in stands])


def test_the_cart_moves_from_neighbour_to_neighbour() -> None:
    made = problem()
    number = {(int(column), int(row)): index for index, (column, row) in enumerate(zip(made.columns, made.cross_aisles, strict=True))}
    assert len(number) == made.stands == 9
    middle = number[2, 1]
    assert made.move_to[middle].tolist() == [number[1, 1], -1, number[2, 0], number[2, 2]]
    assert made.move_s[middle] * 0.7 == pytest.approx([5.0, math.inf, 4.0, 6.0])
    assert made.move_sub_aisle[middle].tolist() == [-1, -1, 4, 5]


def test_the_cart_passes_a_depot_between_aisles_only_along_the_cross_aisles() -> None:
    made = problem()
    assert made.move_to[made.start, 2:].tolist() == [-1, -1]
    assert (made.move_to[made.start, :2] >= 0).all()


def test_the_cart_is_parked_at_aisles_and_depots_only() -> None:
    made = problem()
    for stand in range(made.stands):
        at_depot = (made.columns[stand], made.cross_aisles[stand]) == (1, 1)
        assert made.may_park[stand] == (made.columns[stand] != 1 or at_depot)


def test_a_cart_that_stays_out_of_aisles_has_one_cross_aisle() -> None:
    made = problem(in_aisles=False)
    assert made.cross_aisles.tolist() == [1, 1, 1]
    assert (made.move_sub_aisle == -1).all()
    assert (made.move_to[:, 2:] == -1).all()


def test_only_ends_that_the_cart_reaches_are_left() -> None:
    ends = (Place(0, 0, 1.0), Place(2, 1, 1.4))
    ladder = dataclasses.replace(LADDER, ends=ends)
    assert len(problem(ladder).ends) == 2
    made = problem(ladder, in_aisles=False)
    assert [(int(made.columns[end]), int(made.cross_aisles[end])) for end in made.ends] == [(2, 1)]
    assert made.end_s == pytest.approx([2.0])


def test_every_plan_takes_the_way_in_and_the_picking() -> None:
    assert problem().fixed_s == pytest.approx(2.1 / 0.7 + 4 * 5.0)


def test_an_empty_list_is_a_problem_without_handfuls() -> None:
    made = cart_problem(LADDER, PickList.of(LADDER, []), CART)
    assert (made.handfuls, made.walk_s.shape, made.reach_s.shape) == (0, (0, 0), (9, 0))


def test_an_end_out_of_reach_is_refused() -> None:
    with pytest.raises(InputError, match="cannot reach any end"):
        problem(dataclasses.replace(LADDER, ends=(Place(0, 0),)), in_aisles=False)


@pytest.mark.parametrize("ways", [Ways((1, 0, 0), (0, 0, 0)), Ways((0, 0, 0), (0, 0, 0), turn_in_aisles=False)])
def test_rules_and_a_parked_cart_are_refused_together(ways: Ways) -> None:
    with pytest.raises(InputError, match="cannot be combined with a cart"):
        problem(dataclasses.replace(LADDER, ways=ways))


def test_arrays_have_the_types_that_compiled_loops_are_built_for() -> None:
    made = problem()
    assert {getattr(made, name).dtype for name in ("pick_of", "items", "sub_aisle", "ends", "move_to", "move_sub_aisle")} == {
        np.dtype(np.int64)
    }
    assert {getattr(made, name).dtype for name in ("walk_s", "reach_s", "move_s", "end_s")} == {np.dtype(np.float64)}


def test_more_handfuls_than_memory_holds_are_refused() -> None:
    picks = PickList.of(LADDER, [(Shelf("a", 0, 0, 3.0), 1_000_000)])
    with pytest.raises(InputError, match="1000000 handfuls of at most 1 items"):
        cart_problem(LADDER, picks, dataclasses.replace(CART, hands=1))


def test_more_stands_than_memory_holds_are_refused() -> None:
    ladder, picks = regular_ladder(6_000, 2), PickList.of(regular_ladder(1, 2), [(Shelf("a", 0, 0, 3.0), 1)])
    with pytest.raises(InputError, match="12000 intersections are too many"):
        cart_problem(ladder, picks, CART)
