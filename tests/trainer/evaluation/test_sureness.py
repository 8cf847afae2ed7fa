"""Temperature and threshold are never fitted on the images that they are judged by."""

from __future__ import annotations

import numpy as np
import pytest

from trainer.evaluation.calibration import softmax
from trainer.evaluation.sureness import cross_fit, fit

RNG = np.random.default_rng(12)
LOGITS = RNG.normal(0, 2, (300, 7))
CLASSES = (RNG.random((300, 1)) > softmax(LOGITS, 1.5).cumsum(1)[:, :-1]).sum(1)
GROUPS = [str(i // 3) for i in range(300)]


def test_labels_of_a_group_do_not_touch_its_own_confidence() -> None:
    before = cross_fit(LOGITS, CLASSES, GROUPS, 0.6, seed=1)
    changed = CLASSES.copy()
    changed[30:33] = (CLASSES[30:33] + 3) % 7
    after = cross_fit(LOGITS, changed, GROUPS, 0.6, seed=1)
    np.testing.assert_array_equal(after.probabilities[30:33], before.probabilities[30:33])
    np.testing.assert_array_equal(after.thresholds[30:33], before.thresholds[30:33])
    assert not np.array_equal(after.probabilities, before.probabilities)


def test_every_group_stands_in_one_fold_and_there_are_five() -> None:
    thresholds = cross_fit(LOGITS, CLASSES, GROUPS, 0.6, seed=1).thresholds.reshape(100, 3)
    assert (thresholds == thresholds[:, :1]).all()
    assert 2 <= len(set(thresholds[:, 0])) <= 5


def test_the_temperature_is_near_the_one_fitted_on_everything() -> None:
    assert cross_fit(LOGITS, CLASSES, GROUPS, 0.6, seed=1).temperature == pytest.approx(fit(LOGITS, CLASSES, 0.6)[0], rel=0.05)


def test_one_group_alone_is_left_as_it_is_and_answers_nothing() -> None:
    found = cross_fit(LOGITS, CLASSES, ["one"] * 300, 0.6, seed=1)
    np.testing.assert_array_equal(found.probabilities, softmax(LOGITS))
    assert (found.thresholds == 1).all()
    assert "not fitted" in found.source
