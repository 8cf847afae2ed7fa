"""How long a worker and a cart take along the shortest tour: the value of `split` for its order, a thousand times faster than by way of a plan.

No schedule, but the best guess of its time that microseconds buy: what travel-time networks correct. The cart's stands are numbered column
by column, as in `CartProblem`; a stand lies at a cross aisle, so that the way to it is as long as its coordinates say. Seconds are float32,
of which eight are added and compared at once.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from bintally.layouts import Cart, Ladder, PickList
from warehouse.routing.cart.problem import cart_problem
from warehouse.routing.cart.split import park_s
from warehouse.routing.compiled import compiled, inner
from warehouse.routing.exact.batch import PackedLists
from warehouse.routing.exact.order import Walk, tour_order, walk_for
from warehouse.routing.exact.solve import check_places, sweep_of
from warehouse.routing.exact.sweep import Floats, Ints, Sweep

Seconds = npt.NDArray[np.float32]


class Course(NamedTuple):
    """A ladder of m columns and h cross aisles with a cart, which reaches r of these; P = m × r stands.

    Attributes:
        stand_x, stand_y: float32[P], coordinates as seconds of walking.
        walk_m_s: speed without the cart.
        rows_s: float32[h], the cross aisles' y as seconds of walking.
        left_s: float32[P], with the cart to the next column on the left; infinite in the first one.
        through_s: float32[h - 1], with the cart through each block.
        is_aisle: bool[m].
        park_s, end_s: float32[P], to leave the cart there, and from there to the best drop-off; infinite where that cannot be.
        start: the cart's first stand.
        start_s: to it from the depot.
        hands: K, items.
    """

    stand_x: Seconds
    stand_y: Seconds
    walk_m_s: float
    rows_s: Seconds
    left_s: Seconds
    through_s: Seconds
    is_aisle: npt.NDArray[np.bool_]
    park_s: Seconds
    end_s: Seconds
    start: int
    start_s: float
    hands: int


class Layers(NamedTuple):
    """Memory of one thread for lists of up to H handfuls.

    Attributes:
        column, sub_aisle, items: int64[H], of each handful, in order.
        x, y: float32[H], as seconds of walking.
        reach: float32[H, P], between handful and stand.
        moving, parked: float32[H + 1, P], seconds until so many are done, and the cart is at the stand.
        last: int64[m × (h - 1)], where in the order each sub-aisle's last handful stands, -1 if it has none.
    """

    column: Ints
    sub_aisle: Ints
    items: Ints
    x: Seconds
    y: Seconds
    reach: Seconds
    moving: Seconds
    parked: Seconds
    last: Ints


def course_of(ladder: Ladder, cart: Cart) -> Course:
    """Prepare a ladder and a cart.

    Raises:
        InputError: as for `cart_problem`.
    """
    nothing = np.empty(0, np.int64)
    problem = cart_problem(ladder, PickList(nothing, nothing, np.empty(0), nothing, ()), cart)
    end_s = np.full(problem.stands, np.inf)
    np.minimum.at(end_s, problem.ends, problem.end_s)
    x_m, y_m = np.array(ladder.x_m), np.array(ladder.y_m)
    return Course(
        stand_x=_seconds(x_m[problem.columns] / cart.walk_m_s),
        stand_y=_seconds(y_m[problem.cross_aisles] / cart.walk_m_s),
        walk_m_s=cart.walk_m_s,
        rows_s=_seconds(y_m / cart.walk_m_s),
        left_s=_seconds(np.repeat(np.diff(x_m, prepend=-np.inf) / cart.push_m_s, problem.stands // len(x_m))),
        through_s=_seconds(np.diff(y_m) / cart.push_m_s),
        is_aisle=np.array(ladder.aisles),
        park_s=_seconds(park_s(problem)),
        end_s=_seconds(end_s),
        start=problem.start,
        start_s=problem.fixed_s,
        hands=np.iinfo(np.int64).max if cart.hands is None else cart.hands,
    )


def along_tours_s(ladder: Ladder, cart: Cart, lists: PackedLists, quantities: Ints) -> Floats:
    """Seconds of many lists, without ``pick_s``.

    Args:
        ladder: up to 7 cross aisles, without one-way rules.
        cart: the worker and the cart.
        lists: n lists of places of this ladder.
        quantities: int64[picks], items at each place, from 1.

    Returns:
        float64[n]; 0 of an empty list.

    Raises:
        InputError: the ladder is none of these, the cart can reach none of its ends, or a pick lies outside it.
    """
    check_places(ladder, lists.columns, lists.blocks, lists.y_m)
    seconds = np.empty(len(lists))
    _times_of(sweep_of(ladder), course_of(ladder, cart), lists.first, lists.columns, lists.blocks, lists.y_m, quantities, seconds)
    return seconds


@compiled
def _times_of(sweep: Sweep, course: Course, first: Ints, columns: Ints, blocks: Ints, y_m: Floats, quantities: Ints, out: Floats) -> None:
    numbers = np.arange(len(first) - 1)
    walk, layers, order = memory(sweep, course, first, quantities, numbers)
    for number in numbers:
        begin, end = first[number], first[number + 1]
        tour_order(sweep, columns, blocks, y_m, begin, end, walk, order)
        out[number] = along_s(course, columns, blocks, y_m, quantities, begin, order[: end - begin], layers)


@compiled
def memory(sweep: Sweep, course: Course, first: Ints, quantities: Ints, numbers: Ints) -> tuple[Walk, Layers, Ints]:
    """For the longest of some lists: to find tours, to walk along them, and an order."""
    most_picks = most = 0
    for number in numbers:
        count = 0
        for pick in range(first[number], first[number + 1]):
            count += -(-quantities[pick] // course.hands)
        most, most_picks = max(most, count), max(most_picks, first[number + 1] - first[number])
    stands = len(course.stand_x)
    layers = Layers(
        np.empty(most, np.int64),
        np.empty(most, np.int64),
        np.empty(most, np.int64),
        np.empty(most, np.float32),
        np.empty(most, np.float32),
        np.empty((most, stands), np.float32),
        np.empty((most + 1, stands), np.float32),
        np.empty((most + 1, stands), np.float32),
        np.full(len(course.is_aisle) * (len(course.rows_s) - 1), -1, np.int64),
    )
    return walk_for(sweep, most_picks), layers, np.empty(most_picks, np.int64)


@inner
def along_s(course: Course, columns: Ints, blocks: Ints, y_m: Floats, quantities: Ints, begin: int, order: Ints, layers: Layers) -> float:
    """Seconds of the best schedule that takes the picks in this order, without ``pick_s``.

    Args:
        course: ladder and cart.
        columns: int64[picks] of all lists.
        blocks: int64[picks].
        y_m: float64[picks].
        quantities: int64[picks].
        begin: the list's first pick.
        order: int64[n], the list's picks, counted from 0.
        layers: overwritten; ``last`` is left as it was.

    Source: `warehouse.routing.cart.split`.
    """
    if not len(order):
        return 0.0
    moving, parked = layers.moving, layers.parked
    n = _handfuls(course, columns, blocks, y_m, quantities, begin, order, layers)
    for i in range(n + 1):
        for p in range(len(course.park_s)):
            moving[i, p] = parked[i, p] = np.inf
    moving[0, course.start] = 0.0
    for i in range(n + 1):
        now, standing = moving[i], parked[i]
        for p in range(len(now)):
            now[p] = np.minimum(now[p], standing[p])
        _push_on(course, now, layers.last, i)
        if i == n:
            break
        for p in range(len(now)):
            standing[p] = np.minimum(standing[p], now[p] + course.park_s[p])
        _push_through(course, layers, i, n)
        _loops(course, layers, i, n)
    seconds = np.inf
    for p in range(len(course.end_s)):
        seconds = min(seconds, moving[n, p] + course.end_s[p])
    for i in range(n):
        layers.last[layers.sub_aisle[i]] = -1
    return course.start_s + seconds


@inner
def _handfuls(course: Course, columns: Ints, blocks: Ints, y_m: Floats, quantities: Ints, begin: int, order: Ints, layers: Layers) -> int:
    """Write down the handfuls in order, and count them: full hands, and what is left of a place at last."""
    n = 0
    for one in order:
        pick = begin + one
        left = quantities[pick]
        x, y = course.stand_x[columns[pick] * (len(course.stand_x) // len(course.is_aisle))], np.float32(y_m[pick] / course.walk_m_s)
        while left > 0:
            layers.column[n] = columns[pick]
            layers.sub_aisle[n] = columns[pick] * (len(course.rows_s) - 1) + blocks[pick]
            layers.items[n] = min(left, course.hands)
            layers.x[n], layers.y[n] = x, y
            layers.last[layers.sub_aisle[n]] = n
            reach = layers.reach[n]
            for p in range(len(reach)):
                reach[p] = abs(course.stand_x[p] - x) + abs(course.stand_y[p] - y)
            left, n = left - course.hands, n + 1
    return n


@inner
def _push_on(course: Course, now: Seconds, last: Ints, done: int) -> None:
    """Let the cart move on through cross aisles, and sub-aisles where nothing is left: to and fro until nothing gets faster."""
    columns = len(course.is_aisle)
    rows, blocks = len(now) // columns, len(course.through_s)
    while True:
        for p in range(rows, len(now)):
            now[p] = np.minimum(now[p], now[p - rows] + course.left_s[p])
        for p in range(len(now) - 1, rows - 1, -1):
            now[p - rows] = np.minimum(now[p - rows], now[p] + course.left_s[p])
        if rows == 1:
            return
        faster = False
        for column in range(columns):
            if not course.is_aisle[column]:
                continue
            for block in range(blocks):
                if last[column * blocks + block] < done:
                    front = column * rows + block
                    if now[front] + course.through_s[block] < now[front + 1]:
                        now[front + 1], faster = now[front] + course.through_s[block], True
                    elif now[front + 1] + course.through_s[block] < now[front]:
                        now[front], faster = now[front + 1] + course.through_s[block], True
        if not faster:
            return


@inner
def _push_through(course: Course, layers: Layers, i: int, n: int) -> None:
    """Push through the next handful's sub-aisle, if what is left there comes next: all of it is laid into the cart."""
    rows, blocks = len(course.stand_x) // len(course.is_aisle), len(course.through_s)
    here, j = layers.sub_aisle[i], i + 1
    while j < n and layers.sub_aisle[j] == here:
        j += 1
    if rows == 1 or layers.last[here] >= j:
        return
    front, seconds = layers.column[i] * rows + here % blocks, course.through_s[here % blocks]
    layers.moving[j, front + 1] = min(layers.moving[j, front + 1], layers.moving[i, front] + seconds)
    layers.moving[j, front] = min(layers.moving[j, front], layers.moving[i, front + 1] + seconds)


@inner
def _loops(course: Course, layers: Layers, i: int, n: int) -> None:
    """Walk a loop from the parked cart with the next handfuls, as many as the hands hold."""
    carried, between = 0, np.float32(0)
    standing, to_first = layers.parked[i], layers.reach[i]
    for j in range(i + 1, n + 1):
        carried += layers.items[j - 1]
        if carried > course.hands:
            return
        if j > i + 1:
            between += _walk_s(course, layers, j - 2, j - 1)
        _relax(layers.parked[j], standing, to_first, between, layers.reach[j - 1])


@inner
def _relax(then: Seconds, standing: Seconds, to_first: Seconds, between: np.float32, from_last: Seconds) -> None:
    for p in range(len(then)):
        then[p] = np.minimum(then[p], standing[p] + (to_first[p] + between) + from_last[p])


@inner
def _walk_s(course: Course, layers: Layers, a: int, b: int) -> np.float32:
    """Between two handfuls, without the cart."""
    one, other = layers.y[a], layers.y[b]
    if layers.column[a] == layers.column[b]:
        return np.float32(abs(one - other))
    around = np.float32(np.inf)
    for row in course.rows_s:
        around = min(around, abs(one - row) + abs(other - row))
    return np.float32(abs(layers.x[a] - layers.x[b]) + around)


def _seconds(values: npt.NDArray[np.float64]) -> Seconds:
    return np.ascontiguousarray(values, np.float32)
