"""The worker-and-cart problem solved from its definition (docs/picking.md) by trying everything, and tiny cases to try it on.

Nothing here is shared with the solvers: distances come from ``Ladder.distance_m``, loops are timed over all orders, and the schedule is
found by Dijkstra's algorithm over (where the cart is, which handfuls are left, parked or not).
"""

from __future__ import annotations

import heapq
import itertools
import math
from collections.abc import Callable, Hashable, Iterable, Iterator
from dataclasses import dataclass, replace
from functools import cache
from typing import Any, TypeVar

import numpy as np

from bintally.layouts import Cart, Ladder, PickList, Place, Shelf, Ways

Stand = tuple[int, int]
"""The column and the cross aisle of an intersection."""
Handful = tuple[int, int]
"""A pick's index, and the number of the visit to its place."""
State = tuple[Stand, frozenset[Handful], bool]
Node = TypeVar("Node", bound=Hashable)


def brute_force_s(ladder: Ladder, picks: PickList, cart: Cart) -> float:
    """The shortest time, infinite if the cart cannot reach an end; for at most 5 or 6 handfuls."""
    if not len(picks):
        return 0.0
    world = _World(ladder, picks, cart)
    at_start = (ladder.start.column, ladder.start.cross_aisle)
    arrived: State = ((-1, -1), frozenset(), False)
    ways_out = {(end.column, end.cross_aisle): math.inf for end in ladder.ends}
    for end in ladder.ends:
        ways_out[end.column, end.cross_aisle] = min(ways_out[end.column, end.cross_aisle], end.walk_m / cart.push_m_s)

    def next_states(state: State) -> Iterator[tuple[State, float]]:
        stand, left, parked = state
        if not left and stand in ways_out:
            yield arrived, ways_out[stand]
        for to, seconds, sub_aisle in world.pushes(stand):
            yield (to, frozenset(one for one in left if world.sub_aisle(one) != sub_aisle), False), seconds
        if not parked and stand in world.may_park:
            yield (stand, left, True), cart.park_s
        if parked:
            for loop, seconds in world.loops(stand, left):
                yield (stand, left - loop, True), seconds

    first = (at_start, frozenset(world.items), False)
    return ladder.start.walk_m / cart.push_m_s + cart.pick_s * len(picks) + _dijkstra(first, arrived, next_states)


def shortest_tour_m(ladder: Ladder, picks: PickList) -> float:
    """The shortest walk from the depot through all picks to the best end, without a cart (Held & Karp, 1962); for at most 10 picks."""
    points = list(zip(picks.columns.tolist(), picks.y_m.tolist(), strict=True))
    ends = [((end.column, ladder.y_m[end.cross_aisle]), end.walk_m) for end in ladder.ends]

    @cache
    def onwards_m(here: tuple[int, float], left: frozenset[int]) -> float:
        if not left:
            return min(ladder.distance_m(here, end) + walk_m for end, walk_m in ends)
        return min(ladder.distance_m(here, points[pick]) + onwards_m(points[pick], left - {pick}) for pick in left)

    return ladder.start.walk_m + onwards_m((ladder.start.column, ladder.y_m[ladder.start.cross_aisle]), frozenset(range(len(picks))))


def pushed_through_s(ladder: Ladder, picks: PickList, cart: Cart) -> float:
    """The shortest time if the cart is never left, but pushed through all sub-aisles with picks; for about 8 of them."""
    world = _World(ladder, picks, cart)
    ends = {(end.column, end.cross_aisle): end.walk_m for end in sorted(ladder.ends, key=lambda end: -end.walk_m)}
    first = ((ladder.start.column, ladder.start.cross_aisle), frozenset(world.sub_aisle(one) for one in world.items))

    def next_states(state: tuple[Stand, frozenset[Stand]]) -> Iterator[tuple[tuple[Stand, frozenset[Stand]] | None, float]]:
        stand, left = state
        if not left and stand in ends:
            yield None, ends[stand] / cart.push_m_s
        for to, seconds, sub_aisle in world.pushes(stand):
            yield (to, left - {sub_aisle}), seconds

    return ladder.start.walk_m / cart.push_m_s + cart.pick_s * len(picks) + _dijkstra(first, None, next_states)


class _World:
    """What the definition says, looked up."""

    def __init__(self, ladder: Ladder, picks: PickList, cart: Cart) -> None:
        self._ladder, self._picks, self._cart = ladder, picks, cart
        self._hands = math.inf if cart.hands is None else cart.hands
        self.items: dict[Handful, int] = {}
        for pick, quantity in enumerate(picks.quantities.tolist()):
            left, visit = quantity, 0
            while left > 0:
                self.items[pick, visit] = int(min(left, self._hands))
                left, visit = left - self.items[pick, visit], visit + 1
        self._points = {one: (int(picks.columns[one[0]]), float(picks.y_m[one[0]])) for one in self.items}
        self._loop_s: dict[tuple[Stand, frozenset[Handful]], float] = {}
        depots = {(place.column, place.cross_aisle) for place in (ladder.start, *ladder.ends)}
        every = itertools.product(range(ladder.columns), range(ladder.cross_aisles))
        self.may_park = {stand for stand in every if ladder.aisles[stand[0]] or stand in depots}

    def sub_aisle(self, one: Handful) -> tuple[int, int]:
        return int(self._picks.columns[one[0]]), int(self._picks.blocks[one[0]])

    def pushes(self, stand: Stand) -> Iterator[tuple[Stand, float, tuple[int, int] | None]]:
        """The cart's next stand, the seconds there, and the sub-aisle that is passed."""
        (column, cross), ladder = stand, self._ladder
        for to in (column - 1, column + 1):
            if 0 <= to < ladder.columns:
                yield (to, cross), abs(ladder.x_m[to] - ladder.x_m[column]) / self._cart.push_m_s, None
        for up in (cross - 1, cross + 1):
            if self._cart.in_aisles and ladder.aisles[column] and 0 <= up < ladder.cross_aisles:
                yield (column, up), abs(ladder.y_m[up] - ladder.y_m[cross]) / self._cart.push_m_s, (column, min(cross, up))

    def loops(self, stand: Stand, left: Iterable[Handful]) -> Iterator[tuple[frozenset[Handful], float]]:
        for size in range(1, len(list(left)) + 1):
            for loop in itertools.combinations(sorted(left), size):
                if sum(self.items[one] for one in loop) <= self._hands:
                    yield frozenset(loop), self._loop(stand, frozenset(loop))

    def _loop(self, stand: Stand, loop: frozenset[Handful]) -> float:
        if (stand, loop) not in self._loop_s:
            self._loop_s[stand, loop] = min(self._walk(stand, order) for order in itertools.permutations(loop))
        return self._loop_s[stand, loop]

    def _walk(self, stand: Stand, order: Iterable[Handful]) -> float:
        at = (stand[0], self._ladder.y_m[stand[1]])
        points = [at, *(self._points[one] for one in order), at]
        return sum(self._ladder.distance_m(a, b) for a, b in itertools.pairwise(points)) / self._cart.walk_m_s


def _dijkstra(first: Node, last: Node, next_states: Callable[[Any], Iterator[tuple[Node, float]]]) -> float:
    queue: list[tuple[float, int, Node]] = [(0.0, 0, first)]
    done: set[Node] = set()
    pushed = 0
    while queue:
        seconds, _, state = heapq.heappop(queue)
        if state == last:
            return seconds
        if state in done:
            continue
        done.add(state)
        for to, more_s in next_states(state):
            pushed += 1
            heapq.heappush(queue, (seconds + more_s, pushed, to))
    return math.inf


@dataclass(frozen=True)
class Case:
    """A ladder, what is to be picked in it, and how."""

    ladder: Ladder
    picks: PickList
    cart: Cart


def tiny_case(rng: np.random.Generator, handfuls: int = 5) -> Case:
    """A random case whose cart can reach an end: uneven ladders of 2 to 4 cross aisles, quantities above 1 and above K, depots anywhere.

    Args:
        rng: draws it.
        handfuls: at most so many.
    """
    while True:
        ladder, cart = _tiny_ladder(rng), _tiny_cart(rng)
        picks = _tiny_list(rng, ladder, int(rng.integers(1, handfuls + 1)))
        if not cart.in_aisles:
            first = replace(ladder.ends[0], cross_aisle=ladder.start.cross_aisle)
            ladder = replace(ladder, ends=(first, *ladder.ends[1:]))
        if sum(math.ceil(quantity / (cart.hands or math.inf)) for quantity in picks.quantities.tolist()) <= handfuls:
            return Case(ladder, picks, cart)


def _tiny_ladder(rng: np.random.Generator) -> Ladder:
    columns, cross_aisles = int(rng.integers(1, 5)), int(rng.integers(2, 5))

    def place() -> Place:
        return Place(int(rng.integers(columns)), int(rng.integers(cross_aisles)), float(rng.choice([0.0, 1.5])))

    aisles = rng.random(columns) < 0.8
    aisles[rng.integers(columns)] = True
    start = place()
    return Ladder(
        x_m=tuple(np.cumsum(rng.integers(1, 6, columns)).astype(float).tolist()),
        y_m=(0.0, *np.cumsum(rng.integers(3, 12, cross_aisles - 1)).astype(float).tolist()),
        start=start,
        ends=(start,) if rng.random() < 0.5 else tuple(place() for _ in range(int(rng.integers(1, 4)))),
        aisles=tuple(aisles.tolist()),
        ways=Ways((0,) * columns, (0,) * cross_aisles),
    )


def _tiny_cart(rng: np.random.Generator) -> Cart:
    walk_m_s = float(rng.choice([1.0, 1.4]))
    return Cart(
        walk_m_s=walk_m_s,
        push_m_s=walk_m_s * float(rng.choice([0.2, 0.5, 0.8, 1.0])),
        hands=[1, 2, 3, 4, 6, None][int(rng.integers(6))],
        park_s=float(rng.choice([0.0, 1.0, 6.0])),
        pick_s=float(rng.choice([0.0, 5.0])),
        in_aisles=bool(rng.random() < 0.7),
    )


def _tiny_list(rng: np.random.Generator, ladder: Ladder, picks: int) -> PickList:
    drawn = []
    for pick in range(picks):
        column, block = int(rng.choice(np.flatnonzero(ladder.aisles))), int(rng.integers(ladder.blocks))
        low, high = ladder.y_m[block], ladder.y_m[block + 1]
        y_m = low + 0.5 * int(rng.integers(0, int(2 * (high - low)) + 1))
        drawn.append((Shelf(f"{pick}", column, block, y_m), int(rng.choice([1, 1, 1, 2, 3, 5]))))
    return PickList.of(ladder, drawn)
