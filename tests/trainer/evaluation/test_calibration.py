"""Calibration against plain loops and simulations."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.trainer.evaluation.test_metrics import Answers, answers
from trainer.evaluation.calibration import calibration, chance_error, expected_calibration_error, fit_temperature, reliability, softmax


@given(answers(), st.integers(1, 20))
def test_calibration_error_is_that_of_a_plain_loop(given_: Answers, bins: int) -> None:
    probabilities, quantities = given_
    classes = np.minimum(quantities, 6)
    confidence = probabilities.max(1)
    total = 0.0
    for b in range(bins):
        inside = [i for i, c in enumerate(confidence) if b == min(int(c * bins), bins - 1)]
        if inside:
            accuracy = sum(probabilities[i].argmax() == classes[i] for i in inside) / len(inside)
            mean_confidence = sum(float(confidence[i]) for i in inside) / len(inside)
            total += len(inside) / len(classes) * abs(accuracy - mean_confidence)
    assert expected_calibration_error(probabilities, classes, bins) == pytest.approx(total, abs=1e-6)


def test_calibration_error_of_a_sure_and_right_counter_is_zero_and_of_a_sure_and_wrong_one_is_one() -> None:
    assert expected_calibration_error(np.eye(7), np.arange(7)) == 0.0
    assert expected_calibration_error(np.eye(7), (np.arange(7) + 1) % 7) == 1.0


@pytest.mark.parametrize("temperature", [0.5, 1.0, 2.5])
def test_the_temperature_that_made_the_logits_too_sure_is_found_again(temperature: float) -> None:
    rng = np.random.default_rng(4)
    honest = rng.normal(0, 1.5, (20_000, 7))
    spread = np.exp(honest)
    edges = (spread / spread.sum(1, keepdims=True)).cumsum(1)
    classes = (rng.random((len(honest), 1)) > edges[:, :-1]).sum(1)
    assert fit_temperature(honest * temperature, classes) == pytest.approx(temperature, rel=0.04)


@pytest.mark.parametrize(("classes", "bound"), [([0, 1, 2], 0.2), ([1, 2, 0], 5.0)])
def test_the_temperature_stays_in_its_bounds(classes: list[int], bound: float) -> None:
    assert fit_temperature(np.eye(3) * 2, np.array(classes)) == pytest.approx(bound, rel=1e-3)


@given(answers(), st.integers(1, 20))
def test_the_reliability_diagram_holds_every_answer_once_and_adds_up_to_the_error(given_: Answers, bins: int) -> None:
    probabilities, quantities = given_
    classes = np.minimum(quantities, 6)
    diagram = reliability(probabilities.max(1), probabilities.argmax(1) == classes, bins)
    assert sum(entry.n for entry in diagram) == len(classes)
    assert (diagram[0].low, diagram[-1].high) == (0.0, 1.0)
    total = 0.0
    for entry in diagram:
        assert (entry.accuracy is None) == (entry.confidence is None) == (entry.n == 0)
        if entry.accuracy is not None and entry.confidence is not None:
            total += entry.n / len(classes) * abs(entry.accuracy - entry.confidence)
            assert entry.low - 1e-6 <= entry.confidence <= entry.high + 1e-6
    assert total == pytest.approx(expected_calibration_error(probabilities, classes, bins), abs=1e-6)


def test_chance_is_what_a_plain_simulation_of_perfect_calibration_gives() -> None:
    rng = np.random.default_rng(8)
    confidence = rng.uniform(0.2, 1, 60)
    errors = []
    for _ in range(1500):
        total = 0.0
        drawn = rng.random(60) < confidence
        for b in range(15):
            inside = np.minimum((confidence * 15).astype(int), 14) == b
            total += abs(drawn[inside].sum() - confidence[inside].sum()) / 60
        errors.append(total)
    assert chance_error(confidence, seed=1) == pytest.approx(np.percentile(errors, 95), rel=0.06)
    assert chance_error(confidence, seed=1, percentile=50) == pytest.approx(np.median(errors), rel=0.04)


def test_chance_shrinks_with_the_number_of_images_and_is_the_same_for_the_same_seed() -> None:
    confidence = np.linspace(0.2, 0.9, 100)
    many = np.tile(confidence, 45)  # more than one chunk of draws
    assert chance_error(many, seed=3) < chance_error(confidence, seed=3) / 5
    assert chance_error(confidence, seed=3) == chance_error(confidence, seed=3)


@pytest.mark.parametrize(("sharpened", "calibrated"), [(1.0, True), (2.0, False), (0.4, False)])
def test_only_an_honest_counter_is_called_calibrated(sharpened: float, calibrated: bool) -> None:
    rng = np.random.default_rng(6)
    logits = rng.normal(0, 1.5, (3000, 7))
    edges = softmax(logits).cumsum(1)
    classes = (rng.random((3000, 1)) > edges[:, :-1]).sum(1)
    assert calibration(softmax(logits * sharpened), classes, seed=0).calibrated is calibrated
    mended = softmax(logits * sharpened, fit_temperature(logits * sharpened, classes))
    assert calibration(mended, classes, seed=0).calibrated
