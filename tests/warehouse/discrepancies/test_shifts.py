"""Ours beside the true posterior on simulated shifts, and the simulation beside what it says of itself."""

from __future__ import annotations

import numpy as np
import pytest

from tests.warehouse.discrepancies.shifts import CONFUSION, Camera, Counter, Shift, curves, found_curve, histories, rankings, true_posterior

COUNTER = Counter(CONFUSION["rendered"]["confusion"])
SMALL = Shift(bins=600, wrong_share=0.08, movements=3.0, heartbeats=1.0)


def test_ours_is_within_three_points_of_the_true_posterior_and_far_above_the_others() -> None:
    found = curves(SMALL, COUNTER, rankings(SMALL, COUNTER), range(3)).found
    bins = SMALL.bins
    for share in (0.05, 0.1, 0.2, 0.3):
        best, ours, unequal, chance = (
            found[name][round(share * bins)] for name in ("true posterior", "bintally", "flag every inequality", "at random")
        )
        assert ours >= best - 0.03
        assert ours > unequal > chance
        assert chance == pytest.approx(share)


def test_answers_come_with_the_confusion_matrix_and_are_calibrated() -> None:
    camera, number = Camera(Shift(odd=0.0), COUNTER, np.random.default_rng(5)), 4000
    answers = [[camera.look(quantity, 0.0) for _ in range(number)] for quantity in range(COUNTER.classes)]
    counts = np.asarray(CONFUSION["rendered"]["confusion"]) + 0.5
    rows = np.array([np.bincount(np.array(row) // 3, minlength=7) / number for row in answers])
    np.testing.assert_allclose(rows, counts / counts.sum(1, keepdims=True), atol=0.03)
    for answer, probabilities in enumerate(COUNTER.answers):
        times = np.array([row.count(answer) for row in answers])
        if times.sum() > 500:
            np.testing.assert_allclose(times / times.sum(), probabilities, atol=0.07)


def test_the_true_posterior_is_calibrated() -> None:
    pairs = [
        (true_posterior(history, SMALL, COUNTER), history.wrong)
        for seed in range(2)
        for history in histories(SMALL, COUNTER, np.random.default_rng(seed))
    ]
    said, wrong = np.array(pairs).T
    for low, high in ((0.0, 0.05), (0.05, 0.6), (0.6, 1.01)):
        part = (said >= low) & (said < high)
        error = np.sqrt((said[part] * (1 - said[part])).sum())
        assert abs(wrong[part].sum() - said[part].sum()) < 3 * error, "of bins with a probability p of being wrong, p of them are"


def test_bins_of_one_rank_are_found_evenly() -> None:
    curve = found_curve(np.array([True, False, False, True]), np.array([1.0, 0.0, 1.0, 0.0]))
    np.testing.assert_allclose(curve, [0, 0.25, 0.5, 0.75, 1])
