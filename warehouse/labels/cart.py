"""The cart's time of many lists: exact for short ones, searched beyond."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from bintally.labels import ALONG, Label
from bintally.layouts import Cart
from warehouse.labels.batch import Batch
from warehouse.routing.cart.along import along_tours_s
from warehouse.routing.cart.exact import best_s, most_handfuls
from warehouse.routing.cart.problem import CartProblem, cart_problem
from warehouse.routing.cart.search import searched
from warehouse.routing.cart.useful import narrowed

SECONDS, PROVEN = "cart_s", "cart_proven"
EXACT_HANDFULS = 11
"""Up to here the exact method takes no longer than the search."""
LEAST_ITERATIONS, ITERATIONS_A_HANDFUL = 2000, 75
"""Of the search; docs/labels.md tells what they leave to be found."""
_ROUNDED_UP = 1 + 1e-6
"""Times along tours are sums in float32; so no label is below its schedule's time."""


@dataclass(frozen=True)
class CartTimes:
    """The best schedule of a worker and a cart.

    Attributes:
        cart: the worker and the cart.
    """

    cart: Cart

    @property
    def labels(self) -> Mapping[str, Label]:
        iterations = f"{ITERATIONS_A_HANDFUL} iterations a handful, at least {LEAST_ITERATIONS},"
        method = f"exact up to {EXACT_HANDFULS} handfuls, searched with {iterations} beyond"
        return {
            SECONDS: Label(
                unit="s",
                about=f"time of the best schedule with the sheet's cart, without pick_s: walking, pushing and parking; {method}",
            ),
            ALONG: Label(
                unit="s", about=f"time of the best schedule that takes the places in the order of the shortest tour, otherwise as {SECONDS}"
            ),
            PROVEN: Label(unit="", about=f"1 where no schedule is faster than {SECONDS}, 0 where that is not proven"),
        }

    def __call__(self, batch: Batch) -> Mapping[str, npt.NDArray[np.float64]]:
        cart = replace(self.cart, pick_s=0.0)
        found = np.array([_timed(narrowed(cart_problem(batch.ladder, picks, cart))) for _, picks in batch.lists()])
        seconds, proven = found[:, 0], found[:, 1].copy()
        along = along_tours_s(batch.ladder, cart, batch.packed(), batch.drawn.quantities)
        return {SECONDS: np.where(proven, seconds, np.minimum(seconds, along * _ROUNDED_UP)), ALONG: along, PROVEN: proven}


def _timed(problem: CartProblem) -> tuple[float, float]:
    """Seconds, and whether they are proven."""
    if problem.handfuls <= min(EXACT_HANDFULS, most_handfuls(problem)):
        return best_s(problem), 1.0
    iterations = max(LEAST_ITERATIONS, ITERATIONS_A_HANDFUL * problem.handfuls)
    return searched(problem, iterations=iterations)[0], 0.0
