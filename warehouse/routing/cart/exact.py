"""The best schedule of a worker and a cart, by a dynamic programme over the handfuls done and where the cart stands.

No paper gives it; docs/picking.md defines the problem. A state is the set of handfuls that are done, the stand where the cart is, and
whether the cart is parked there. Sets are visited in the order of their bits, so that all that leads to a set has been seen before it:

1. within a set the cart is pushed along cross aisles, and through sub-aisles in which nothing is left;
2. it is pushed through a sub-aisle in which something is left: all of it is laid into the cart, which leads to a larger set;
3. it is parked, and the worker walks a loop, which leads to a larger set. The cart stays parked for the next loop.

A state is dropped if a lower bound of what remains shows that no schedule that passes it keeps to a budget: a time that is known to be
enough, or first a little less, as it may turn out to be. What keeps to the budget is found, so the fastest of it is the optimum.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from bintally.errors import InputError
from warehouse.routing.cart.loops import Loops, best_order, loops_from, paths_s
from warehouse.routing.cart.problem import CartProblem, Floats, Ints
from warehouse.routing.cart.schedule import Schedule, Visit, schedule_of
from warehouse.routing.cart.split import park_s, split
from warehouse.routing.cart.useful import narrowed, widened
from warehouse.routing.compiled import compiled

MOST_HANDFULS = 18
"""Time and memory double, and more, with each: 15 take a fifth of a second, 18 some seconds and up to a gigabyte."""

MOST_STATES = 1 << 24
"""Sets times stands; a state takes 32 bytes. Fewer handfuls are allowed where picks are spread over more than 64 intersections."""

FIRST_BUDGET = 0.95
"""Of the time of a schedule that is easily found. Work doubles with every 3 or 4 % of budget, so that it is cheap to try with less."""


@dataclass(frozen=True)
class _Table:
    """Shortest times to states from the start; rows are sets of handfuls that are done.

    Attributes:
        moving: float64[2 ** n, P], the cart is at a stand and may be pushed on; infinite if that was not found within the budget.
        parked: float64[2 ** n, P], it is parked there.
    """

    moving: Floats
    parked: Floats


def solve_exact(problem: CartProblem, upper_bound_s: float | None = None) -> Schedule:
    """The best schedule of a short list.

    Args:
        problem: of at most ``MOST_HANDFULS`` handfuls, and ``MOST_STATES``.
        upper_bound_s: the time of a schedule, if one is known. A good one saves work; a wrong one costs time and nothing else.

    Raises:
        InputError: there are too many handfuls.
    """
    _check_size(problem)
    if not problem.handfuls:
        return schedule_of(problem, [], "exact", proven_optimal=True)
    plan, _ = best_plan(narrowed(problem), upper_bound_s)
    schedule = schedule_of(problem, widened(problem, plan), "exact", proven_optimal=True)
    return replace(schedule, lower_bound_s=schedule.time_s)


def most_handfuls(problem: CartProblem) -> int:
    """How many handfuls the exact method takes in this problem's layout."""
    return min(MOST_HANDFULS, (MOST_STATES // narrowed(problem).stands).bit_length() - 1)


def _check_size(problem: CartProblem) -> None:
    if problem.handfuls > (most := most_handfuls(problem)):
        raise InputError(
            f"{problem.handfuls} handfuls are too many for the exact method, which takes at most {most} in this layout; use the search, "
            "which tells how far from the best it may be"
        )


def best_plan(problem: CartProblem, upper_bound_s: float | None = None) -> tuple[list[Visit], float]:
    """The best plan for at least one handful, and its seconds as the programme reckons them."""
    laid, loops, table, end, best_s = _programme(problem, upper_bound_s)
    stays = _backwards(problem, laid, loops, table, end)
    return [Visit(stand, tuple(best_order(problem, stand, loop) for loop in walked)) for stand, walked in stays], best_s


def best_s(problem: CartProblem) -> float:
    """The seconds of the best schedule of a short list, at least one handful, without the schedule.

    Raises:
        InputError: there are too many handfuls.
    """
    _check_size(problem)
    return _programme(narrowed(problem), None)[-1]


def _programme(problem: CartProblem, upper_bound_s: float | None) -> tuple[Ints, Loops, _Table, int, float]:
    """What each move lays into the cart, the loops, the table of states, the stand where the best schedule ends, and its seconds."""
    loops, laid, rest_s = loops_from(problem), _laid(problem), _rest_s(problem)
    for budget_s in _budgets(problem, upper_bound_s):
        table = _table(problem, laid, loops, rest_s, budget_s)
        finished_s = table.moving[-1, problem.ends] + problem.end_s
        end = int(np.argmin(finished_s))
        if finished_s[end] <= budget_s:
            break
    return laid, loops, table, int(problem.ends[end]), float(finished_s[end]) + problem.fixed_s


def _laid(problem: CartProblem) -> Ints:
    """The handfuls, as bits, that lie in the sub-aisle that each move passes, int64[P, 4]; 0 in a cross aisle."""
    inside = (problem.move_sub_aisle[:, :, None] == problem.sub_aisle) @ (1 << np.arange(problem.handfuls))
    return np.asarray(inside, np.int64)


def _budgets(problem: CartProblem, upper_bound_s: float | None) -> list[float]:
    """Rising; without what is fixed. The last one is the time of a schedule: the shortest walk, split."""
    walk = best_order(problem, problem.start, (1 << problem.handfuls) - 1)
    known_s = split(problem, np.array(walk, np.int64))[0] - problem.fixed_s
    first_s = FIRST_BUDGET * known_s if upper_bound_s is None else upper_bound_s - problem.fixed_s
    spare_s = 1e-9 * (1 + known_s)  # sums in another order are rounded otherwise
    return [budget_s + spare_s for budget_s in (first_s, known_s) if budget_s <= known_s]


def _table(problem: CartProblem, laid: Ints, loops: Loops, rest_s: Floats, budget_s: float) -> _Table:
    """Each time begins as the one that is too late already, so that a single comparison tells whether a step is worth while."""
    too_late_s = budget_s - rest_s[::-1]
    moving, parked = too_late_s.copy(), too_late_s.copy()
    moving[0, problem.start] = 0.0
    _fill(
        (moving, parked),
        too_late_s,
        (problem.move_to, problem.move_s, laid),
        (loops.sets, loops.behind, loops.needs, loops.seconds),
        park_s(problem),
    )
    return _Table(moving, parked)


@compiled
def _fill(
    table: tuple[Floats, Floats],
    too_late_s: Floats,
    moves: tuple[Ints, Floats, Ints],
    loops: tuple[Ints, Ints, Ints, Floats],
    park_s: Floats,
) -> None:
    """Replace all times by the shortest ones from the start, infinite if too late; see the head of this file."""
    moving, parked = table
    move_to, move_s, laid = moves
    loop_sets, loop_behind, loop_needs, loop_s = loops
    sets, stands = moving.shape
    reached = np.zeros(sets, np.bool_)
    reached[0] = True
    hopeful = np.empty(stands, np.int64)
    for done in range(sets):
        for stand in range(stands):
            if moving[done, stand] >= too_late_s[done, stand]:
                moving[done, stand] = np.inf
            if parked[done, stand] >= too_late_s[done, stand]:
                parked[done, stand] = np.inf
        if not reached[done]:
            continue
        _push_about(done, moving[done], parked[done], move_to, move_s, laid)
        count = 0
        for stand in range(stands):
            for way in range(4):
                more, time_s = done | laid[stand, way], moving[done, stand] + move_s[stand, way]
                if more != done and time_s < moving[more, move_to[stand, way]]:
                    moving[more, move_to[stand, way]] = time_s
                    reached[more] = True
            parked[done, stand] = min(parked[done, stand], moving[done, stand] + park_s[stand])
            if parked[done, stand] < too_late_s[done, stand]:
                hopeful[count] = stand
                count += 1
        loop = 0 if count else len(loop_sets)
        while loop < len(loop_sets):
            if loop_sets[loop] & done or loop_needs[loop] & (sets - 1 ^ done):
                loop = loop_behind[loop]
                continue
            more = done | loop_sets[loop]
            for index in range(count):
                stand = hopeful[index]
                time_s = parked[done, stand] + loop_s[loop, stand]
                if time_s < parked[more, stand]:
                    parked[more, stand] = time_s
                    reached[more] = True
            loop += 1


@compiled
def _push_about(done: int, moving: Floats, parked: Floats, move_to: Ints, move_s: Floats, laid: Ints) -> None:
    """Times of moving, float64[P], from those of stands that are left, and of their neighbours where nothing is laid into the cart.

    Stands are numbered along cross aisles and columns, so that a sweep forwards and one backwards nearly do.
    """
    stands = len(moving)
    for stand in range(stands):
        moving[stand] = min(moving[stand], parked[stand])
    changed = True
    while changed:
        changed = False
        for index in range(2 * stands):
            stand = index if index < stands else 2 * stands - 1 - index
            for way in range(4):
                neighbour = move_to[stand, way]
                if neighbour >= 0 and laid[stand, way] & ~done == 0 and moving[neighbour] + move_s[stand, way] < moving[stand]:
                    moving[stand] = moving[neighbour] + move_s[stand, way]
                    changed = True


def _rest_s(problem: CartProblem) -> Floats:
    """What remains takes at least so long, float64[2 ** n, P]: rows are sets of handfuls that are left, columns where the cart is.

    The cart is pushed at least d metres, to an end; pushed and walked metres together are at least a tour T from the stand through what is
    left to an end. So all takes at least T / walk + d (1 / push - 1 / walk).
    """
    x_m, y_m = np.array(problem.ladder.x_m)[problem.columns], np.array(problem.ladder.y_m)[problem.cross_aisles]
    to_ends_m = np.abs(x_m[:, None] - x_m[problem.ends]) + np.abs(y_m[:, None] - y_m[problem.ends])
    walk_m_s, push_m_s = problem.cart.walk_m_s, problem.cart.push_m_s
    home_s = np.min(problem.reach_s[problem.ends] + problem.end_s[:, None], axis=0)
    rest_s = _tours_s(paths_s(problem.walk_s, home_s), np.ascontiguousarray(problem.reach_s.T))
    rest_s[0] = np.min(to_ends_m / walk_m_s + problem.end_s, axis=1)
    rest_s += np.min(to_ends_m, axis=1) * (1 / push_m_s - 1 / walk_m_s)
    return rest_s


@compiled
def _tours_s(paths_s: Floats, reach_s: Floats) -> Floats:
    """The shortest walks from stands through sets to an end, float64[2 ** n, P], of ``paths_s`` and the seconds to handfuls, float64[n, P]."""
    sets, count = paths_s.shape
    tours_s = np.full((sets, reach_s.shape[1]), np.inf)
    for left in range(1, sets):
        for first in range(count):
            if left >> first & 1:
                for stand in range(reach_s.shape[1]):
                    tours_s[left, stand] = min(tours_s[left, stand], reach_s[first, stand] + paths_s[left, first])
    return tours_s


def _backwards(problem: CartProblem, laid: Ints, loops: Loops, table: _Table, end: int) -> list[tuple[int, list[int]]]:
    """The stands that the cart comes to, in order, with the loops walked from each, as sets.

    The table is followed from the end, always to a state whose time explains this one's. Pushes are tried before parked states where the
    cart moves, loops before moving ones where it is parked: each turn has a shorter time or a smaller set, and none goes in circles.
    """
    done, stand, moving = len(table.moving) - 1, end, True
    stays: list[tuple[int, list[int]]] = [(end, [])]
    while (done, stand, moving) != (0, problem.start, True):
        if moving:
            before = _pushed_from(problem, laid, table, done, stand)
            if before:
                done, stand = before
                stays.append((stand, []))
        else:
            loop = _walked_last(loops, table, done, stand)
            if loop:
                done ^= loop
                stays[-1][1].append(loop)
                continue
            before = None
        moving = moving ^ (before is None)
    return [(stand, walked[::-1]) for stand, walked in stays[::-1]]


def _pushed_from(problem: CartProblem, laid: Ints, table: _Table, done: int, stand: int) -> tuple[int, int] | None:
    """The set and the stand from which the cart was pushed here."""
    for way in range(4):
        neighbour, inside = int(problem.move_to[stand, way]), int(laid[stand, way])
        if neighbour < 0 or inside & ~done:
            continue
        taken = inside
        while True:
            if table.moving[done ^ taken, neighbour] + problem.move_s[stand, way] == table.moving[done, stand]:
                return done ^ taken, neighbour
            if not taken:
                break
            taken = (taken - 1) & inside
    return None


def _walked_last(loops: Loops, table: _Table, done: int, stand: int) -> int:
    """The loop after which the cart is still parked here, 0 for none."""
    inside = np.flatnonzero(loops.sets & ~done == 0)
    before_s = table.parked[done ^ loops.sets[inside], stand]
    found = inside[before_s + loops.seconds[inside, stand] == table.parked[done, stand]]
    return int(loops.sets[found[0]]) if len(found) else 0
