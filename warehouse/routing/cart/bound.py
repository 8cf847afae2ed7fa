"""What no schedule of the worker and the cart can undercut; docs/picking-bound.md explains it with formulas."""

from __future__ import annotations

import math

import numpy as np

from bintally.errors import UsageError
from warehouse.routing.cart.problem import CartProblem
from warehouse.routing.cart.useful import narrowed

MOST_CROSS_AISLES = 4
"""With more of them a loop has too many states; then the bound is the shortest tour at walking speed. Where this has too many states, too,
it is the walk to the farthest place and on to an end."""

_SAFE = 1 - 1e-9


def lower_bound_s(problem: CartProblem, upper_bound_s: float | None = None, *, iterations: int = 40) -> float:
    """No schedule of this problem is faster.

    It is the higher one of two bounds, less 1e-9 of it for what rounding may add:

    - The worker reaches all places and ends where the cart ends, and nobody is faster than the worker without the cart: the shortest
      tour at walking speed.
    - The best schedule pushes the cart along a walk W, parks it at stands Y, and takes in loops what is not laid into the cart. If each
      handful's share of a loop is never more, over all handfuls of a loop, than the loop takes, then the schedule takes at least
      min over W, Y of push(W) + park_s |Y| + Σ of the least shares from Y (``bounds.parking``), for any fair shares (``bounds.shares``).

    Args:
        problem: any.
        upper_bound_s: a schedule's time. The bound is not driven beyond it.
        iterations: to improve the shares, at least 0; in large ladders fewer are done, with very many stands none.

    Returns:
        Seconds; 0 for an empty list. The same for the same input.

    Raises:
        UsageError: iterations are negative, or the upper bound is not a time.
    """
    if iterations < 0 or (upper_bound_s is not None and not 0 <= upper_bound_s < math.inf):
        raise UsageError(f"{iterations} iterations and an upper bound of {upper_bound_s} s: neither may be negative")
    if not problem.handfuls:
        return 0.0
    problem = narrowed(problem)
    plain_s = _shortest_walk_s(problem)
    if problem.ladder.cross_aisles > MOST_CROSS_AISLES:
        return (plain_s + problem.fixed_s) * _SAFE
    from warehouse.routing.cart.bounds.shares import best_parking_s

    limit_s = math.inf if upper_bound_s is None else upper_bound_s - problem.fixed_s
    return (max(plain_s, best_parking_s(problem, limit_s, iterations)) + problem.fixed_s) * _SAFE


def _shortest_walk_s(problem: CartProblem) -> float:
    from warehouse.routing.exact.solve import optimal_length_m
    from warehouse.routing.exact.states import MOST_CROSS_AISLES as MOST_SWEPT

    ladder = problem.ladder
    if ladder.cross_aisles > MOST_SWEPT:
        home_s = np.min(problem.reach_s[problem.ends] + problem.end_s[:, None], axis=0)
        return float(np.max(problem.reach_s[problem.start] + home_s))
    return (optimal_length_m(ladder, problem.picks) - ladder.start.walk_m) / problem.cart.walk_m_s
