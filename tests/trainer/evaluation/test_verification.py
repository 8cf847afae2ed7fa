"""Verification against every pair of a right and a wrong expectation."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given

from tests.trainer.evaluation.test_metrics import Answers, answers
from trainer.evaluation.verification import verification, wrong_books

Expectation = tuple[float, float, int]


def expectations(probabilities: np.ndarray, classes: np.ndarray) -> tuple[list[float], list[Expectation]]:
    """The probability of each right expectation, and (probability, weight, distance) of each wrong one, by the protocol in words."""
    right, wrong = [], []
    for row, truth in zip(probabilities.tolist(), classes.tolist(), strict=True):
        right.append(row[truth])
        near = [c for c in range(7) if c != truth and abs(c - truth) <= 2]
        shares = [1 + int((classes == c).sum()) for c in near]
        wrong += [(row[c], share / sum(shares), abs(c - truth)) for c, share in zip(near, shares, strict=True)]
    return right, wrong


def area(right: list[float], wrong: list[Expectation]) -> float:
    won = sum(weight * ((p < q) + 0.5 * (p == q)) for p, weight, _ in wrong for q in right)
    return won / (sum(weight for _, weight, _ in wrong) * len(right))


@given(answers())
def test_the_area_is_the_share_of_pairs_in_which_the_wrong_expectation_looks_worse(given_: Answers) -> None:
    probabilities, classes = given_[0], np.minimum(given_[1], 6)
    right, wrong = expectations(probabilities, classes)
    found = verification(probabilities, classes)
    assert found.auc == pytest.approx(area(right, wrong))
    for distance, value in found.auc_off_by.items():
        assert value == pytest.approx(area(right, [entry for entry in wrong if entry[2] == distance]))


@given(answers())
def test_precision_at_a_recall_is_that_of_the_lowest_alarm_level_that_reaches_it(given_: Answers) -> None:
    probabilities, classes = given_[0], np.minimum(given_[1], 6)
    right, wrong = expectations(probabilities, classes)
    total = sum(weight for _, weight, _ in wrong)
    for recall, at in verification(probabilities, classes).at_recall.items():
        caught = sum(weight for p, weight, _ in wrong if p <= at.alarm_below) / total
        below = sum(weight for p, weight, _ in wrong if p < at.alarm_below) / total
        assert caught >= recall / 100 - 1e-9
        assert below < recall / 100
        assert at.false_alarms == pytest.approx(sum(q <= at.alarm_below for q in right) / len(right))
        assert at.precision == pytest.approx(caught / (caught + at.false_alarms))
        assert at.precision_rare == pytest.approx(0.05 * caught / (0.05 * caught + 0.95 * at.false_alarms))


def test_a_counter_that_is_always_right_and_sure_catches_all_wrong_books_and_doubts_no_right_one() -> None:
    found = verification(np.eye(7), np.arange(7))
    assert found.auc == 1.0
    assert all((at.false_alarms, at.precision, at.precision_rare) == (0.0, 1.0, 1.0) for at in found.at_recall.values())


def test_a_counter_that_says_nothing_is_a_coin() -> None:
    found = verification(np.full((50, 7), 1 / 7), np.arange(50) % 7)
    assert found.auc == pytest.approx(0.5)
    assert found.at_recall[80].false_alarms == 1.0


def test_wrong_books_are_near_and_as_common_as_the_labels() -> None:
    weights = wrong_books(np.array([9, 0, 0, 4, 4, 0, 19]))
    assert not weights.diagonal().any()
    np.testing.assert_allclose(weights.sum(1), 1)
    np.testing.assert_allclose(weights[5], [0, 0, 0, 5 / 30, 5 / 30, 0, 20 / 30])


@given(answers())
def test_the_curve_rises_from_nothing_to_everything(given_: Answers) -> None:
    curve = np.array(verification(given_[0], np.minimum(given_[1], 6)).curve)
    assert (np.diff(curve, axis=0) >= 0).all()
    assert curve[0].tolist() == [0, 0]
    assert curve[-1] == pytest.approx([1, 1])
