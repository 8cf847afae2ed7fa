"""The experiment of two lists: what it compares, and in what."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import numpy as np
import pytest

from bintally.layouts import Cart
from bintally.layouts.files import read_places
from bintally.layouts.generate import regular_ladder, uniform_list
from tests.fakes.travel_time import formula_bundle_bytes
from tests.warehouse.batching.judges import FakeEstimator
from warehouse.batching.budget import Budget
from warehouse.batching.problem import BatchProblem
from warehouse.pick.bench import two_lists
from warehouse.pick.bench.two_lists import History, history, trial, two_list_problem

LAYOUT = """
[layout]
aisles = 3
aisle_pitch_m = 3.0
depot = { aisle = 1, cross_aisle = "front" }
blocks = [{ cells = 9, cell_m = 1.0 }]
"""
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


def test_a_bundle_is_measured_in_a_row_for_each_repetition_and_one_for_the_mean(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    layout, bundle = tmp_path / "hall.toml", tmp_path / "formula.onnx"
    layout.write_text(LAYOUT)
    bundle.write_bytes(formula_bundle_bytes(read_places(layout)[0], Cart()))
    monkeypatch.setattr(two_lists, "RANDOM", 1)
    two_lists.measure(bundle, layout, 1, repetitions=2, seconds=0.02)
    lines = [line for line in capsys.readouterr().out.splitlines() if line.startswith("|")]
    assert [line.split("|")[1].strip() for line in lines[2:]] == ["0", "1", "mean"]
    random_s = [float(line.split("|")[2]) for line in lines[2:]]
    assert random_s[2] == pytest.approx(sum(random_s[:2]) / 2, abs=0.11)
