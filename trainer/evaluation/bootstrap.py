"""How far the figures could lie elsewhere by chance: a bootstrap over groups of images (pure).

Images of one group share articles and are often the same bin twice, so whole groups are drawn, not images.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trainer.evaluation.metrics import MAX_COUNT

RESAMPLES = 2000
LEVEL = 0.95
Interval = tuple[float, float]
_SMALL, _RIGHT, _SQUARED, _ABSOLUTE, _WITHIN, _ALL, _RIGHT_ALL = range(7)


def tallies(probabilities: NDArray[np.floating[Any]], quantities: NDArray[np.integer[Any]]) -> NDArray[np.float64]:
    """The sufficient statistics of each image.

    Args:
        probabilities: [n, 7].
        quantities: [n], true number of items.

    Returns:
        float64 [n, 7]: whether it has at most five items and, if so, right, squared error, absolute error, within one; then one, and
        right over all classes.
    """
    small = quantities <= MAX_COUNT
    off = np.abs(probabilities[:, : MAX_COUNT + 1].argmax(1) - quantities)
    right = probabilities.argmax(1) == np.minimum(quantities, MAX_COUNT + 1)
    columns = [small, small & (off == 0), small * off**2, small * off, small & (off <= 1), np.ones(len(quantities)), right]
    return np.stack([np.asarray(column, np.float64) for column in columns], 1)


def figures(sums: NDArray[np.float64]) -> dict[str, NDArray[np.float64]]:
    """The figures [...] of summed tallies [..., 7]; not a number where a sum holds no image."""
    with np.errstate(invalid="ignore"):
        small = sums[..., :_ALL] / sums[..., _SMALL, None]
        return {
            "accuracy": small[..., _RIGHT],
            "rmse": np.sqrt(small[..., _SQUARED]),
            "mae": small[..., _ABSOLUTE],
            "within_one": small[..., _WITHIN],
            "accuracy_all": sums[..., _RIGHT_ALL] / sums[..., _ALL],
        }


def resample(values: NDArray[np.float64], groups: Sequence[str], seed: int, resamples: int = RESAMPLES) -> NDArray[np.float64]:
    """Sums over parts of as many groups, drawn with replacement.

    Args:
        values: [n, columns], per image.
        groups: [n], to which group each image belongs, n > 0.
        seed: of the draws.
        resamples: how many.

    Returns:
        [resamples, columns].
    """
    names, place = np.unique(np.asarray(groups), return_inverse=True)
    sums = np.stack([np.bincount(place, column, len(names)) for column in values.T], 1)
    rng = np.random.default_rng(seed)
    drawn = (rng.integers(len(names), size=len(names)) for _ in range(resamples))
    return np.stack([np.bincount(one, minlength=len(names)) @ sums for one in drawn])


def interval(values: NDArray[np.float64]) -> Interval | None:
    """The middle 95 % of resampled figures; None where too few resamples hold an image for it."""
    finite = values[np.isfinite(values)]
    if len(finite) < len(values) / 2:
        return None
    low, high = np.percentile(finite, [50 * (1 - LEVEL), 50 * (1 + LEVEL)])
    return float(low), float(high)


def intervals(
    probabilities: NDArray[np.floating[Any]], quantities: NDArray[np.integer[Any]], groups: Sequence[str], seed: int
) -> dict[str, Interval | None]:
    """95 % percentile intervals of accuracy, RMSE, mean absolute error, within one, and accuracy over all classes.

    Args:
        probabilities: [n, 7], n > 0.
        quantities: [n].
        groups: [n].
        seed: of the draws.

    Returns:
        None for each where all images are of one group: it tells nothing about others.

    Source:
        Efron and Tibshirani 1993, An Introduction to the Bootstrap, section 13.3; Field and Welsh 2007, Bootstrapping
        clustered data (cluster bootstrap).
    """
    if len(set(groups)) < 2:
        return dict.fromkeys(figures(np.ones(7)))
    drawn = resample(tallies(probabilities, quantities), groups, seed)
    return {name: interval(values) for name, values in figures(drawn).items()}
