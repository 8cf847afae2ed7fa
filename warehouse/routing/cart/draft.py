"""A plan that is being changed: the cart's events in order, and loops that hang on the stands.

In which order loops and pushes are done does not matter to the loops, so a draft keeps them apart. The cart has a sequence of events, each
a stay at a stand or a push through a sub-aisle, and goes from one to the next by its own shortest way; a stay costs park_s. The loops know
only their stand. A handful is in a loop, laid into the cart by a push, or still waiting. Handfuls that the cart happens to pass between two
events are not laid into it here: a draft is at most too dear, and the split of its order puts that right.

Arrays in named tuples, all in machine code, as millions of changes are tried.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import accumulate, pairwise
from typing import NamedTuple

import numpy as np

from warehouse.routing.cart.problem import CartProblem, Floats, Ints
from warehouse.routing.cart.schedule import Visit
from warehouse.routing.cart.split import park_s
from warehouse.routing.compiled import compiled, inner

WAITING, LAID = -1, -2  # instead of a loop
STAY = -1  # instead of a sub-aisle
LENGTH, LOAD, STAND, ONES = range(4)  # what stands where in a row of loops
ENTER, LEAVE, THROUGH = range(3)  # and of events


class Ground(NamedTuple):
    """What does not change: n handfuls, P stands, S sub-aisles.

    Attributes:
        items, sub_aisle, hands, walk_s: as in CartProblem.
        reach_s: float64[n, P], between a handful and a stand, without the cart.
        park_s: float64[P], infinite where the cart may not stand.
        cart_s: float64[P+1, P+1], symmetric: with the cart, by the shortest way; the last row and column: until the tour has ended.
        first: int64[S+1]: the handfuls of sub-aisle a are first[a] to first[a+1] - 1, as a pick list is sorted.
        gates: int64[S, 2], the stands at its ends; -1 where the cart may not be pushed.
        near: int64[n, n], of each handful: all of them, the nearest first.
    """

    items: Ints
    sub_aisle: Ints
    hands: int
    walk_s: Floats
    reach_s: Floats
    park_s: Floats
    cart_s: Floats
    first: Ints
    gates: Ints
    near: Ints


class Draft(NamedTuple):
    """Attributes:
    loops: int64[n, 3 + most handfuls of a loop]. A row is a loop: LENGTH, its number of handfuls, 0 if there is no such loop; LOAD, their
        items; STAND, where it begins and ends; from ONES on the handfuls in order of picking.
    loop_of: int64[n], of each handful; or WAITING or LAID.
    events: int64[n+2, 3]. A row is an event: ENTER and LEAVE, the stands where the cart is before and after it; THROUGH, the sub-aisle of a
        push, or STAY. The first event is the start, the last the end (stand P).
    event_count: int64[1], of the events between start and end.
    loops_at: int64[P], loops at each stand; a stay is among the events where there are any.
    everything: int64[...], all of these in one piece, to copy them fast.
    """

    loops: Ints
    loop_of: Ints
    events: Ints
    event_count: Ints
    loops_at: Ints
    everything: Ints


def ground_of(problem: CartProblem) -> Ground:
    """Prepare a problem with at least one handful."""
    sub_aisles = int(problem.sub_aisle.max()) + 1
    gates = np.full((sub_aisles, 2), -1, np.int64)
    stands, ways = np.nonzero((problem.move_sub_aisle >= 0) & (problem.move_sub_aisle < sub_aisles))
    through = problem.move_sub_aisle[stands, ways]
    gates[through, 0], gates[through, 1] = stands, problem.move_to[stands, ways]
    return Ground(
        items=problem.items,
        sub_aisle=problem.sub_aisle,
        hands=problem.hands,
        walk_s=problem.walk_s,
        reach_s=np.ascontiguousarray(problem.reach_s.T),
        park_s=park_s(problem),
        cart_s=_cart_s(problem),
        first=np.searchsorted(problem.sub_aisle, np.arange(sub_aisles + 1)),
        gates=gates,
        near=np.argsort(problem.walk_s, axis=1, kind="stable"),
    )


def _cart_s(problem: CartProblem) -> Floats:
    cart_s = np.zeros((problem.stands + 1, problem.stands + 1))
    cart_s[:-1, :-1] = _shortest_moves_s(problem.move_to, problem.move_s)
    cart_s[-1, :-1] = cart_s[:-1, -1] = (cart_s[:-1, problem.ends] + problem.end_s).min(axis=1)
    return cart_s


@compiled
def _shortest_moves_s(move_to: Ints, move_s: Floats) -> Floats:
    """Bellman–Ford from each stand, to and fro over the stands."""
    stands, ways = move_to.shape
    seconds = np.full((stands, stands), np.inf)
    for origin in range(stands):
        row = seconds[origin]
        row[origin] = 0.0
        changed, upwards = True, True
        while changed:
            changed = False
            for step in range(stands):
                p = step if upwards else stands - 1 - step
                for way in range(ways):
                    q = move_to[p, way]
                    if q >= 0 and row[p] + move_s[p, way] < row[q]:
                        row[q] = row[p] + move_s[p, way]
                        changed = True
            upwards = not upwards
    return seconds


def empty_draft(problem: CartProblem) -> Draft:
    """All handfuls wait, and the cart goes to the end by the shortest way."""
    n, stands = problem.handfuls, problem.stands
    shapes = ((n, ONES + min(n, problem.hands)), (n,), (n + 2, 3), (1,), (stands,))
    ends = list(accumulate((math.prod(shape) for shape in shapes), initial=0))
    everything = np.zeros(ends[-1], np.int64)
    loops, loop_of, events, event_count, loops_at = (
        everything[a:b].reshape(shape) for (a, b), shape in zip(pairwise(ends), shapes, strict=True)
    )
    draft = Draft(loops, loop_of, events, event_count, loops_at, everything)
    draft.loop_of[:] = WAITING
    draft.events[0] = problem.start, problem.start, STAY
    draft.events[1] = stands, stands, STAY
    return draft


def draft_of(problem: CartProblem, plan: Sequence[Visit]) -> Draft:
    """A plan as a draft: whatever lies in a sub-aisle where something is laid into the cart is left out of the loops."""
    draft, sub_aisle, items = empty_draft(problem), problem.sub_aisle.tolist(), problem.items.tolist()
    move_to, move_sub_aisle = problem.move_to.tolist(), problem.move_sub_aisle.tolist()
    in_loops = {one for visit in plan for loop in visit.loops for one in loop}
    laid = {sub_aisle[one] for one in range(problem.handfuls) if one not in in_loops}
    to_lay, events, loops = set(laid), [(problem.start, problem.start, STAY)], []
    for before, visit in zip((plan[0], *plan), plan, strict=False):
        for to, through in zip(move_to[before.stand], move_sub_aisle[before.stand], strict=True):
            if to == visit.stand and through in to_lay:
                events.append((before.stand, visit.stand, through))
                to_lay.remove(through)
        here = [ones for loop in visit.loops if (ones := [one for one in loop if sub_aisle[one] not in laid])]
        if here and not draft.loops_at[visit.stand]:
            events.append((visit.stand, visit.stand, STAY))
        draft.loops_at[visit.stand] += len(here)
        loops += [(visit.stand, ones) for ones in here]
    draft.event_count[0] = len(events) - 1
    draft.events[: len(events) + 1] = [*events, (problem.stands, problem.stands, STAY)]
    draft.loop_of[:] = LAID
    for row, (stand, ones) in enumerate(loops):
        draft.loops[row, : ONES + len(ones)] = len(ones), sum(items[one] for one in ones), stand, *ones
        draft.loop_of[ones] = row
    return draft


def order_of(problem: CartProblem, draft: Draft) -> Ints:
    """The handfuls in the order in which a draft takes them, int64[n]."""
    order: list[int] = []
    for enter, _, through in draft.events[1 : 1 + draft.event_count[0]].tolist():
        if through != STAY:
            order += np.flatnonzero(problem.sub_aisle == through).tolist()
            continue
        for loop in draft.loops[(draft.loops[:, STAND] == enter) & (draft.loops[:, LENGTH] > 0)]:
            order += loop[ONES : ONES + loop[LENGTH]].tolist()
    return np.array(order, np.int64)


@inner
def copy(to: Draft, draft: Draft) -> None:
    """Make a draft equal to another."""
    for index in range(to.everything.size):
        to.everything[index] = draft.everything[index]


@inner
def draft_s(ground: Ground, draft: Draft) -> float:
    """Seconds of a draft in which nothing waits, picking not counted."""
    total = ground.cart_s[draft.events[draft.event_count[0], LEAVE], draft.events[draft.event_count[0] + 1, ENTER]]
    for event in range(1, draft.event_count[0] + 1):
        p, q = draft.events[event, ENTER], draft.events[event, LEAVE]
        total += ground.cart_s[draft.events[event - 1, LEAVE], p] + ground.cart_s[p, q]
        total += ground.park_s[p] if draft.events[event, THROUGH] == STAY else 0.0
    for loop in range(draft.loop_of.size):
        end, stand = ONES + draft.loops[loop, LENGTH], draft.loops[loop, STAND]
        if end > ONES:
            total += ground.reach_s[draft.loops[loop, ONES], stand] + ground.reach_s[draft.loops[loop, end - 1], stand]
            for k in range(ONES + 1, end):
                total += ground.walk_s[draft.loops[loop, k - 1], draft.loops[loop, k]]
    return float(total)


@inner
def detour(cart_s: Floats, events: Ints, count: int, a: int, b: int) -> tuple[float, int]:
    """Where an event from stand a to stand b fits best: the seconds that its ways add, and behind which event."""
    best, behind = np.inf, 0
    for event in range(count + 1):
        p, q = events[event, LEAVE], events[event + 1, ENTER]
        added = cart_s[p, a] + cart_s[b, q] - cart_s[p, q]
        if added < best:
            best, behind = added, event
    return best, behind


@inner
def opening_s(cart_s: Floats, park_s: Floats, draft: Draft, out: Floats) -> None:
    """Seconds that a stay at each stand adds, to out, float64[P]: 0 where there is one, infinite where the cart may not stand."""
    for stand in range(out.size):
        out[stand] = np.inf
    for event in range(draft.event_count[0] + 1):
        p, q = draft.events[event, LEAVE], draft.events[event + 1, ENTER]
        for stand in range(out.size):
            out[stand] = min(out[stand], cart_s[p, stand] + cart_s[q, stand] - cart_s[p, q])
    for stand in range(out.size):
        out[stand] = 0.0 if draft.loops_at[stand] else out[stand] + park_s[stand]


@inner
def add_event(draft: Draft, behind: int, a: int, b: int, through: int) -> None:
    """Put an event from stand a to stand b into the sequence."""
    for event in range(draft.event_count[0] + 1, behind, -1):
        for k in range(3):
            draft.events[event + 1, k] = draft.events[event, k]
    draft.events[behind + 1, ENTER] = a
    draft.events[behind + 1, LEAVE] = b
    draft.events[behind + 1, THROUGH] = through
    draft.event_count[0] += 1


@inner
def drop_event(draft: Draft, event: int) -> None:
    """Take an event out of the sequence; the others go on as before."""
    for later in range(event, draft.event_count[0] + 1):
        for k in range(3):
            draft.events[later, k] = draft.events[later + 1, k]
    draft.event_count[0] -= 1


@inner
def hang(cart_s: Floats, draft: Draft, stand: int, loops: int) -> None:
    """Count some more loops at a stand, and see that the cart stays there."""
    if draft.loops_at[stand] == 0:
        _, behind = detour(cart_s, draft.events, draft.event_count[0], stand, stand)
        add_event(draft, behind, stand, stand, STAY)
    draft.loops_at[stand] += loops


@inner
def unhang(draft: Draft, stand: int) -> None:
    """Count one loop less at a stand; behind the last one the cart no longer stays there."""
    draft.loops_at[stand] -= 1
    if draft.loops_at[stand] == 0:
        event = 1
        while draft.events[event, THROUGH] != STAY or draft.events[event, ENTER] != stand:
            event += 1
        drop_event(draft, event)
