"""Metrics of a counter as pure functions over probabilities and true quantities.

Accuracy and RMSE follow the ABID challenge: images with at most five items, the largest probability among 0–5 decides.
Source: https://github.com/silverbottlep/abid_challenge
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

MAX_COUNT = 5
"""The challenge's largest count; the class after it is open: «6 or more»."""


def scores(probabilities: NDArray[np.floating[Any]], quantities: NDArray[np.integer[Any]]) -> dict[str, Any]:
    """Score a counter.

    Args:
        probabilities: [n, 7], rows sum to 1; the last class is «6 or more».
        quantities: [n], true number of items, 0 or more.

    Returns:
        ``n``, ``accuracy``, ``rmse``, ``mae`` and ``per_class`` (count → accuracy, rmse, n) over images with at most five
        items; ``n_all``, ``accuracy_all``, ``per_class_all`` (with ``6+``) and ``ece`` over all images and classes. A figure
        over no image is None.

    Raises:
        ValueError: the shapes do not fit.
    """
    if probabilities.ndim != 2 or probabilities.shape != (len(quantities), MAX_COUNT + 2):
        raise ValueError(f"probabilities {probabilities.shape} do not fit {len(quantities)} quantities and {MAX_COUNT + 2} classes")
    small = quantities <= MAX_COUNT
    counted = probabilities[small, : MAX_COUNT + 1].argmax(1) if small.any() else np.zeros(0, int)
    truth = quantities[small]
    classes = np.minimum(quantities, MAX_COUNT + 1)
    decided = probabilities.argmax(1) if len(quantities) else np.zeros(0, int)
    right = decided == classes
    return {
        "n": len(truth),
        "accuracy": _mean(counted == truth),
        "rmse": _root(_mean((counted - truth) ** 2)),
        "mae": _mean(np.abs(counted - truth)),
        "per_class": {str(k): _of_class(counted, truth, k) for k in range(MAX_COUNT + 1)},
        "n_all": len(quantities),
        "accuracy_all": _mean(right),
        "per_class_all": {_name(k): {"accuracy": _mean(right[classes == k]), "n": int((classes == k).sum())} for k in range(MAX_COUNT + 2)},
        "ece": expected_calibration_error(probabilities, classes),
    }


def _of_class(counted: NDArray[Any], truth: NDArray[Any], k: int) -> dict[str, Any]:
    here = counted[truth == k]
    return {"accuracy": _mean(here == k), "rmse": _root(_mean((here - k) ** 2)), "n": len(here)}


def _name(k: int) -> str:
    return str(k) if k <= MAX_COUNT else f"{k}+"


def expected_calibration_error(probabilities: NDArray[np.floating[Any]], classes: NDArray[np.integer[Any]], bins: int = 15) -> float | None:
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
    confidence = probabilities.max(1)
    right = probabilities.argmax(1) == classes
    which = np.minimum((confidence * bins).astype(int), bins - 1)
    gap = np.bincount(which, weights=right - confidence, minlength=bins)
    return float(np.abs(gap).sum() / len(classes))


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


def _mean(values: NDArray[Any]) -> float | None:
    return float(values.mean()) if len(values) else None


def _root(value: float | None) -> float | None:
    return None if value is None else float(np.sqrt(value))
