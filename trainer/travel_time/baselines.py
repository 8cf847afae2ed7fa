"""What the network is measured against: estimates that need no network.

All are fitted to relative errors, as the network is. All but the boosted trees are a few numbers.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from trainer.travel_time.features import Features
from trainer.travel_time.lists import Lists

Floats = npt.NDArray[np.float64]
MOST_BOOSTED = 200_000
"""Training lists that the boosted trees are given; more take minutes."""
TREES = 500


def baselines(features: Features, train: Lists, test: Lists, seed: int = 0) -> dict[str, Floats]:
    """Estimates of the test lists, float64[n] by the baseline's name.

    Args:
        features: of the ladder.
        train: lists to fit to.
        test: lists to estimate.
        seed: of the boosted trees.
    """
    (base, simple), value = table(features, train), train.value.cpu().numpy().astype(np.float64)
    test_base, test_simple = table(features, test)
    shortest, test_shortest, last, test_last = base[:, 0], test_base[:, 0], base[:, -1], test_base[:, -1]
    ones, test_ones = np.ones_like(shortest), np.ones_like(test_shortest)
    found = {
        "shortest tour × constant": test_shortest * np.median(value / shortest),
        "regression on the shortest tour": _line(np.c_[ones, shortest], value)(np.c_[test_ones, test_shortest]),
    }
    if base.shape[1] > 1:
        found["regression on the time along it, too"] = _line(np.c_[ones, base], value)(np.c_[test_ones, test_base])
    return found | {
        "regression on simple features": _line(np.c_[ones, simple], value)(np.c_[test_ones, test_simple]),
        "gradient boosting": test_last * _boosted(simple, value / last, seed)(test_simple),
    }


def table(features: Features, lists: Lists) -> tuple[Floats, Floats]:
    """The bases float64[n, B], and simple features float64[n, f]: the totals, and what a person would ask of each sub-aisle."""
    import torch

    rows = []
    with torch.inference_mode():
        for picks, base, _ in lists.chunks():
            raster, totals = features(picks, base)
            rows.append(torch.cat([totals, features.of_sub_aisles(raster).flatten(1)], 1).cpu().numpy())
    return lists.base.cpu().numpy().astype(np.float64), np.concatenate(rows).astype(np.float64)


def _line(features: Floats, value: Floats) -> Callable[[Floats], Floats]:
    """Least squares of the relative error."""
    weights = np.linalg.lstsq(features / value[:, None], np.ones(len(value)), rcond=None)[0]
    return lambda others: others @ weights


def _boosted(features: Floats, ratio: Floats, seed: int) -> Callable[[Floats], Floats]:
    from sklearn.ensemble import HistGradientBoostingRegressor

    model = HistGradientBoostingRegressor(loss="absolute_error", max_iter=TREES, learning_rate=0.1, random_state=seed)
    model.fit(features[:MOST_BOOSTED], np.log(ratio[:MOST_BOOSTED]))
    return lambda others: np.exp(model.predict(others))
