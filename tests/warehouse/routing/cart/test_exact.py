"""The exact worker-and-cart programme."""

from __future__ import annotations

import numpy as np
import pytest

from tests.warehouse.routing.cart.reference import Case, brute_force_s, tiny_case
from warehouse.routing.cart.exact import best_plan, solve_exact
from warehouse.routing.cart.problem import cart_problem


def solved_s(case: Case) -> float:
    return solve_exact(cart_problem(case.ladder, case.picks, case.cart)).time_s


def test_is_as_fast_as_the_fastest_of_everything_that_can_be_done() -> None:
    rng = np.random.default_rng(1)
    for _ in range(500):
        case = tiny_case(rng)
        assert solved_s(case) == pytest.approx(brute_force_s(case.ladder, case.picks, case.cart), rel=1e-9)


def test_its_own_reckoning_is_what_the_schedule_takes() -> None:
    rng = np.random.default_rng(2)
    for _ in range(100):
        case = tiny_case(rng, handfuls=8)
        problem = cart_problem(case.ladder, case.picks, case.cart)
        schedule = solve_exact(problem)
        assert best_plan(problem)[1] == pytest.approx(schedule.time_s, rel=1e-9)
        assert schedule.lower_bound_s == schedule.time_s
        assert schedule.proven_optimal
