"""What is minimised, and who says how much of it a batch takes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Protocol, get_args

from bintally.errors import UsageError
from bintally.layouts import Cart, Ladder
from warehouse.batching.problem import Floats, Ints
from warehouse.routing.exact import PackedLists

JudgeName = Literal["exact", "estimate", "estimate-then-exact"]


class Estimates(Protocol):
    """What an estimator says of n lists.

    Attributes:
        value: float64[n], seconds of the best schedule without ``pick_s``.
        spread: float64[n], the relative standard deviation of its error.
    """

    @property
    def value(self) -> Floats: ...
    @property
    def spread(self) -> Floats: ...


class Estimator(Protocol):
    """A stand-in for the best schedules of one layout and cart; `warehouse.estimator` has one."""

    def check(self, ladder: Ladder, cart: Cart) -> None:
        """Raises:
        InputError: it was made for another layout or cart.
        """
        ...

    def values(self, lists: PackedLists, quantities: Ints) -> Estimates:
        """Estimate n lists; ``quantities`` are the items of each of their places."""
        ...


@dataclass(frozen=True)
class Objective:
    """What is minimised.

    Attributes:
        cart: the total time of the cart's schedules, travel, parking and picking; None for the total length of the shortest tours.
        judge: who times a batch: the best schedule (``exact``), an estimator, or an estimator whose best batches are timed exactly.
        estimator: for the last two.

    Raises:
        UsageError: these do not go together.
    """

    cart: Cart | None = None
    judge: JudgeName = "exact"
    estimator: Estimator | None = None

    def __post_init__(self) -> None:
        if self.judge not in get_args(JudgeName):
            raise UsageError(f"there is no judge {self.judge!r}; there are {', '.join(get_args(JudgeName))}")
        if self.judge == "exact" and self.estimator is not None:
            raise UsageError(
                "an estimator is given, but batches are judged exactly: choose estimate or estimate-then-exact, or leave it out"
            )
        if self.judge != "exact" and self.cart is None:
            raise UsageError(f"to {self.judge}, give a cart: without one, exact lengths are faster than estimates")
        if self.judge != "exact" and self.estimator is None:
            raise UsageError(f"to {self.judge}, give an estimator: a bundle that was trained for this layout and cart")
