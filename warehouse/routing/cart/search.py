"""Long lists: ruin and recreate, annealed, from many starts.

Loops are soon put right; where the cart stands and goes is what a search changes last. So the starts differ in that: the splits of some
walks, and for each stand a draft in which all that lies near hangs on it. All are annealed for a while, the better half of them further, and
so on (successive halving). Iterations are counted, not seconds, so that results repeat. The best draft's order is split at the end.

Source: Kirkpatrick, Gelatt & Vecchi, Optimization by simulated annealing, Science 220 (1983); Jamieson & Talwalkar, Non-stochastic best arm
identification and hyperparameter optimization, AISTATS 2016, section 2 (successive halving); ``ruin`` for its moves.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from bintally.errors import UsageError
from warehouse.routing.cart.draft import Draft, Ground, copy, draft_of, draft_s, empty_draft, ground_of, order_of
from warehouse.routing.cart.problem import CartProblem, Floats, Ints
from warehouse.routing.cart.ruin import Work, move_event, move_loop, recreate, ruin, ruin_events
from warehouse.routing.cart.schedule import Schedule, Visit, schedule_of
from warehouse.routing.cart.split import split
from warehouse.routing.cart.useful import narrowed, widened
from warehouse.routing.cart.walk import s_shapes, short_walk
from warehouse.routing.chance import Chance, drawn
from warehouse.routing.compiled import inner

ROUNDS = 6
STARTS = 2 ** (ROUNDS - 1)
HOT, COLD = 0.1, 0.01  # first and last temperature of each annealing, in mean seconds a handful
BLINK = 0.02  # how often a place is overlooked when a handful is put back (Christiaens & Vanden Berghe, 2020)
SHORT = 16  # handfuls


def solve_search(problem: CartProblem, *, iterations: int | None = None, seed: int = 0) -> Schedule:
    """A good schedule of any list.

    Args:
        problem: any number of handfuls.
        iterations: ruins and recreations, from 0; by default ``default_iterations``.
        seed: of the draws, from 0; the same seed and iterations give the same schedule.

    Raises:
        UsageError: iterations or seed are negative.
    """
    if not problem.handfuls:
        _check(iterations, seed)
        return schedule_of(problem, (), "search")
    _, plan = searched(problem, iterations=iterations, seed=seed)
    return schedule_of(problem, widened(problem, plan), "search")


def searched(problem: CartProblem, *, iterations: int | None = None, seed: int = 0) -> tuple[float, Sequence[Visit]]:
    """The seconds of `solve_search`'s schedule, and its plan in the narrowed problem; at least one handful.

    Raises:
        UsageError: iterations or seed are negative.
    """
    _check(iterations, seed)
    problem = narrowed(problem)
    ground = ground_of(problem)
    plans = [split(problem, order) for order in (short_walk(problem), *s_shapes(problem))]
    best = empty_draft(problem)
    pool, pool_s = np.empty((STARTS, best.everything.size), np.int64), np.full(STARTS, np.inf)
    for k, (_, plan) in enumerate(plans):
        draft = draft_of(problem, plan)
        pool[k], pool_s[k] = draft.everything, draft_s(ground, draft)
    chance = np.random.SeedSequence(seed).generate_state(1, np.uint64) | np.uint64(1)  # from 0 a xorshift draws nothing but 0
    work = Work(np.empty(problem.handfuls, np.int64), np.empty(problem.handfuls), np.empty(problem.stands))
    count = default_iterations(problem.handfuls) if iterations is None else iterations
    race(ground, empty_draft(problem), empty_draft(problem), best, count, chance, work, pool, pool_s)
    plans.append(split(problem, order_of(problem, best)))
    return min(plans, key=lambda timed: timed[0])


def _check(iterations: int | None, seed: int) -> None:
    if (iterations is not None and iterations < 0) or seed < 0:
        raise UsageError(f"{iterations} iterations with seed {seed}: neither may be negative")


def default_iterations(handfuls: int) -> int:
    """As many as leave a mean gap of a few tenths of a per cent in long lists, above 150 handfuls what minutes allow.

    Short lists are done in no time, and one stand that is wrong weighs most in them, so that they get more.
    """
    return 5000 if handfuls <= SHORT else min(int(handfuls**2.5 / 3), 100_000)


@inner
def race(
    ground: Ground, current: Draft, candidate: Draft, best: Draft, iterations: int, chance: Chance, work: Work, pool: Ints, pool_s: Floats
) -> None:
    """Anneal all starts, the better half of them further, and so on.

    Args:
        ground: the problem.
        current: empty; overwritten.
        candidate: overwritten.
        best: overwritten by the best draft that was found.
        iterations: shared out evenly among the rounds, and in a round among the starts.
        chance: draws.
        work: overwritten.
        pool: int64[STARTS, ...], drafts: the first starts; overwritten.
        pool_s: float64[STARTS], their seconds, infinite where there is none yet; overwritten.
    """
    for stand in range(ground.park_s.size):
        if ground.park_s[stand] < np.inf:
            copy(candidate, current)
            recreate(ground, candidate, 0.0, stand, chance, work)
            _keep(candidate, draft_s(ground, candidate), pool, pool_s)
    alive = STARTS
    for rounds_left in range(ROUNDS, 0, -1):
        each = iterations // (alive * rounds_left)
        iterations -= alive * each
        for k in range(alive):
            if pool_s[k] < np.inf:
                _take(current, pool, k)
                pool_s[k] = anneal(ground, current, candidate, best, each, chance, work)
                _put(best, pool, k)
        for _ in range(alive // 2):
            alive -= 1
            worst = _worst(pool_s, alive + 1)
            _take(current, pool, alive)
            _put(current, pool, worst)
            pool_s[worst] = pool_s[alive]
    _take(best, pool, 0)


@inner
def _keep(draft: Draft, seconds: float, pool: Ints, pool_s: Floats) -> None:
    """Let a draft take the place of the worst one, unless there is one that takes as long, and is thus likely the same."""
    for k in range(pool_s.size):
        if abs(pool_s[k] - seconds) <= 1e-9 * seconds:
            return
    worst = _worst(pool_s, pool_s.size)
    if seconds < pool_s[worst]:
        _put(draft, pool, worst)
        pool_s[worst] = seconds


@inner
def _worst(pool_s: Floats, count: int) -> int:
    worst = 0
    for k in range(count):
        if pool_s[k] > pool_s[worst]:
            worst = k
    return worst


@inner
def _put(draft: Draft, pool: Ints, k: int) -> None:
    for index in range(draft.everything.size):
        pool[k, index] = draft.everything[index]


@inner
def _take(draft: Draft, pool: Ints, k: int) -> None:
    for index in range(draft.everything.size):
        draft.everything[index] = pool[k, index]


@inner
def anneal(ground: Ground, current: Draft, candidate: Draft, best: Draft, iterations: int, chance: Chance, work: Work) -> float:
    """Ruin and recreate ``current`` again and again; ``best`` becomes the best draft.

    Returns:
        Its seconds.
    """
    n = ground.items.size
    copy(best, current)
    now_s = best_s = draft_s(ground, current)
    temperature_s = HOT * now_s / n
    cooling = (COLD / HOT) ** (1.0 / max(1, iterations))
    for _ in range(iterations):
        copy(candidate, current)
        if drawn(chance) < 0.1:
            ruin_events(ground, candidate, chance)
        else:
            ruin(ground, candidate, chance)
        recreate(ground, candidate, BLINK, -1, chance, work)
        move_event(ground, candidate, 1 + int(drawn(chance) * candidate.event_count[0]), work.opening)
        loop = candidate.loop_of[int(drawn(chance) * n)]
        if loop >= 0:
            move_loop(ground, candidate, loop, work.opening)
        candidate_s = draft_s(ground, candidate)
        # worse by d with probability exp(-d / temperature)
        if candidate_s < now_s - temperature_s * np.log(1.0 - drawn(chance)):
            now_s = candidate_s
            copy(current, candidate)
            if now_s < best_s:
                best_s = now_s
                copy(best, current)
        temperature_s *= cooling
    return best_s
