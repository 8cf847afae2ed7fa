"""The picture of one more pick: how long the way gets, wherever it lies."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from bintally.layouts import Cart, Ladder, PickList
from warehouse.pick.route import best_schedule
from warehouse.routing.cart.problem import cart_problem
from warehouse.routing.exact import optimal_lengths_m, pack
from warehouse.routing.pictures import draw_slice

# a schedule takes a thousand times as long as a tour: larger cells
_CART_CELLS = 24


def draw_one_more(path: Path, ladder: Ladder, picks: PickList, cart: Cart | None) -> None:
    """Draw the length of the shortest tour, or the time of the best schedule, with one more pick at each place of the ladder."""
    if cart is None:
        draw_slice(path, ladder, picks, lambda lists: optimal_lengths_m(ladder, pack(lists)), "shortest tour with one more pick, m")
        return

    def times_s(lists: Sequence[PickList]) -> list[float]:
        return [best_schedule(cart_problem(ladder, more, cart), "auto", None, 0).time_s for more in lists]

    draw_slice(path, ladder, picks, times_s, "time with one more pick, s", step_m=ladder.y_m[-1] / _CART_CELLS)
