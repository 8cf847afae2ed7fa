"""Is one counter better than another, or was it luck: paired tests on the same images (pure)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trainer.evaluation.bootstrap import Interval, figures, interval, resample, tallies
from trainer.evaluation.metrics import MAX_COUNT

ALPHA = 0.05


@dataclass(frozen=True)
class Difference:
    """One figure of both, and b less a with the 95 % interval of a paired bootstrap over groups (None for a single group)."""

    a: float
    b: float
    difference: float
    interval: Interval | None

    @property
    def beyond_chance(self) -> bool:
        """Whether the interval leaves out zero."""
        return self.interval is not None and not self.interval[0] <= 0 <= self.interval[1]


@dataclass(frozen=True)
class Discordant:
    """Images that only one of the two has right, and how likely so uneven a parting is by chance (McNemar's exact test)."""

    only_a: int
    only_b: int
    p_value: float


@dataclass(frozen=True)
class Comparison:
    """Two counters on the same images.

    Attributes:
        n: images with at most five items.
        n_all: all images.
        groups: groups of images.
        differences: ``accuracy`` and ``rmse`` on images with at most five items, ``accuracy_all`` on all; the first two are left
            out where there is no such image.
        discordant: who has which images right, for ``accuracy`` and ``accuracy_all``.
        verdict: one sentence.
    """

    n: int
    n_all: int
    groups: int
    differences: dict[str, Difference]
    discordant: dict[str, Discordant]
    verdict: str


def compare(
    a: NDArray[np.floating[Any]],
    b: NDArray[np.floating[Any]],
    quantities: NDArray[np.integer[Any]],
    groups: Sequence[str],
    seed: int,
) -> Comparison:
    """Compare two counters.

    Args:
        a: probabilities of one, [n, 7], n > 0.
        b: probabilities of the other on the same images.
        quantities: [n], true number of items.
        groups: [n], whole groups are drawn.
        seed: of the bootstrap.
    """
    of_a, of_b = tallies(a, quantities), tallies(b, quantities)
    small = quantities <= MAX_COUNT
    names = ("accuracy", "rmse", "accuracy_all") if small.any() else ("accuracy_all",)
    differences = _differences(of_a, of_b, groups, seed, names)
    discordant = {"accuracy": _discordant(of_a[small, 1], of_b[small, 1])} if small.any() else {}
    discordant["accuracy_all"] = _discordant(of_a[:, 6], of_b[:, 6])
    return Comparison(int(small.sum()), len(quantities), len(set(groups)), differences, discordant, _verdict(differences, discordant))


def mcnemar(only_a: int, only_b: int) -> float:
    """How likely so uneven a parting of the images that only one has right is, if both were equally good; two-sided, exact.

    Source:
        McNemar 1947, Note on the sampling error of the difference between correlated proportions; here with the binomial
        distribution itself.
    """
    n, total, term = only_a + only_b, 0, 1
    for i in range(min(only_a, only_b) + 1):
        total += term
        term = term * (n - i) // (i + 1)
    return min(1.0, 2 * total / (1 << n))


def _differences(
    of_a: NDArray[np.float64], of_b: NDArray[np.float64], groups: Sequence[str], seed: int, names: Sequence[str]
) -> dict[str, Difference]:
    both = np.concatenate((of_a, of_b), 1)
    width = of_a.shape[1]
    whole = [figures(part.sum(0)) for part in (of_a, of_b)]
    drawn = resample(both, groups, seed)
    again = [figures(part) for part in (drawn[:, :width], drawn[:, width:])]
    several = len(set(groups)) > 1
    return {
        name: Difference(
            a=float(whole[0][name]),
            b=float(whole[1][name]),
            difference=float(whole[1][name] - whole[0][name]),
            interval=interval(again[1][name] - again[0][name]) if several else None,
        )
        for name in names
    }


def _discordant(right_a: NDArray[np.float64], right_b: NDArray[np.float64]) -> Discordant:
    only_a, only_b = int((right_a > right_b).sum()), int((right_b > right_a).sum())
    return Discordant(only_a, only_b, mcnemar(only_a, only_b))


def _verdict(differences: dict[str, Difference], discordant: dict[str, Discordant]) -> str:
    name = "accuracy" if "accuracy" in differences else "accuracy_all"
    accuracy, test = differences[name], discordant[name]
    points = f"{100 * abs(accuracy.difference):.1f} points ({_range(accuracy, 100, 1)}, McNemar p = {test.p_value:.2g})"
    if accuracy.beyond_chance and test.p_value < ALPHA:
        first = f"{'B' if accuracy.difference > 0 else 'A'} is right more often by {points}: more than chance"
    else:
        first = f"the accuracies differ by {points}: that may be chance"
    if "rmse" not in differences:
        return f"Over all classes, {first}."
    rmse = differences["rmse"]
    size = f"{abs(rmse.difference):.3f} ({_range(rmse, 1, 3)})"
    if rmse.beyond_chance:
        second = f"the RMSE of {'B' if rmse.difference < 0 else 'A'} is smaller by {size}: more than chance"
    else:
        second = f"the RMSEs differ by {size}: that may be chance"
    return f"With 0 to {MAX_COUNT} items, {first}; {second}."


def _range(difference: Difference, scale: float, digits: int) -> str:
    if difference.interval is None:
        return "no interval from a single group"
    low, high = (f"{scale * end:+.{digits}f}".replace("-", "−") for end in difference.interval)
    return f"B less A: 95 % interval {low} to {high}"
