"""The experiment of two lists: what it compares, and in what."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest

from bintally.layouts import Cart
from bintally.layouts.generate import regular_ladder, uniform_list
from tests.warehouse.batching.judges import FakeEstimator
from warehouse.batching.budget import Budget
from warehouse.batching.problem import BatchProblem
from warehouse.pick.bench.two_lists import History, history, trial, two_list_problem

LADDER, CART = regular_ladder(4, 3), Cart()


def _problem() -> BatchProblem:
    rng = np.random.default_rng(1)
    return two_list_problem(LADDER, uniform_list(rng, LADDER, 60), rng)


def _history(spread: float) -> History:
    return history(_problem(), CART, FakeEstimator(LADDER, CART, spread), 40, 1, points=4)


def test_forty_orders_of_two_items_fill_two_carts() -> None:
    problem = _problem()
    assert len(problem) == 40
    assert problem.carts == 2
    assert problem.loads.tolist() == [[2.0]] * 40
    assert problem.limits.tolist() == [40.0]


def test_a_trial_is_told_in_calculated_times_without_picking() -> None:
    budgets = (partial(Budget, iterations=60), partial(Budget, iterations=30))
    found = trial(_problem(), CART, FakeEstimator(LADDER, CART, 0.0), budgets, 1)
    assert found.tries == (60, 30)
    for travel_s in (found.random_s, found.estimated_s, found.calculated_s):
        # two lists of 40 places; picking alone would take 400 s
        assert 200.0 < travel_s < 399.0


def test_a_history_shows_estimated_and_calculated_times_side_by_side() -> None:
    right, wrong = _history(0.0), _history(0.05)
    assert right.tries[-1] == 40
    assert list(right.tries) == sorted(right.tries)
    assert right.estimated_s == pytest.approx(right.calculated_s)
    assert wrong.estimated_s != pytest.approx(wrong.calculated_s, rel=1e-3)
    assert len(wrong.tries) == len(wrong.estimated_s) == len(wrong.calculated_s) >= 2
