"""Errors and spreads, beside the formulas in plain Python."""

from __future__ import annotations

import numpy as np
import pytest

from trainer.travel_time.scores import doubt_scores, scores


def test_errors_are_relative_to_what_was_calculated() -> None:
    found = scores(np.array([110.0, 190.0, 30.0]), np.array([100.0, 200.0, 30.0]))
    assert found == pytest.approx({"n": 3, "error": 0.05, "bias": 0.05 / 3, "worst": 0.1, "q99": 0.099})


def test_the_worst_hundredth_is_averaged() -> None:
    rng = np.random.default_rng(0)
    calculated = rng.uniform(10, 100, 1000)
    errors = rng.normal(0, 0.1, 1000)
    found = scores(calculated * (1 + errors), calculated)
    ranked = sorted(map(abs, errors))
    assert found["worst"] == pytest.approx(sum(ranked[-10:]) / 10)
    assert found["error"] == pytest.approx(sum(ranked) / 1000)
    assert ranked[-11] <= found["q99"] <= ranked[-10]


def test_spreads_as_large_as_errors_are_calibrated_and_halved_ones_are_not() -> None:
    rng = np.random.default_rng(1)
    spread = rng.uniform(0.001, 0.05, 20_000)
    errors = rng.normal(0, spread)
    found = doubt_scores(errors, spread)
    assert found["ratio"] == pytest.approx(1, abs=0.02)
    assert found["within_2"] == pytest.approx(0.9545, abs=0.005)
    assert found["error_sure"] < 0.2 * found["error_unsure"]
    assert doubt_scores(errors, spread / 2)["ratio"] == pytest.approx(2 * found["ratio"])
