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
    stands = _stands(ladder, cart.in_aisles)
    if handfuls > MOST_HANDFULS or len(stands) > MOST_STANDS:
        raise InputError(
            f"{handfuls} handfuls of at most {hands} items and {len(stands)} intersections are too many for a cart: at most "
            f"{MOST_HANDFULS} and {MOST_STANDS}; route shorter lists, or without the cart"
        )
    pick_of, items = _handfuls(picks, hands)
    number = {place: index for index, place in enumerate(stands)}
    columns, cross_aisles = (np.array(values, np.int64) for values in zip(*stands, strict=True))
    reached = [end for end in ladder.ends if (end.column, end.cross_aisle) in number]
    if not reached:
        raise InputError("the cart cannot reach any end of the tour: let it be pushed through aisles (in_aisles), or move the end")
    depots = {(place.column, place.cross_aisle) for place in (ladder.start, *ladder.ends)}
    moves = [_moves(ladder, cart, number, *stand) for stand in stands]
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
        may_park=np.array([ladder.aisles[column] or (column, cross) in depots for column, cross in stands]),
        start=number[ladder.start.column, ladder.start.cross_aisle],
        ends=np.array([number[end.column, end.cross_aisle] for end in reached], np.int64),
        end_s=np.array([end.walk_m / cart.push_m_s for end in reached]),
        walk_s=_distances_m(ladder, at, at_y, at, at_y) / cart.walk_m_s,
        reach_s=_distances_m(ladder, columns, y_m[cross_aisles], at, at_y) / cart.walk_m_s,
        move_to=np.array([[move[0] for move in four] for four in moves], np.int64),
        move_s=np.array([[move[1] for move in four] for four in moves]),
        move_sub_aisle=np.array([[move[2] for move in four] for four in moves], np.int64),
        fixed_s=ladder.start.walk_m / cart.push_m_s + cart.pick_s * len(picks),
    )


def _handfuls(picks: PickList, hands: int) -> tuple[Ints, Ints]:
    each = [[hands] * ((quantity - 1) // hands) + [(quantity - 1) % hands + 1] for quantity in picks.quantities.tolist()]
    pick_of = [pick for pick, items in enumerate(each) for _ in items]
    return np.array(pick_of, np.int64), np.array([item for items in each for item in items], np.int64)


def _stands(ladder: Ladder, in_aisles: bool) -> list[tuple[int, int]]:
    """Columns and cross aisles of all intersections that the cart can reach."""
    rows = range(ladder.cross_aisles) if in_aisles else [ladder.start.cross_aisle]
    return [(column, row) for column in range(ladder.columns) for row in rows]


def _moves(ladder: Ladder, cart: Cart, number: dict[tuple[int, int], int], column: int, cross: int) -> list[tuple[int, float, int]]:
    """The next stand, the seconds and the sub-aisle of the moves to the left, right, front and back."""
    found = []
    for d_column, d_cross in ((-1, 0), (1, 0), (0, -1), (0, 1)):
        to = (column + d_column, cross + d_cross)
        if to not in number or (d_cross and not ladder.aisles[column]):
            found.append((-1, np.inf, -1))
            continue
        metres = abs(ladder.x_m[column] - ladder.x_m[to[0]]) + abs(ladder.y_m[cross] - ladder.y_m[to[1]])
        found.append((number[to], metres / cart.push_m_s, column * ladder.blocks + min(cross, to[1]) if d_cross else -1))
    return found


def _distances_m(ladder: Ladder, columns: Ints, y_m: Floats, to_columns: Ints, to_y_m: Floats) -> Floats:
    """The shortest walks from each point to each pick, float64[a, b]; a point in a column without an aisle lies at a cross aisle."""
    x_m, aisles = np.array(ladder.x_m), np.array(ladder.aisles)
    along = np.abs(y_m[:, None] - to_y_m)
    by_row = (np.abs(y_m[:, None] - row) + np.abs(to_y_m - row) for row in ladder.y_m)
    around = np.where(aisles[columns][:, None], functools.reduce(np.minimum, by_row), along)
    across = np.abs(x_m[columns][:, None] - x_m[to_columns])
    return np.asarray(np.where(columns[:, None] == to_columns, along, across + around))
