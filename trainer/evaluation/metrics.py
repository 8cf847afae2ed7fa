"""Metrics of a counter as pure functions over probabilities and true quantities.

Accuracy and RMSE follow the ABID challenge: images with at most five items, the largest probability among 0–5 decides.
Source: https://github.com/silverbottlep/abid_challenge
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from trainer.evaluation.calibration import expected_calibration_error

MAX_COUNT = 5
"""The challenge's largest count; the class after it is open: «6 or more»."""


def scores(probabilities: NDArray[np.floating[Any]], quantities: NDArray[np.integer[Any]]) -> dict[str, Any]:
    """Score a counter.

    Args:
        probabilities: [n, 7], rows sum to 1; the last class is «6 or more».
        quantities: [n], true number of items, 0 or more.

    Returns:
        ``n``, ``accuracy``, ``rmse``, ``mae``, ``within_one`` (off by at most one) and ``per_class`` (count → accuracy, rmse,
        within_one, n) over images with at most five items; ``n_all``, ``accuracy_all``, ``per_class_all`` (with ``6+``) and ``ece``
        over all images and classes. A figure over no image is None.

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
        "within_one": _mean(np.abs(counted - truth) <= 1),
        "per_class": {str(k): _of_class(counted, truth, k) for k in range(MAX_COUNT + 1)},
        "n_all": len(quantities),
        "accuracy_all": _mean(right),
        "per_class_all": {
            class_name(k): {"accuracy": _mean(right[classes == k]), "n": int((classes == k).sum())} for k in range(MAX_COUNT + 2)
        },
        "ece": expected_calibration_error(probabilities, classes),
    }


def confusion(probabilities: NDArray[np.floating[Any]], quantities: NDArray[np.integer[Any]]) -> NDArray[np.int64]:
    """How many images of each class (row) got each answer (column) over all classes: int [7, 7].

    Args:
        probabilities: [n, 7].
        quantities: [n], true number of items.
    """
    matrix = np.zeros((MAX_COUNT + 2, MAX_COUNT + 2), np.int64)
    np.add.at(matrix, (np.minimum(quantities, MAX_COUNT + 1), probabilities.argmax(1)), 1)
    return matrix


def always_the_same(quantities: NDArray[np.integer[Any]]) -> dict[str, Any] | None:
    """The best that one and the same answer reaches on images with at most five items; None where there are none.

    Args:
        quantities: [n], true number of items.

    Returns:
        ``answer``, with its ``accuracy`` and ``rmse``.
    """
    truth = quantities[quantities <= MAX_COUNT]
    if not len(truth):
        return None
    answer = int(np.bincount(truth).argmax())
    return {"answer": answer, "accuracy": _mean(truth == answer), "rmse": _root(_mean((truth - answer) ** 2))}


def _of_class(counted: NDArray[Any], truth: NDArray[Any], k: int) -> dict[str, Any]:
    here = counted[truth == k]
    off = np.abs(here - k)
    return {"accuracy": _mean(off == 0), "rmse": _root(_mean(off**2)), "within_one": _mean(off <= 1), "n": len(here)}


def class_name(k: int) -> str:
    """``0`` to ``5``, and ``6+``."""
    return str(k) if k <= MAX_COUNT else f"{k}+"


def _mean(values: NDArray[Any]) -> float | None:
    return float(values.mean()) if len(values) else None


def _root(value: float | None) -> float | None:
    return None if value is None else float(np.sqrt(value))
