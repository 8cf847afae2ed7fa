"""Comparison: exact probabilities, and verdicts that neither cry wolf nor sleep."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trainer.evaluation.compare import compare, mcnemar

N = 600
QUANTITIES = np.random.default_rng(0).integers(0, 8, N)
GROUPS = [str(i // 2) for i in range(N)]


def answering(accuracy: float, seed: int) -> np.ndarray:
    """A counter that is right that often, and otherwise one off or, at six and more, at five."""
    rng = np.random.default_rng(seed)
    right = rng.random(N) < accuracy
    truth = np.minimum(QUANTITIES, 6)
    near = np.where(truth == 0, 1, truth - 1)
    return np.eye(7)[np.where(right, truth, near)]


@given(st.integers(0, 40), st.integers(0, 40))
def test_mcnemar_is_the_two_sided_binomial_test(only_a: int, only_b: int) -> None:
    n = only_a + only_b
    tail = sum(Fraction(math.comb(n, i), 2**n) for i in range(min(only_a, only_b) + 1))
    assert mcnemar(only_a, only_b) == pytest.approx(float(min(Fraction(1), 2 * tail)))
    assert mcnemar(only_a, only_b) == mcnemar(only_b, only_a)


def test_mcnemar_of_many_images_is_finite_and_of_none_is_one() -> None:
    assert mcnemar(0, 0) == 1.0
    assert 0 <= mcnemar(9000, 11000) < 1e-30
    assert mcnemar(10000, 10100) > 0.4


def test_a_counter_does_not_differ_from_itself() -> None:
    a = answering(0.5, 1)
    found = compare(a, a, QUANTITIES, GROUPS, seed=1)
    for entry in found.differences.values():
        assert (entry.difference, entry.interval) == (0.0, (0.0, 0.0))
        assert not entry.beyond_chance
    assert {test.p_value for test in found.discordant.values()} == {1.0}
    assert found.verdict.count("may be chance") == 2


def test_a_clearly_better_counter_is_called_better() -> None:
    found = compare(answering(0.5, 1), answering(0.7, 2), QUANTITIES, GROUPS, seed=1)
    assert all(entry.beyond_chance for entry in found.differences.values())
    assert found.discordant["accuracy"].p_value < 0.001
    assert "B is right more often" in found.verdict
    assert "the RMSE of B is smaller" in found.verdict
    turned = compare(answering(0.7, 2), answering(0.5, 1), QUANTITIES, GROUPS, seed=1)
    assert "A is right more often" in turned.verdict
    assert turned.differences["rmse"].difference == -found.differences["rmse"].difference


def test_equally_good_counters_are_rarely_told_apart() -> None:
    cries = sum(
        "right more often" in compare(answering(0.5, 2 * i), answering(0.5, 2 * i + 1), QUANTITIES, GROUPS, seed=1).verdict
        for i in range(20)
    )
    assert cries <= 3


def test_the_counts_are_those_of_the_images() -> None:
    a, b = answering(0.5, 1), answering(0.6, 2)
    found = compare(a, b, QUANTITIES, GROUPS, seed=1)
    truth = np.minimum(QUANTITIES, 6)
    right_a, right_b = a.argmax(1) == truth, b.argmax(1) == truth
    assert (found.discordant["accuracy_all"].only_a, found.discordant["accuracy_all"].only_b) == (
        (right_a & ~right_b).sum(),
        (right_b & ~right_a).sum(),
    )
    assert found.differences["accuracy_all"].difference == pytest.approx(right_b.mean() - right_a.mean())
    assert (found.n, found.n_all, found.groups) == ((QUANTITIES <= 5).sum(), N, 300)


def test_a_single_group_is_never_beyond_chance() -> None:
    found = compare(answering(0.2, 1), answering(0.9, 2), QUANTITIES, ["one"] * N, seed=1)
    assert all(entry.interval is None for entry in found.differences.values())
    assert "more than chance" not in found.verdict


def test_without_images_of_few_items_all_classes_are_compared() -> None:
    many = np.full(40, 9)
    found = compare(np.eye(7)[[1] * 40], np.eye(7)[[6] * 40], many, [str(i) for i in range(40)], seed=1)
    assert set(found.differences) == {"accuracy_all"}
    assert found.verdict.startswith("Over all classes, B is right more often")
