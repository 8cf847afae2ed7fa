"""A counter that may say «unsure»: what its answers are worth when only the surest are taken (pure)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

COVERAGES = (50, 80, 95)
"""Shares of the images in per cent for which the accuracy is told."""
_Z95 = 1.959964


@dataclass(frozen=True)
class Selective:
    """Accuracy among the surest answers.

    Attributes:
        accuracy_at: share answered in per cent → accuracy among those.
        risk_area: area under the risk–coverage curve, the mean share of wrong answers over all shares answered.
        curve: (share answered, accuracy among those), at each per cent.
    """

    accuracy_at: dict[int, float]
    risk_area: float
    curve: list[tuple[float, float]]


@dataclass(frozen=True)
class Promise:
    """What the abstain rule promised and kept.

    Attributes:
        threshold: answers with a smaller confidence are unsure.
        promised: accuracy promised among the answers given.
        n: images asked.
        answered: images answered.
        right: of these, right.
        share: ``answered`` of ``n``.
        accuracy: ``right`` of ``answered``, None where nothing was answered.
        interval: Wilson's 95 % interval of the accuracy, None where nothing was answered.
        kept: whether the promise does not lie above the interval; None where nothing was answered.
    """

    threshold: float
    promised: float
    n: int
    answered: int
    right: int
    share: float
    accuracy: float | None
    interval: tuple[float, float] | None
    kept: bool | None


def selective(confidence: NDArray[np.floating[Any]], right: NDArray[np.bool_]) -> Selective:
    """Rank the answers by confidence and look at the surest.

    Args:
        confidence: [n], probability of the answer, n > 0.
        right: [n], whether it was right.

    Source:
        Geifman and El-Yaniv 2017, Selective Classification for Deep Neural Networks, section 2.
    """
    order = np.argsort(-confidence, kind="stable")
    accuracy = np.cumsum(right[order]) / np.arange(1, len(order) + 1)

    def surest(per_cent: int) -> float:
        return float(accuracy[-(-per_cent * len(order) // 100) - 1])

    return Selective(
        accuracy_at={per_cent: surest(per_cent) for per_cent in COVERAGES},
        risk_area=float(1 - accuracy.mean()),
        curve=[(per_cent / 100, surest(per_cent)) for per_cent in range(1, 101)],
    )


def promise(
    confidence: NDArray[np.floating[Any]], right: NDArray[np.bool_], thresholds: NDArray[np.floating[Any]], promised: float
) -> Promise:
    """See whether the abstain rule keeps its promise on images that it was not chosen on.

    Args:
        confidence: [n], probability of the answer, n > 0.
        right: [n], whether it was right.
        thresholds: [n], the threshold for each image; 1 makes it unsure whatever the confidence, as the agent has it.
        promised: accuracy promised among the answers given.
    """
    given = (confidence >= thresholds) & (thresholds < 1)
    answered, good = int(given.sum()), int(right[given].sum())
    interval = wilson(good, answered) if answered else None
    return Promise(
        threshold=float(thresholds.mean()),
        promised=promised,
        n=len(confidence),
        answered=answered,
        right=good,
        share=answered / len(confidence),
        accuracy=good / answered if answered else None,
        interval=interval,
        kept=None if interval is None else promised <= interval[1],
    )


def wilson(hits: int, n: int) -> tuple[float, float]:
    """The 95 % interval of a share of n > 0 independent trials.

    Source:
        Wilson 1927, Probable Inference, the Law of Succession, and Statistical Inference.
    """
    share, square = hits / n, _Z95**2
    middle = (share + square / (2 * n)) / (1 + square / n)
    half = _Z95 / (1 + square / n) * math.sqrt(share * (1 - share) / n + square / (4 * n * n))
    return min(share, max(0.0, middle - half)), max(share, min(1.0, middle + half))  # rounding keeps the share inside


def abstain_threshold(confidence: NDArray[np.floating[Any]], right: NDArray[np.bool_], promised: float) -> float:
    """The smallest confidence from which on the answers are right as often as promised.

    Args:
        confidence: [n], probability of the answer.
        right: [n], whether it was right.
        promised: accuracy wanted among the answers given, 0 to 1.

    Returns:
        A threshold; 1.0 where no threshold keeps the promise (every answer is then unsure).
    """
    if not len(confidence):
        return 1.0
    order = np.argsort(-confidence, kind="stable")
    accuracy = np.cumsum(right[order]) / np.arange(1, len(order) + 1)
    ends = np.flatnonzero(np.append(np.diff(confidence[order]) != 0, True))  # a threshold cannot part equal confidences
    kept = ends[accuracy[ends] >= promised]
    return float(confidence[order][kept[-1]]) if len(kept) else 1.0
