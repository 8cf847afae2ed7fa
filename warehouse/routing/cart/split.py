"""The best plan in which the handfuls are done in a given order: where the cart stands, what is one loop, what it is pushed through.

Route first, cluster second: a giant tour over all handfuls is cut by a shortest path (Beasley, Omega 11, 1983, section 3; Prins, Computers
& Operations Research 31, 2004, section 3). Here the path's nodes are not only positions in the order, but (handfuls done, stand, cart
moving or parked). A layer is all nodes with the same number i of handfuls done, order[:i]; from it lead

- leaving the cart standing: moving → parked, park_s; taking it again: parked → moving, free;
- a loop from where it is parked, with the next handfuls, as many as the hands hold: to a later layer;
- the cart's moves: through a cross aisle, or a sub-aisle where nothing is left, within the layer. Whatever is left in a sub-aisle is laid
  into the cart, so a push is a way to layer j only if what is left of it is exactly order[i:j], the next handfuls; else it is no way at
  all. (A sub-aisle whose handfuls are scattered over the order can therefore be pushed through only after the last of them.)

Every plan is the split of some order: the one in which it takes the handfuls, those of a push in any order. So the best split of all
orders is the optimum.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from bintally.errors import UsageError
from warehouse.routing.cart.problem import CartProblem, Floats, Ints
from warehouse.routing.cart.schedule import Visit
from warehouse.routing.compiled import compiled

_PARKED = -1  # instead of the stand that the cart came from
_START = -2


def split(problem: CartProblem, order: npt.NDArray[np.int64]) -> tuple[float, tuple[Visit, ...]]:
    """The best plan that does the handfuls in a given order, in O(n (K + moves) P).

    Args:
        problem: n handfuls, P stands.
        order: int64[n], each handful once.

    Returns:
        Its time in seconds, as ``schedule_of`` finds it, and the plan; 0 and no visits for an empty list.

    Raises:
        UsageError: the order leaves a handful out or names one twice.
    """
    order = np.ascontiguousarray(order, np.int64)
    if order.shape != (problem.handfuls,) or not np.array_equal(np.sort(order), np.arange(problem.handfuls)):
        raise UsageError(f"an order of handfuls names each of 0 to {problem.handfuls - 1} once, this one is {order.tolist()}")
    if not problem.handfuls:
        return 0.0, ()
    moving_s, moved_from, loop_from = shortest_paths(
        order,
        problem.items,
        problem.sub_aisle,
        problem.hands,
        park_s(problem),
        problem.walk_s,
        problem.reach_s,
        problem.move_to,
        problem.move_s,
        problem.move_sub_aisle,
        problem.start,
    )
    finished_s = moving_s[-1, problem.ends] + problem.end_s
    best = int(finished_s.argmin())
    return problem.fixed_s + float(finished_s[best]), _plan(order.tolist(), moved_from, loop_from, int(problem.ends[best]))


def park_s(problem: CartProblem) -> Floats:
    """Seconds to leave the cart at each stand, float64[P]; infinite where it may not stand."""
    return np.where(problem.may_park, problem.cart.park_s, np.inf)


@compiled
def shortest_paths(
    order: Ints,
    items: Ints,
    sub_aisle: Ints,
    hands: int,
    park_s: Floats,
    walk_s: Floats,
    reach_s: Floats,
    move_to: Ints,
    move_s: Floats,
    move_sub_aisle: Ints,
    start: int,
) -> tuple[Floats, Ints, Ints]:
    """The shortest path to each node of the split's graph; parameters as in CartProblem, park_s: float64[P].

    Returns:
        moving_s: float64[n+1, P], seconds until order[:i] is done and the worker holds the cart at the stand.
        moved_from: int64[n+1, P, 2], from which layer and stand it was moved there; instead of the stand _PARKED or _START.
        loop_from: int64[n+1, P], in which layer the last loop from the parked cart began; -1 if it has just been left.
    """
    n, stands = order.size, park_s.size
    moving = np.full((n + 1, stands), np.inf)
    parked = np.full((n + 1, stands), np.inf)
    moved_from = np.full((n + 1, stands, 2), _START, np.int64)
    loop_from = np.full((n + 1, stands), -1, np.int64)
    last = np.full(max(sub_aisle.max(), move_sub_aisle.max()) + 1, -1, np.int64)  # where in the order a sub-aisle's last handful stands
    for i in range(n):
        last[sub_aisle[order[i]]] = i
    moving[0, start] = 0.0
    for i in range(n + 1):
        for p in range(stands):
            if parked[i, p] < moving[i, p]:
                moving[i, p] = parked[i, p]
                moved_from[i, p, 0], moved_from[i, p, 1] = i, _PARKED
        _push_within_layer(i, moving[i], moved_from[i], last, move_to, move_s, move_sub_aisle)
        for p in range(stands):
            if moving[i, p] + park_s[p] < parked[i, p]:
                parked[i, p] = moving[i, p] + park_s[p]
                loop_from[i, p] = -1
        if i == n:
            break

        here, j = sub_aisle[order[i]], i + 1
        while j < n and sub_aisle[order[j]] == here:
            j += 1
        if last[here] < j:
            for p in range(stands):
                for way in range(move_to.shape[1]):
                    q = move_to[p, way]
                    if q >= 0 and move_sub_aisle[p, way] == here and moving[i, p] + move_s[p, way] < moving[j, q]:
                        moving[j, q] = moving[i, p] + move_s[p, way]
                        moved_from[j, q, 0], moved_from[j, q, 1] = i, p

        carried, between = 0, 0.0
        for j in range(i + 1, n + 1):
            carried += items[order[j - 1]]
            if carried > hands:
                break
            if j > i + 1:
                between += walk_s[order[j - 2], order[j - 1]]
            for p in range(stands):
                back = parked[i, p] + reach_s[p, order[i]] + between + reach_s[p, order[j - 1]]
                if back < parked[j, p]:
                    parked[j, p] = back
                    loop_from[j, p] = i
    return moving, moved_from, loop_from


@compiled
def _push_within_layer(i: int, moving: Floats, moved_from: Ints, last: Ints, move_to: Ints, move_s: Floats, move_sub_aisle: Ints) -> None:
    """Let the cart move on through cross aisles and sub-aisles that are empty once order[:i] is done: Bellman–Ford, to and fro."""
    stands, ways = move_to.shape
    changed, upwards = True, True
    while changed:
        changed = False
        for step in range(stands):
            p = step if upwards else stands - 1 - step
            for way in range(ways):
                q, through = move_to[p, way], move_sub_aisle[p, way]
                if q >= 0 and (through < 0 or last[through] < i) and moving[p] + move_s[p, way] < moving[q]:
                    moving[q] = moving[p] + move_s[p, way]
                    moved_from[q, 0], moved_from[q, 1] = i, p
                    changed = True
        upwards = not upwards


def _plan(order: list[int], moved_from: Ints, loop_from: Ints, stand: int) -> tuple[Visit, ...]:
    """Walk the shortest path back from the end."""
    visits: list[Visit] = []
    i, loops = len(order), list[tuple[int, ...]]()
    while True:
        layer, came_from = moved_from[i, stand].tolist()
        if came_from == _PARKED:
            while (begun := int(loop_from[i, stand])) >= 0:
                loops.insert(0, tuple(order[begun:i]))
                i = begun
            continue
        visits.insert(0, Visit(stand, tuple(loops)))
        if came_from == _START:
            return tuple(visits)
        i, stand, loops = layer, came_from, []
