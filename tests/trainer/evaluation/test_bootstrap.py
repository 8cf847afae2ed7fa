"""The bootstrap: its figures are the metrics', and its intervals know of groups."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given

from tests.trainer.evaluation.test_metrics import Answers, answers
from trainer.evaluation.bootstrap import figures, interval, intervals, resample, tallies
from trainer.evaluation.metrics import scores


@given(answers())
def test_figures_of_the_tallies_are_the_scores(given_: Answers) -> None:
    found, expected = figures(tallies(*given_).sum(0)), scores(*given_)
    for name, value in found.items():
        assert (None if np.isnan(value) else float(value)) == (None if expected[name] is None else pytest.approx(expected[name])), name


def test_whole_groups_are_drawn() -> None:
    groups = ["a", "b", "b", "b", "c"]
    drawn = resample(np.array([[1.0, 0], [0, 1], [0, 1], [0, 1], [0, 0]]), groups, seed=5, resamples=500)
    assert set(drawn[:, 0]) == {0, 1, 2, 3}
    assert set(drawn[:, 1]) == {0, 3, 6, 9}
    assert drawn.sum(1).max() == 9


def test_a_resample_has_as_many_groups_as_the_part_and_the_same_seed_draws_the_same() -> None:
    values = np.stack((np.ones(50), np.arange(50.0)), 1)
    groups = [str(i) for i in range(50)]
    drawn = resample(values, groups, seed=5, resamples=70)
    assert (drawn[:, 0] == 50).all()
    np.testing.assert_array_equal(drawn, resample(values, groups, seed=5, resamples=70))
    assert not np.array_equal(drawn, resample(values, groups, seed=6, resamples=70))


def sample(number: int, accuracy: float) -> tuple[np.ndarray, np.ndarray]:
    """Bins with two items, of which a share is answered 2 and the rest 3."""
    answers_ = np.where(np.arange(number) < number * accuracy, 2, 3)
    return np.eye(7)[answers_], np.full(number, 2)


def test_the_interval_of_independent_images_is_that_of_the_binomial() -> None:
    probabilities, quantities = sample(400, 0.6)
    low, high = intervals(probabilities, quantities, [str(i) for i in range(400)], seed=1)["accuracy"] or (0, 0)
    half = 1.96 * np.sqrt(0.6 * 0.4 / 400)
    assert (low, high) == pytest.approx((0.6 - half, 0.6 + half), abs=0.008)


def test_copies_of_an_image_in_one_group_do_not_narrow_the_interval() -> None:
    probabilities, quantities = sample(100, 0.6)
    groups = [str(i) for i in range(100)]
    once = intervals(probabilities, quantities, groups, seed=1)
    fourfold = intervals(np.tile(probabilities, (4, 1)), np.tile(quantities, 4), groups * 4, seed=1)
    for name, ends in once.items():
        assert fourfold[name] == pytest.approx(ends)
    alone = intervals(np.tile(probabilities, (4, 1)), np.tile(quantities, 4), [str(i) for i in range(400)], seed=1)
    assert alone["accuracy"] is not None
    assert once["accuracy"] is not None
    assert np.ptp(alone["accuracy"]) == pytest.approx(np.ptp(once["accuracy"]) / 2, rel=0.15)


def test_a_single_group_gives_no_interval() -> None:
    assert set(intervals(*sample(20, 0.5), ["one"] * 20, seed=1).values()) == {None}


def test_no_image_with_few_items_gives_no_interval_of_the_challenge() -> None:
    found = intervals(np.eye(7)[[6, 6, 1]], np.array([6, 7, 8]), ["a", "b", "c"], seed=1)
    assert found["accuracy"] is None
    assert found["rmse"] is None
    assert found["accuracy_all"] is not None


def test_an_interval_passes_over_resamples_without_an_image() -> None:
    assert interval(np.array([np.nan, 0.5, 0.5, 0.5])) == (0.5, 0.5)
    assert interval(np.array([np.nan, np.nan, np.nan, 0.5])) is None
