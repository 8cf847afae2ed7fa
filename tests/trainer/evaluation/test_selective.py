"""Unsure answers against plain definitions."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trainer.evaluation.selective import abstain_threshold, promise, selective, wilson

graded = st.lists(st.tuples(st.integers(0, 8).map(lambda c: c / 8), st.booleans()), min_size=1, max_size=30)


@given(graded, st.sampled_from([0.0, 0.5, 0.75, 0.9, 1.0]))
def test_the_threshold_keeps_its_promise_and_is_the_smallest_that_does(pairs: list[tuple[float, bool]], promised: float) -> None:
    confidence, right = np.array([c for c, _ in pairs]), np.array([r for _, r in pairs])
    keeping = [t for t in sorted({c for c, _ in pairs}) if right[confidence >= t].mean() >= promised]
    assert abstain_threshold(confidence, right, promised) == (keeping[0] if keeping else 1.0)


def test_equal_confidences_are_not_parted() -> None:
    confidence = np.array([0.9, 0.6, 0.6, 0.6])
    assert abstain_threshold(confidence, np.array([True, True, True, False]), 0.9) == 0.9


def test_a_counter_that_is_always_wrong_is_always_unsure() -> None:
    assert abstain_threshold(np.array([0.99, 0.5]), np.array([False, False]), 0.5) == 1.0


def test_no_answer_keeps_no_promise() -> None:
    assert abstain_threshold(np.zeros(0), np.zeros(0, bool), 0.9) == 1.0


@given(graded)
def test_selective_accuracy_is_that_of_the_surest(pairs: list[tuple[float, bool]]) -> None:
    found = selective(np.array([c for c, _ in pairs]), np.array([r for _, r in pairs]))
    ranked = [right for _, right in sorted(pairs, key=lambda pair: -pair[0])]
    for per_cent, accuracy in [*found.accuracy_at.items(), *((round(100 * share), accuracy) for share, accuracy in found.curve)]:
        taken = ranked[: math.ceil(per_cent * len(pairs) / 100)]
        assert accuracy == pytest.approx(sum(taken) / len(taken))
    risks = [1 - sum(ranked[:k]) / k for k in range(1, len(ranked) + 1)]
    assert found.risk_area == pytest.approx(sum(risks) / len(risks))


def test_the_whole_part_is_the_end_of_the_curve() -> None:
    found = selective(np.array([0.9, 0.8, 0.2, 0.1]), np.array([True, True, False, False]))
    assert found.curve[-1] == (1.0, 0.5)
    assert found.accuracy_at[50] == 1.0


@pytest.mark.parametrize(
    ("hits", "n", "low", "high"),
    [(8, 10, 0.4902, 0.9433), (0, 10, 0.0, 0.2775), (10, 10, 0.7225, 1.0), (81, 263, 0.2553, 0.3662)],
)
def test_wilsons_interval_is_that_of_the_tables(hits: int, n: int, low: float, high: float) -> None:
    """Newcombe 1998, table I (81 of 263), and R's prop.test without correction for the others."""
    assert wilson(hits, n) == pytest.approx((low, high), abs=1e-4)


@pytest.mark.parametrize(("hits", "kept"), [(95, True), (88, True), (60, False)])
def test_a_promise_is_broken_only_when_it_lies_above_the_interval(hits: int, kept: bool) -> None:
    right = np.arange(100) < hits
    found = promise(np.full(100, 0.8), right, np.full(100, 0.5), 0.9)
    assert (found.answered, found.right, found.kept) == (100, hits, kept)
    assert found.interval == wilson(hits, 100)


def test_only_answers_from_the_threshold_on_are_counted() -> None:
    confidence, right = np.array([0.4, 0.5, 0.9, 1.0]), np.array([False, True, True, False])
    found = promise(confidence, right, np.full(4, 0.5), 0.9)
    assert (found.answered, found.right, found.share) == (3, 2, 0.75)


def test_a_threshold_of_one_answers_nothing_however_sure() -> None:
    found = promise(np.ones(5), np.ones(5, bool), np.ones(5), 0.9)
    assert (found.answered, found.accuracy, found.interval, found.kept) == (0, None, None, None)
