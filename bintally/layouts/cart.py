"""The cart of the worker-and-cart problem; docs/picking.md defines the problem."""

from __future__ import annotations

from dataclasses import dataclass

from bintally.errors import InputError

SLOWEST_M_S, FASTEST_M_S, LONGEST_S = 0.01, 100.0, 1e6
"""Beyond these a number is a slip of the pen; and times so different that their sum is one of them tell no schedule from another."""


@dataclass(frozen=True)
class Cart:
    """A worker and a cart.

    Attributes:
        walk_m_s: the worker's speed without the cart, at least ``SLOWEST_M_S`` and at most ``FASTEST_M_S``.
        push_m_s: with it; never faster.
        hands: items that the worker can carry, K; None for any number.
        park_s: paid once each time the cart is left standing, however many loops are then walked from there.
        pick_s: paid for each place that is picked from.
        in_aisles: whether it may be pushed through whole sub-aisles, where picks are laid straight into it.

    Raises:
        InputError: a value is out of its range.
    """

    walk_m_s: float = 1.4
    push_m_s: float = 0.7
    hands: int | None = 6
    park_s: float = 3.0
    pick_s: float = 5.0
    in_aisles: bool = True

    def __post_init__(self) -> None:
        if not SLOWEST_M_S <= self.push_m_s <= self.walk_m_s <= FASTEST_M_S:
            raise InputError(
                f"speeds of {self.walk_m_s:g} m/s without and {self.push_m_s:g} m/s with the cart: both must be from {SLOWEST_M_S:g} to "
                f"{FASTEST_M_S:g}, and the cart never the faster one"
            )
        if self.hands is not None and self.hands < 1:
            raise InputError(f"hands for {self.hands} items: at least 1")
        if not (0 <= self.park_s <= LONGEST_S and 0 <= self.pick_s <= LONGEST_S):
            raise InputError(f"{self.park_s:g} s to park and {self.pick_s:g} s a pick: both must be from 0 to {LONGEST_S:g}")
