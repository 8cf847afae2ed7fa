"""Judges for tests, and an estimator that errs by a known amount."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np

from bintally.errors import InputError
from bintally.layouts import Cart, Ladder
from warehouse.batching.problem import Floats, Ints
from warehouse.routing.cart.best import best_times_s
from warehouse.routing.exact import PackedLists


@dataclass(frozen=True)
class FakeEstimates:
    value: Floats
    spread: Floats


@dataclass
class FakeEstimator:
    """The best schedules' times, each off by a seeded error of its own, the same whenever it is asked.

    Attributes:
        ladder, cart: all that it knows.
        spread: the relative standard deviation of its errors.
        asked: lists so far.
    """

    ladder: Ladder
    cart: Cart
    spread: float = 0.01
    asked: int = 0

    def check(self, ladder: Ladder, cart: Cart) -> None:
        if (ladder, cart) != (self.ladder, self.cart):
            raise InputError("the estimator was made for another layout or cart")

    def values(self, lists: PackedLists, quantities: Ints) -> FakeEstimates:
        self.asked += len(lists)
        times_s = best_times_s(self.ladder, self.cart, lists, quantities, exact=12) - self.cart.pick_s * np.diff(lists.first)
        errors = np.array([self._error(lists, quantities, number) for number in range(len(lists))])
        return FakeEstimates(times_s * (1.0 + self.spread * errors), np.full(len(lists), self.spread))

    def _error(self, lists: PackedLists, quantities: Ints, number: int) -> float:
        places = slice(int(lists.first[number]), int(lists.first[number + 1]))
        text = b"".join(part[places].tobytes() for part in (lists.columns, lists.y_m, quantities))
        return float(np.random.default_rng(np.frombuffer(hashlib.sha256(text).digest(), np.uint32)).normal())
