"""Do the books agree with the bin: how well a counter tells a right expected quantity from a wrong one (pure).

The protocol: the books name each image's true class once, and once a wrong one within two of it. A wrong class weighs as
much as its share of the part's labels (one image added to each class), and the wrong classes of one image weigh together as much as the
true one. All of them are counted with these weights, so that nothing hangs on a draw. The counter's score of a mismatch is one less
its probability of the class that the books name. Quantities within the open class cannot be told apart.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

REACH = 2
"""How far wrong books are off at most."""
RECALLS = (50, 80, 95)
"""Shares of the mismatches in per cent at which the precision is told."""
RARE = 0.05
"""A share of wrong books as a warehouse may have it."""


@dataclass(frozen=True)
class AtRecall:
    """What catching a given share of the mismatches costs.

    Attributes:
        alarm_below: an expected class with at most this probability raises the alarm.
        false_alarms: share of the right books for which it is raised.
        precision: share of the alarms that is right, where half of the books are wrong.
        precision_rare: the same where five books in a hundred are wrong.
    """

    alarm_below: float
    false_alarms: float
    precision: float
    precision_rare: float


@dataclass(frozen=True)
class Verification:
    """How well wrong books are told from right ones.

    Attributes:
        auc: area under the ROC curve: how often a wrong expectation looks worse than a right one.
        auc_off_by: distance of the wrong quantity → area for those alone.
        at_recall: share of the mismatches in per cent → what catching it costs.
        curve: (share of false alarms, share of mismatches caught), rising.
    """

    auc: float
    auc_off_by: dict[int, float]
    at_recall: dict[int, AtRecall]
    curve: list[tuple[float, float]]


def verification(probabilities: NDArray[np.floating[Any]], classes: NDArray[np.integer[Any]]) -> Verification:
    """Measure verification against an expected quantity by the module's protocol.

    Args:
        probabilities: [n, classes], n > 0.
        classes: [n], the true class.
    """
    number = probabilities.shape[1]
    right = probabilities[np.arange(len(classes)), classes]
    weights = wrong_books(np.bincount(classes, minlength=number))[classes]
    distance = np.abs(np.arange(number) - classes[:, None])
    roc = _roc(right, probabilities.ravel(), weights.ravel())
    false_alarms, caught, levels = roc
    return Verification(
        auc=_area(roc),
        auc_off_by={d: _area(_roc(right, probabilities.ravel(), (weights * (distance == d)).ravel())) for d in range(1, REACH + 1)},
        at_recall={recall: _at(false_alarms, caught, levels, recall / 100) for recall in RECALLS},
        curve=_thinned(false_alarms, caught),
    )


def wrong_books(labels: NDArray[np.integer[Any]]) -> NDArray[np.float64]:
    """How likely wrong books name each class.

    Args:
        labels: [classes], images of each class.

    Returns:
        [classes, classes]: row, the truth; column, what the books say instead; rows sum to 1.
    """
    index = np.arange(len(labels))
    distance = np.abs(index - index[:, None])
    weights = ((distance > 0) & (distance <= REACH)) * (labels + 1.0)
    return np.asarray(weights / weights.sum(1, keepdims=True), np.float64)


_Roc = tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]


def _roc(right: NDArray[Any], wrong: NDArray[Any], weights: NDArray[Any]) -> _Roc:
    """False alarms, mismatches caught and the probability up to which the alarm is raised, one entry for each distinct probability."""
    levels, place = np.unique(np.concatenate((right, wrong)), return_inverse=True)
    false_alarms = np.bincount(place[: len(right)], minlength=len(levels)).cumsum() / len(right)
    caught = np.bincount(place[len(right) :], weights, len(levels)).cumsum()
    return np.append(0.0, false_alarms), np.append(0.0, caught / caught[-1]), np.append(0.0, levels)


def _area(roc: _Roc) -> float:
    false_alarms, caught, _ = roc
    return float((np.diff(false_alarms) * (caught[1:] + caught[:-1]) / 2).sum())


def _at(false_alarms: NDArray[np.float64], caught: NDArray[np.float64], levels: NDArray[np.float64], recall: float) -> AtRecall:
    first = int(np.searchsorted(caught, recall - 1e-12))

    def precision(wrong: float) -> float:
        return float(wrong * caught[first] / (wrong * caught[first] + (1 - wrong) * false_alarms[first]))

    return AtRecall(float(levels[first]), float(false_alarms[first]), precision(0.5), precision(RARE))


def _thinned(false_alarms: NDArray[np.float64], caught: NDArray[np.float64], points: int = 200) -> list[tuple[float, float]]:
    """Some two hundred points of the curve, evenly along it."""
    along = np.concatenate(([0.0], np.cumsum(np.diff(false_alarms) + np.diff(caught))))
    chosen = np.unique(np.searchsorted(along, np.linspace(0, along[-1], points)).clip(max=len(along) - 1))
    return [(float(false_alarms[i]), float(caught[i])) for i in chosen]
