"""Shares of loops: what each handful costs at least, if it is taken from a stand.

Shares are fair if from no stand p a loop S of at most K items takes less time than its handfuls' shares together: share[p, S] ≤ t(p, S).
Then the loops of any schedule take at least the shares of all that they take, and the schedule takes at least as long as the cheapest
parking for these shares. Which fair shares make this bound the highest is found step by step, as in a subgradient method: shares that the
cheapest parking pays are raised, then made fair again.
"""

from __future__ import annotations

import numpy as np

from warehouse.routing.cart.bounds.loops import LoopSweep, best_loops, loop_sweep
from warehouse.routing.cart.bounds.parking import cheapest_parking, parking
from warehouse.routing.cart.problem import CartProblem, Floats
from warehouse.routing.compiled import compiled

_FIRST = 0.6  # of the time of a loop for one handful alone: where shares begin
_CLOSE = 0.02  # seconds: a loop that takes so much less than its shares need not be treated by itself
_ROUNDS = 50
_MOST_WORK = 2 * 10**9  # transitions of all parkings and loops together: a few seconds
_SWEEPS = 10  # that a step takes to make shares fair, in order of magnitude
_STALLED = 8  # iterations without a better bound


def best_parking_s(problem: CartProblem, limit_s: float, iterations: int) -> float:
    """The highest bound that is found on pushing, parking and loops.

    Args:
        problem: at least one handful.
        limit_s: a higher bound is not looked for.
        iterations: steps; fewer in large ladders and for long lists, so that they take some seconds at most.

    Returns:
        Seconds, without those of every plan; 0 if even one step would take too long.
    """
    loops, plan = loop_sweep(problem), parking(problem)
    work = plan.work + _SWEEPS * problem.stands * len(loops.steps) * loops.next_state.shape[1] * loops.loads
    if work > _MOST_WORK:
        return 0.0
    share = _FIRST * 2 * problem.reach_s
    for stand in range(problem.stands):
        make_fair(loops, stand, share[stand])
    best_s, best_share = min(limit_s, cheapest_parking(plan, share, limit_s)[0]), share.copy()
    step_s, stalled = 0.1 * best_s, 0
    for _ in range(min(iterations, _MOST_WORK // work)):
        target_s = min(limit_s, best_s + step_s)
        bound_s, stand_of = cheapest_parking(plan, share, target_s)
        if bound_s == np.inf:
            best_s, best_share, stalled = target_s, share.copy(), 0
            continue
        if bound_s > best_s:
            best_s, best_share, stalled = bound_s, share.copy(), 0
        if best_s >= limit_s:
            break
        stalled += 1
        if stalled > _STALLED:
            step_s, stalled, share = 0.5 * step_s, 0, best_share.copy()
            continue
        raised_s = (target_s - bound_s) / max(1, int((stand_of >= 0).sum()))
        for stand in np.unique(stand_of[stand_of >= 0]):
            share[stand, stand_of == stand] += raised_s
            make_fair(loops, stand, share[stand])
    return best_s


@compiled
def make_fair(loops: LoopSweep, stand: int, share: Floats) -> None:
    """Lower the shares of a stand, in place, until they are fair.

    First the loop of each number of items that takes least in comparison is treated by itself, again and again; what is left after this
    is small, and all shares are lowered by the worst loop's quotient, until there is none (Dinkelbach's method).
    """
    for _ in range(_ROUNDS):
        excess_s, taken = best_loops(loops, stand, share)
        if excess_s.min() >= -_CLOSE:
            break
        asked = share.copy()
        for load in np.argsort(excess_s):
            if excess_s[load] < 0:
                loop_s, now_s = excess_s[load] + asked[taken[load]].sum(), share[taken[load]].sum()
                if now_s > loop_s:
                    share[taken[load]] *= loop_s / now_s
    for _ in range(_ROUNDS):
        excess_s, taken = best_loops(loops, stand, share)
        load = np.argmin(excess_s)
        if excess_s[load] >= 0:
            return
        asked_s = share[taken[load]].sum()
        share *= max(0.0, excess_s[load] / asked_s + 1) * (1 - 1e-12)
    share[:] = 0.0
