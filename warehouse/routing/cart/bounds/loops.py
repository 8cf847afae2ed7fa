"""The worker's best loop from a stand, if each handful has a prize."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from warehouse.routing.cart.bounds.states import OPTIONS, Kind, edges_s, transitions
from warehouse.routing.cart.problem import CartProblem, Floats, Ints
from warehouse.routing.compiled import compiled

TAKEN = 1
"""The option of a TAKE that takes."""

KINDS = frozenset({Kind.EDGE, Kind.FORK, Kind.STEP, Kind.TAKE, Kind.JOIN, Kind.CROSS})


class LoopSweep(NamedTuple):
    """The steps of a sweep over the whole ladder, the same for all stands and prizes.

    Attributes:
        next_state, sources: see ``Transitions``.
        steps: int64[T], rows of the transitions.
        cost: float64[T, 4], walking, without prizes.
        weight: int64[T], items of the handful that may be taken; 0 for other steps, and for all if the hands never fill.
        take: int64[n], the step at which each handful may be taken.
        handful: int64[T], the handful that may be taken, else -1.
        leave: int64[P], the step at which each stand is left behind.
        loads: K + 1; 1 if the hands never fill.
    """

    next_state: Ints
    sources: Ints
    steps: Ints
    cost: Floats
    weight: Ints
    take: Ints
    handful: Ints
    leave: Ints
    loads: int


def loop_sweep(problem: CartProblem) -> LoopSweep:
    """Column by column, in each first the sub-aisles with what lies there, then the cross aisles."""
    ladder = problem.ladder
    rows, speed = ladder.cross_aisles, problem.cart.walk_m_s
    steps: list[tuple[int, list[float], int]] = []
    take = np.zeros(problem.handfuls, np.int64)
    leave: dict[tuple[int, int], int] = {}
    ample = problem.hands >= problem.items.sum()
    y_m = problem.picks.y_m[problem.pick_of]

    def add(kind: Kind, row: int, cost: list[float], weight: int = 0) -> None:
        steps.append((kind * rows + row, cost + [np.inf] * (OPTIONS - len(cost)), weight))

    for column in range(ladder.columns):
        for block in range(ladder.blocks if ladder.aisles[column] else 0):
            at, kind = ladder.y_m[block], Kind.FORK
            there = np.flatnonzero(problem.sub_aisle == column * ladder.blocks + block)
            for one in there[np.argsort(y_m[there], kind="stable")].tolist():
                if kind == Kind.FORK or y_m[one] > at:
                    add(kind, block if kind == Kind.FORK else 0, edges_s((y_m[one] - at) / speed))
                at, kind, take[one] = y_m[one], Kind.STEP, len(steps)
                add(Kind.TAKE, 0, [0.0, 0.0], 0 if ample else int(problem.items[one]))
            rest = edges_s((ladder.y_m[block + 1] - at) / speed)
            add(*((Kind.JOIN, block + 1, rest) if len(there) else (Kind.EDGE, block, rest)))
        for row in range(rows):
            leave[column, row] = len(steps)
            last = column + 1 == ladder.columns
            add(Kind.CROSS, row, [0.0, 0.0] if last else [0.0, *edges_s((ladder.x_m[column + 1] - ladder.x_m[column]) / speed)])
    handful = np.full(len(steps), -1, np.int64)
    handful[take] = np.arange(problem.handfuls)
    table = transitions(rows, KINDS)
    kinds, costs, weights = zip(*steps, strict=True)
    stands = zip(problem.columns.tolist(), problem.cross_aisles.tolist(), strict=True)
    return LoopSweep(
        next_state=table.next,
        sources=table.sources,
        steps=np.array(kinds, np.int64),
        cost=np.array(costs),
        weight=np.array(weights, np.int64),
        take=take,
        handful=handful,
        leave=np.array([leave[stand] for stand in stands], np.int64),
        loads=1 if ample else problem.hands + 1,
    )


@compiled
def best_loops(loops: LoopSweep, stand: int, prize: Floats) -> tuple[Floats, npt.NDArray[np.bool_]]:
    """The best loop from a stand for each number of items carried: min t(p, S) − prize(S).

    Args:
        loops: of the problem.
        stand: p.
        prize: float64[n].

    Returns:
        float64[L], seconds less prizes, infinite if no loop carries so many; bool[L, n], what each of them takes.
    """
    cost = loops.cost.copy()
    cost[loops.take, 1] = -prize
    cost[loops.leave[stand], 0] = np.inf  # the loop comes through the stand
    value, came = _sweep(loops, cost)
    taken = np.zeros((loops.loads, len(prize)), np.bool_)
    for load in range(loops.loads):
        if value[1, load] < np.inf:
            _trace(loops, came, load, taken[load])
    return value[1], taken


@compiled
def _sweep(loops: LoopSweep, cost: Floats) -> tuple[Floats, Ints]:
    """The least costs of each state and load after the last step, and the state before each step × 4 + the option."""
    states = loops.next_state.shape[1]
    before, after = np.full((states, loops.loads), np.inf), np.empty((states, loops.loads))
    came = np.empty((len(loops.steps), states, loops.loads), np.int64)
    before[0, 0] = 0.0
    for step in range(len(loops.steps)):
        after[:] = np.inf
        table = loops.next_state[loops.steps[step]]
        for state in loops.sources[loops.steps[step]]:
            if state < 0:
                break
            for option in range(OPTIONS):
                to, seconds = table[state, option], cost[step, option]
                if to < 0 or seconds == np.inf:
                    continue
                more = loops.weight[step] if option == TAKEN else 0
                for load in range(loops.loads - more):
                    total = before[state, load] + seconds
                    if total < after[to, load + more]:
                        after[to, load + more], came[step, to, load + more] = total, OPTIONS * state + option
        before, after = after, before
    return before, came


@compiled
def _trace(loops: LoopSweep, came: Ints, load: int, taken: npt.NDArray[np.bool_]) -> None:
    """What the best loop with a load takes: back from all done."""
    state = 1
    for step in range(len(loops.steps) - 1, -1, -1):
        before = came[step, state, load]
        if loops.handful[step] >= 0 and before % OPTIONS == TAKEN:
            taken[loops.handful[step]] = True
            load -= loops.weight[step]
        state = before // OPTIONS
