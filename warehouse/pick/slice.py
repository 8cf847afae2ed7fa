"""The picture of one more pick: how long the way gets, wherever it lies."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from bintally.errors import InputError
from bintally.layouts import Cart, Ladder, PickList
from warehouse.routing.cart.exact import solve_exact
from warehouse.routing.cart.problem import CartProblem, cart_problem
from warehouse.routing.cart.search import solve_search
from warehouse.routing.exact import optimal_lengths_m, pack
from warehouse.routing.pictures import draw_slice

# a schedule takes a thousand times as long as a tour: larger cells
_CART_CELLS = 24
# up to here the exact method is as fast as the search
_EXACT_HANDFULS = 12


def draw_one_more(path: Path, ladder: Ladder, picks: PickList, cart: Cart | None) -> None:
    """Draw the length of the shortest tour, or the time of the best schedule, with one more pick at each place of the ladder.

    Raises:
        InputError: the ladder has one-way rules.
    """
    if not ladder.ways.free:
        raise InputError(f"{path}: not drawn for one-way aisles and turning bans, which take too long a pick; leave the rules out")
    if cart is None:
        draw_slice(path, ladder, picks, lambda lists: optimal_lengths_m(ladder, pack(lists)), "shortest tour with one more pick, m")
        return

    def times_s(lists: Sequence[PickList]) -> list[float]:
        return [_time_s(cart_problem(ladder, more, cart)) for more in lists]

    draw_slice(path, ladder, picks, times_s, "time with one more pick, s", step_m=ladder.y_m[-1] / _CART_CELLS)


def _time_s(problem: CartProblem) -> float:
    """Of hundreds of lists; their bounds would take minutes, and nobody sees them."""
    return (solve_exact(problem) if problem.handfuls <= _EXACT_HANDFULS else solve_search(problem)).time_s
