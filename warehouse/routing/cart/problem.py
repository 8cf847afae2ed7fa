"""The worker-and-cart problem as arrays.

A handful is what one visit to a place takes: a place with more items than the hands hold is visited ⌈q / K⌉ times, each time but the last
with full hands. The cart moves on the graph of stands: the intersections that it can reach.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from bintally.errors import InputError
from bintally.layouts import Cart, Ladder, PickList

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]

MOST_HANDFULS, MOST_STANDS = 5_000, 10_000
"""The distances between all pairs are kept; so many take 200 MB, and these 400 MB to all stands."""


@dataclass(frozen=True)
class CartProblem:
    """n handfuls, P stands.

    Attributes:
        ladder, picks, cart: what it was made from.
        hands: K, items; never more than all together.
        pick_of: int64[n], each handful's index in the pick list.
        items: int64[n], from 1 to K.
        sub_aisle: int64[n], column × blocks + block.
        columns, cross_aisles: int64[P], the stands' intersections.
        may_park: bool[P]; elsewhere the cart may only pass: columns without an aisle, but for the depots.
        start: the stand where the cart is at first.
        ends: int64[e], where it may be left, one for each of the ladder's ends that it can reach.
        end_s: float64[e], seconds from that stand to the drop-off.
        walk_s: float64[n, n], between handfuls, without the cart.
        reach_s: float64[P, n], between a stand and a handful, without the cart.
        move_to: int64[P, 4], the next stand to the left, right, front and back; -1 for none.
        move_s: float64[P, 4], seconds with the cart.
        move_sub_aisle: int64[P, 4], the sub-aisle that is passed, whose handfuls are laid into the cart; -1 in a cross aisle.
        fixed_s: seconds that every plan takes: from the depot to the first stand, and the picking.
    """

    ladder: Ladder
    picks: PickList
    cart: Cart
    hands: int
    pick_of: Ints
    items: Ints
    sub_aisle: Ints
    columns: Ints
    cross_aisles: Ints
    may_park: npt.NDArray[np.bool_]
    start: int
    ends: Ints
    end_s: Floats
    walk_s: Floats
    reach_s: Floats
    move_to: Ints
    move_s: Floats
    move_sub_aisle: Ints
    fixed_s: float

    @property
    def handfuls(self) -> int:
        """n."""
        return len(self.items)

    @property
    def stands(self) -> int:
        """P."""
        return len(self.columns)


def cart_problem(ladder: Ladder, picks: PickList, cart: Cart) -> CartProblem:
    """The problem of a list.

    Raises:
        InputError: the ladder has one-way rules, the cart can reach none of its ends, or there are too many handfuls or stands.
    """
    if not ladder.ways.free:
        raise InputError("one-way aisles and turning bans cannot be combined with a cart that is parked; leave one of them out")
    hands = max(1, int(picks.quantities.sum()))
    hands = hands if cart.hands is None else min(cart.hands, hands)
    handfuls = int(-(-picks.quantities // hands).sum())
    rows = np.arange(ladder.cross_aisles) if cart.in_aisles else np.array([ladder.start.cross_aisle])
    if handfuls > MOST_HANDFULS or ladder.columns * len(rows) > MOST_STANDS:
        raise InputError(
            f"{handfuls} handfuls of at most {hands} items and {ladder.columns * len(rows)} intersections are too many for a cart: at most "
            f"{MOST_HANDFULS} and {MOST_STANDS}; route shorter lists, or without the cart"
        )
    reached = [end for end in ladder.ends if end.cross_aisle in rows]
    if not reached:
        raise InputError("the cart cannot reach any end of the tour: let it be pushed through aisles (in_aisles), or move the end")
    pick_of, items = _handfuls(picks, hands)
    columns, cross_aisles = np.repeat(np.arange(ladder.columns), len(rows)), np.tile(rows, ladder.columns)
    start, *ends = (place.column * len(rows) + place.cross_aisle - int(rows[0]) for place in (ladder.start, *reached))
    may_park = np.array(ladder.aisles)[columns]
    may_park[[start, *ends]] = True
    move_to, move_s, move_sub_aisle = _moves(ladder, cart, columns, cross_aisles)
    y_m = np.array(ladder.y_m)
    at, at_y = picks.columns[pick_of], picks.y_m[pick_of]
    return CartProblem(
        ladder=ladder,
        picks=picks,
        cart=cart,
        hands=hands,
        pick_of=pick_of,
        items=items,
        sub_aisle=at * ladder.blocks + picks.blocks[pick_of],
        columns=columns,
        cross_aisles=cross_aisles,
        may_park=may_park,
        start=start,
        ends=np.array(ends, np.int64),
        end_s=np.array([end.walk_m / cart.push_m_s for end in reached]),
        walk_s=_distances_m(ladder, at, at_y, at, at_y) / cart.walk_m_s,
        reach_s=_distances_m(ladder, columns, y_m[cross_aisles], at, at_y) / cart.walk_m_s,
        move_to=move_to,
        move_s=move_s,
        move_sub_aisle=move_sub_aisle,
        fixed_s=ladder.start.walk_m / cart.push_m_s + cart.pick_s * len(picks),
    )


def _handfuls(picks: PickList, hands: int) -> tuple[Ints, Ints]:
    """The pick and the items of each: full hands, and what is left at last."""
    each = -(-picks.quantities // hands)
    items = np.full(int(each.sum()), hands, np.int64)
    items[np.cumsum(each) - 1] = (picks.quantities - 1) % hands + 1
    return np.repeat(np.arange(len(picks)), each), items


def _moves(ladder: Ladder, cart: Cart, columns: Ints, rows: Ints) -> tuple[Ints, Floats, Ints]:
    """The next stand, the seconds and the sub-aisle of the moves to the left, right, front and back, each [P, 4].

    Stands are numbered column by column, and in each by cross aisle.
    """
    number, each = np.arange(len(columns)), len(columns) // ladder.columns
    aisles, x_m, y_m = np.array(ladder.aisles)[columns], np.array(ladder.x_m)[columns], np.array(ladder.y_m)[rows]
    to = number[:, None] + np.array([-each, each, -1, 1])
    blocked = (columns == 0, columns == ladder.columns - 1, ~aisles | (number % each == 0), ~aisles | (number % each == each - 1))
    possible = ~np.stack(blocked, axis=1)
    next_ = np.where(possible, to, 0)
    metres = np.abs(x_m[:, None] - x_m[next_]) + np.abs(y_m[:, None] - y_m[next_])
    passed = columns[:, None] * ladder.blocks + np.minimum(rows[:, None], rows[next_])
    across = np.array([True, True, False, False])
    return np.where(possible, to, -1), np.where(possible, metres / cart.push_m_s, np.inf), np.where(possible & ~across, passed, -1)


def _distances_m(ladder: Ladder, columns: Ints, y_m: Floats, to_columns: Ints, to_y_m: Floats) -> Floats:
    """The shortest walks from each point to each pick, float64[a, b]; a point in a column without an aisle lies at a cross aisle."""
    x_m, aisles = np.array(ladder.x_m), np.array(ladder.aisles)
    along = np.abs(y_m[:, None] - to_y_m)
    by_row = (np.abs(y_m[:, None] - row) + np.abs(to_y_m - row) for row in ladder.y_m)
    around = np.where(aisles[columns][:, None], functools.reduce(np.minimum, by_row), along)
    across = np.abs(x_m[columns][:, None] - x_m[to_columns])
    return np.asarray(np.where(columns[:, None] == to_columns, along, across + around))
