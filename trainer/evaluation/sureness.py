"""How sure a model may be of its answers: temperature and abstain threshold, fitted on images that it is not judged by (pure)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from trainer.evaluation.calibration import fit_temperature, softmax
from trainer.evaluation.selective import abstain_threshold

_FOLDS = 5


@dataclass(frozen=True)
class Sureness:
    """A model's answers with their calibrated confidence.

    Attributes:
        probabilities: float64 [n, 7].
        thresholds: [n], below which each answer is unsure.
        temperature: what the logits were divided by; the mean where folds differ.
        promised: accuracy promised above the threshold.
        source: where temperature and threshold come from, in words.
    """

    probabilities: NDArray[np.float64]
    thresholds: NDArray[np.float64]
    temperature: float
    promised: float
    source: str


def given(logits: NDArray[np.float64], temperature: float, threshold: float, promised: float, source: str) -> Sureness:
    """Apply one temperature and one threshold to logits [n, 7]."""
    return Sureness(softmax(logits, temperature), np.full(len(logits), threshold), temperature, promised, source)


def fit(logits: NDArray[np.float64], classes: NDArray[np.int64], promised: float) -> tuple[float, float]:
    """Temperature and threshold that suit logits [n, 7] with their true classes [n]."""
    temperature = fit_temperature(logits, classes)
    probabilities = softmax(logits, temperature)
    return temperature, abstain_threshold(probabilities.max(1), probabilities.argmax(1) == classes, promised)


def cross_fit(logits: NDArray[np.float64], classes: NDArray[np.int64], groups: Sequence[str], promised: float, seed: int) -> Sureness:
    """Fit temperature and threshold for each fifth of the groups on the other four, so that no image judges itself.

    Args:
        logits: [n, 7].
        classes: [n], the true class.
        groups: [n].
        promised: accuracy promised above the threshold.
        seed: of the folds.
    """
    names, place = np.unique(np.asarray(groups), return_inverse=True)
    folds = min(_FOLDS, len(names))
    if folds < 2:
        return given(logits, 1.0, 1.0, promised, "not fitted, as all images are of one group")
    fold = (np.random.default_rng(seed).permutation(len(names)) % folds)[place]
    temperatures, thresholds = np.ones(len(logits)), np.ones(len(logits))
    for here in (fold == number for number in range(folds)):
        temperatures[here], thresholds[here] = fit(logits[~here], classes[~here], promised)
    source = f"fitted crosswise: for each of {folds} folds of this part's groups, on the others"
    return Sureness(softmax(logits / temperatures[:, None]), thresholds, float(temperatures.mean()), promised, source)
