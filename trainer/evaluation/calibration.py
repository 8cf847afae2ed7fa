"""Is a counter as sure as it may be: reliability, calibration error, and the temperature that mends it (pure)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

BINS = 15
DRAWS = 2000
_CHUNK = 4_000_000
"""Random numbers held at once."""


@dataclass(frozen=True)
class ReliabilityBin:
    """The answers of one range of confidence.

    Attributes:
        low: lower end of the range.
        high: upper end of the range.
        n: how many answers.
        confidence: their mean confidence, None where there are none.
        accuracy: share of them that was right, None where there are none.
    """

    low: float
    high: float
    n: int
    confidence: float | None
    accuracy: float | None


@dataclass(frozen=True)
class Calibration:
    """How far confidence and accuracy lie apart.

    Attributes:
        ece: expected calibration error.
        chance: the 95th percentile of that error for a perfectly calibrated counter with the same confidences and as many images.
        calibrated: whether ``ece`` is not above ``chance``.
        bins: the reliability diagram.
    """

    ece: float
    chance: float
    calibrated: bool
    bins: list[ReliabilityBin]


def softmax(logits: NDArray[np.floating[Any]], temperature: float = 1.0) -> NDArray[np.float64]:
    """Probabilities [n, classes] of logits [n, classes] that are divided by the temperature first."""
    scaled = np.asarray(logits, np.float64) / temperature
    spread = np.exp(scaled - scaled.max(1, keepdims=True))
    return np.asarray(spread / spread.sum(1, keepdims=True), np.float64)


def calibration(probabilities: NDArray[np.floating[Any]], classes: NDArray[np.integer[Any]], seed: int) -> Calibration:
    """Measure how well confidence and accuracy agree.

    Args:
        probabilities: [n, classes], n > 0.
        classes: [n], the true class.
        seed: of the simulation.
    """
    confidence = probabilities.max(1)
    right = probabilities.argmax(1) == classes
    ece, chance = _error(confidence, right, BINS), chance_error(confidence, seed)
    return Calibration(ece, chance, ece <= chance, reliability(confidence, right))


def reliability(confidence: NDArray[np.floating[Any]], right: NDArray[np.bool_], bins: int = BINS) -> list[ReliabilityBin]:
    """The reliability diagram over equally wide ranges of confidence.

    Args:
        confidence: [n], probability of the answer.
        right: [n], whether it was right.
        bins: number of ranges.
    """
    which = _bin_of(confidence, bins)
    return [
        ReliabilityBin(b / bins, (b + 1) / bins, int(here.sum()), *(_mean(confidence[here]), _mean(right[here])))
        for b in range(bins)
        for here in [which == b]
    ]


def expected_calibration_error(
    probabilities: NDArray[np.floating[Any]], classes: NDArray[np.integer[Any]], bins: int = BINS
) -> float | None:
    """Mean distance between confidence and accuracy over equally wide bins of confidence, weighted by images.

    Args:
        probabilities: [n, classes].
        classes: [n], the true class.
        bins: number of bins.

    Source:
        Guo et al. 2017, On Calibration of Modern Neural Networks, section 2.
    """
    if not len(classes):
        return None
    return _error(probabilities.max(1), probabilities.argmax(1) == classes, bins)


def chance_error(confidence: NDArray[np.floating[Any]], seed: int, percentile: float = 95, bins: int = BINS) -> float:
    """The calibration error that a perfectly calibrated counter stays below by chance, in so many cases of a hundred.

    Each of its answers is right with exactly its confidence; 2,000 parts as large as this one are drawn.

    Args:
        confidence: [n], n > 0.
        seed: of the draws.
        percentile: 0 to 100.
        bins: as in ``expected_calibration_error``.

    Source:
        Vaicenavicius et al. 2019, Evaluating model calibration in classification, section 5 (consistency resampling), with
        the labels drawn and the confidences kept.
    """
    rng = np.random.default_rng(seed)
    inside = np.eye(bins, dtype=np.float32)[_bin_of(confidence, bins)]
    errors: list[NDArray[np.floating[Any]]] = []
    for start in range(0, DRAWS, step := max(1, _CHUNK // len(confidence))):
        drawn = rng.random((min(step, DRAWS - start), len(confidence)), np.float32) < confidence
        errors.append(np.abs((drawn - confidence).astype(np.float32) @ inside).sum(1) / len(confidence))
    return float(np.percentile(np.concatenate(errors), percentile))


def fit_temperature(logits: NDArray[np.floating[Any]], classes: NDArray[np.integer[Any]]) -> float:
    """Find the temperature that divides the logits for the smallest negative log likelihood, by golden-section search.

    Args:
        logits: [n, classes].
        classes: [n], the true class.

    Returns:
        A temperature between 0.2 and 5.

    Source:
        Guo et al. 2017, section 4.2.
    """
    low, high = np.log(0.2), np.log(5.0)
    golden = (np.sqrt(5) - 1) / 2

    def loss(log_temperature: float) -> float:
        scaled = logits / np.exp(log_temperature)
        top = scaled.max(1, keepdims=True)
        log_sum = top[:, 0] + np.log(np.exp(scaled - top).sum(1))
        return float((log_sum - scaled[np.arange(len(classes)), classes]).mean())

    while high - low > 1e-4:
        left, right = high - golden * (high - low), low + golden * (high - low)
        low, high = (low, right) if loss(left) < loss(right) else (left, high)
    return float(np.exp((low + high) / 2))


def _bin_of(confidence: NDArray[np.floating[Any]], bins: int) -> NDArray[np.int64]:
    return np.minimum((confidence * bins).astype(np.int64), bins - 1)


def _error(confidence: NDArray[np.floating[Any]], right: NDArray[np.bool_], bins: int) -> float:
    gap = np.bincount(_bin_of(confidence, bins), weights=right - confidence, minlength=bins)
    return float(np.abs(gap).sum() / len(confidence))


def _mean(values: NDArray[Any]) -> float | None:
    return float(values.mean()) if len(values) else None
