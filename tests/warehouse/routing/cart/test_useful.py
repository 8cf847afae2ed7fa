"""Columns that no best schedule needs, against brute force over the whole ladder."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from bintally.layouts import Cart, PickList, Place, Shelf, Ways
from bintally.layouts.generate import regular_ladder, uniform_list
from tests.warehouse.routing.cart.reference import Case, brute_force_s, tiny_case
from warehouse.routing.cart.bound import lower_bound_s
from warehouse.routing.cart.exact import solve_exact
from warehouse.routing.cart.problem import cart_problem
from warehouse.routing.cart.schedule import Push
from warehouse.routing.cart.search import solve_search
from warehouse.routing.cart.useful import narrowed


def with_columns_between(rng: np.random.Generator, case: Case) -> Case:
    """The same case with up to two more columns, aisles or not, in front of each column."""
    ladder, x_m, aisles, number = case.ladder, list[float](), list[bool](), list[int]()
    for x, aisle in zip(ladder.x_m, ladder.aisles, strict=True):
        more = int(rng.integers(3))
        low = x_m[-1] if x_m else 0.0
        x_m += [*np.linspace(low, x, more + 2)[1:-1].tolist(), x]
        aisles += [*(rng.random(more) < 0.7).tolist(), aisle]
        number.append(len(x_m) - 1)

    def place(old: Place) -> Place:
        return replace(old, column=number[old.column])

    ways = Ways((0,) * len(x_m), (0,) * ladder.cross_aisles)
    ends = tuple(place(end) for end in ladder.ends)
    wide = replace(ladder, x_m=tuple(x_m), aisles=tuple(aisles), start=place(ladder.start), ends=ends, ways=ways)
    return Case(wide, replace(case.picks, columns=np.array(number)[case.picks.columns]), case.cart)


@pytest.mark.parametrize("seed", range(30))
def test_the_narrowed_problem_is_solved_as_fast(seed: int) -> None:
    rng = np.random.default_rng(seed)
    case = with_columns_between(rng, tiny_case(rng, handfuls=3))
    problem = cart_problem(case.ladder, case.picks, case.cart)
    best_s = brute_force_s(case.ladder, case.picks, case.cart)
    assert solve_exact(narrowed(problem)).time_s == pytest.approx(best_s)
    assert solve_exact(problem).time_s == pytest.approx(best_s)
    assert lower_bound_s(problem) <= best_s + 1e-9


def test_empty_aisles_do_not_loosen_the_bound() -> None:
    near, far = regular_ladder(4, 3), regular_ladder(400, 3)
    picks = uniform_list(np.random.default_rng(3), near, 12)
    bounds_s = [lower_bound_s(cart_problem(ladder, picks, Cart()), iterations=5) for ladder in (near, far)]
    assert bounds_s[0] == pytest.approx(bounds_s[1])


def test_more_cross_aisles_than_the_sweep_takes_leave_a_bound() -> None:
    ladder = regular_ladder(4, 9)
    problem = cart_problem(ladder, uniform_list(np.random.default_rng(0), ladder, 6), Cart())
    best_s = solve_exact(problem).time_s
    assert 0.2 * best_s < lower_bound_s(problem) <= best_s


def test_plans_of_the_narrowed_problem_pass_all_stands_of_the_whole_one() -> None:
    near, far = regular_ladder(4, 3), regular_ladder(300, 3)
    picks = uniform_list(np.random.default_rng(5), near, 12)
    here, there = (solve_search(cart_problem(ladder, picks, Cart()), iterations=100) for ladder in (near, far))
    assert here == there
    picks = PickList.of(far, [(Shelf("a", 200, 0, 1.0), 2)])
    (*_, back) = solve_search(cart_problem(far, picks, Cart(walk_m_s=1.0, push_m_s=1.0, hands=1, in_aisles=False)), iterations=0).steps
    assert isinstance(back, Push)
    assert [point.column for point in back.path] == [1, 0]
