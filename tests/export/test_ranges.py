"""Calibration: ranges read from histograms, against plain formulas."""

from __future__ import annotations

import numpy as np
import pytest

from export.ranges import METHODS, Histogram, observe, ranges
from tests.export.conftest import Exported


def _histogram(values: np.ndarray) -> Histogram:
    counts, _ = np.histogram(values, 2048, (values.min(), values.max()))
    return Histogram(float(values.min()), float(values.max()), counts)


@pytest.fixture(scope="module")
def values() -> np.ndarray:
    """A million values of a bell, a few of them thirty times as far out as the rest."""
    rng = np.random.default_rng(3)
    spread = rng.normal(size=1_000_000)
    spread[:3] = (30, -28, 29)
    return spread


def test_min_max_takes_everything_and_the_others_leave_out_what_is_rare(values: np.ndarray) -> None:
    found = {method: ranges({"x": _histogram(values)}, method, False)["x"] for method in METHODS}
    assert found["min-max"] == (-28.0, 30.0)
    low, high = np.quantile(values, [0.5e-5, 1 - 0.5e-5])
    assert found["percentile"] == pytest.approx((low, high), abs=0.1)
    assert 3 < found["entropy"][1] < 12


def test_the_entropy_range_rounds_better_than_the_whole_one(values: np.ndarray) -> None:
    def error(low: float, high: float) -> float:
        step = (high - low) / 255
        return float(np.square(values - (np.rint((values.clip(low, high) - low) / step) * step + low)).mean())

    found = {method: error(*ranges({"x": _histogram(values)}, method, False)["x"]) for method in METHODS}
    assert found["entropy"] < found["min-max"] / 2


@pytest.mark.parametrize("method", METHODS)
def test_every_range_holds_zero_and_symmetric_ones_are_symmetric(method: str, values: np.ndarray) -> None:
    above = _histogram(np.abs(values) + 1)
    low, high = ranges({"x": above}, method, False)["x"]  # type: ignore[arg-type]
    assert low == 0 < high
    low, high = ranges({"x": above}, method, True)["x"]  # type: ignore[arg-type]
    assert -low == high > 0


@pytest.mark.parametrize("method", METHODS)
def test_a_tensor_of_few_values_or_of_one_keeps_its_range(method: str) -> None:
    few = _histogram(np.array([-3.0, 0.5, 4.0]))
    assert ranges({"x": few}, method, False)["x"] == (-3.0, 4.0)  # type: ignore[arg-type]
    still = Histogram(0.0, 0.0, np.full(2048, 1000))
    assert ranges({"x": still}, method, False)["x"] == (0.0, 0.0)  # type: ignore[arg-type]


def test_what_a_relu_cut_off_does_not_count(values: np.ndarray) -> None:
    """Nine zeros in ten do not make the range of the rest smaller."""
    positive = np.abs(values)
    mostly_zero = np.concatenate((np.zeros(9 * len(values)), positive))
    alone, padded = (ranges({"x": _histogram(one)}, "entropy", False)["x"][1] for one in (positive, mostly_zero))
    assert padded == pytest.approx(alone, rel=0.3)


def test_histograms_cover_what_the_graph_gives(exported: Exported) -> None:
    found = observe(exported.plain, exported.source.frames)
    outputs = [name for node in exported.plain.graph.node for name in node.output]
    assert set(found) <= set(outputs)
    assert len(found) > 100
    shown = found["probabilities"]
    assert 0 <= shown.low < shown.high <= 1
    assert shown.counts.sum() == exported.source.answers.size
