"""Ruin and recreate: take some neighbouring handfuls out of a draft, and put them back one by one where each costs least.

Source: Christiaens & Vanden Berghe, Slack induction by string removals for vehicle routing problems, Transportation Science 54 (2020),
sections 5.1 (ruin: neighbours of a seed) and 5.2 (recreate: greedy insertion with blinks).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from warehouse.routing.cart.draft import (
    ENTER,
    LAID,
    LENGTH,
    LOAD,
    ONES,
    STAND,
    STAY,
    THROUGH,
    WAITING,
    Draft,
    Ground,
    add_event,
    detour,
    drop_event,
    hang,
    opening_s,
    unhang,
)
from warehouse.routing.cart.problem import Floats, Ints
from warehouse.routing.chance import Chance, drawn
from warehouse.routing.compiled import inner

MOST = 10  # handfuls that are taken out at once
SKIP = 0.2  # of the neighbours, that stay
PUSH_BLINK = 0.5  # how often no push is thought of


class Work(NamedTuple):
    """Arrays to work in: waiting, int64[n]; key, float64[n]; opening, float64[P]."""

    waiting: Ints
    key: Floats
    opening: Floats


@inner
def ruin(ground: Ground, draft: Draft, chance: Chance) -> None:
    """Let a random handful and most of its nearest neighbours wait."""
    n = ground.items.size
    seed = int(drawn(chance) * n)
    left = 1 + int(drawn(chance) * MOST)
    for k in range(n):
        one = ground.near[seed, k]
        if k and drawn(chance) < SKIP:
            continue
        if draft.loop_of[one] == LAID:
            take_push_out(ground, draft, ground.sub_aisle[one])
        elif draft.loop_of[one] >= 0:
            take_out(ground, draft, one)
        left -= 1
        if left <= 0:
            return


@inner
def ruin_events(ground: Ground, draft: Draft, chance: Chance) -> None:
    """Take up to four events that follow each other out, the first again behind the last, so that the cart may go another way."""
    event = 1 + int(drawn(chance) * draft.event_count[0])
    for _ in range(1 + int(drawn(chance) * min(4, draft.event_count[0]))):
        if event > draft.event_count[0]:
            event = 1
        if draft.events[event, THROUGH] != STAY:
            take_push_out(ground, draft, draft.events[event, THROUGH])
            continue
        stand = draft.events[event, ENTER]
        for one in range(draft.loop_of.size):
            if draft.loop_of[one] >= 0 and draft.loops[draft.loop_of[one], STAND] == stand:
                take_out(ground, draft, one)


@inner
def take_out(ground: Ground, draft: Draft, one: int) -> None:
    """Let a handful of a loop wait."""
    loop = draft.loop_of[one]
    k = _place(draft, loop, one)
    draft.loop_of[one] = WAITING
    draft.loops[loop, LENGTH] -= 1
    draft.loops[loop, LOAD] -= ground.items[one]
    for later in range(k, draft.loops[loop, LENGTH]):
        draft.loops[loop, ONES + later] = draft.loops[loop, ONES + later + 1]
    if draft.loops[loop, LENGTH] == 0:
        unhang(draft, draft.loops[loop, STAND])


@inner
def _place(draft: Draft, loop: int, one: int) -> int:
    k = 0
    while draft.loops[loop, ONES + k] != one:
        k += 1
    return k


@inner
def take_push_out(ground: Ground, draft: Draft, sub_aisle: int) -> None:
    """Push through a sub-aisle no longer; its handfuls wait."""
    event = 1
    while draft.events[event, THROUGH] != sub_aisle:
        event += 1
    drop_event(draft, event)
    for one in range(ground.first[sub_aisle], ground.first[sub_aisle + 1]):
        draft.loop_of[one] = WAITING


@inner
def recreate(ground: Ground, draft: Draft, blink: float, free: int, chance: Chance, work: Work) -> None:
    """Put all that waits back, in random order, or from near to far or far to near of a random handful.

    Args:
        ground: the problem.
        draft: changed.
        blink: how often a better place is overlooked, so that not all recreations are the same.
        free: a stand where staying is taken to cost nothing, so that what lies near comes to hang there; or -1.
        chance: draws.
        work: overwritten.
    """
    count = _in_some_order(ground, draft, chance, work)
    changed = True
    for k in range(count):
        one = work.waiting[k]
        if draft.loop_of[one] != WAITING:
            continue  # laid into the cart with another one's push
        if changed:
            opening_s(ground.cart_s, ground.park_s, draft, work.opening)
            if free >= 0:
                work.opening[free] = 0.0
        events = draft.event_count[0]
        put_back(ground, draft, one, blink, chance, work.opening)
        changed = draft.event_count[0] != events


@inner
def _in_some_order(ground: Ground, draft: Draft, chance: Chance, work: Work) -> int:
    """Write what waits to work.waiting, sorted by a key, and count it."""
    count = 0
    how, middle = drawn(chance), int(drawn(chance) * draft.loop_of.size)
    for one in range(draft.loop_of.size):
        if draft.loop_of[one] != WAITING:
            continue
        key = drawn(chance)
        if how >= 0.5:
            key = ground.walk_s[middle, one] if how < 0.75 else -ground.walk_s[middle, one]
        k = count
        while k > 0 and work.key[k - 1] > key:
            work.key[k], work.waiting[k] = work.key[k - 1], work.waiting[k - 1]
            k -= 1
        work.key[k], work.waiting[k] = key, one
        count += 1
    return count


@inner
def put_back(ground: Ground, draft: Draft, one: int, blink: float, chance: Chance, opening: Floats) -> None:
    """Lay a handful where it adds the fewest seconds: into a loop, a new loop, or the cart on a push through its sub-aisle."""
    added, loop, k = _best_in_loops(ground, draft, one, blink, chance)
    stand = -1
    for p in range(opening.size):
        there_and_back = opening[p] + 2.0 * ground.reach_s[one, p]
        if there_and_back < added and (added == np.inf or drawn(chance) >= blink):
            added, stand = there_and_back, p
    a = ground.sub_aisle[one]
    if ground.gates[a, 0] >= 0 and drawn(chance) >= PUSH_BLINK and _push_share_s(ground, draft, a) < added:
        push(ground, draft, a)
        return
    if stand >= 0:
        loop, k = 0, 0
        while draft.loops[loop, LENGTH]:
            loop += 1
        draft.loops[loop, STAND] = stand
        draft.loops[loop, LOAD] = 0
        hang(ground.cart_s, draft, stand, 1)
    for later in range(draft.loops[loop, LENGTH], k, -1):
        draft.loops[loop, ONES + later] = draft.loops[loop, ONES + later - 1]
    draft.loops[loop, ONES + k] = one
    draft.loops[loop, LENGTH] += 1
    draft.loops[loop, LOAD] += ground.items[one]
    draft.loop_of[one] = loop


@inner
def _best_in_loops(ground: Ground, draft: Draft, one: int, blink: float, chance: Chance) -> tuple[float, int, int]:
    """Seconds, loop and place in it; infinite seconds if no loop has room."""
    best, best_loop, best_k = np.inf, -1, 0
    for loop in range(draft.loop_of.size):
        length, stand = draft.loops[loop, LENGTH], draft.loops[loop, STAND]
        if length == 0 or draft.loops[loop, LOAD] + ground.items[one] > ground.hands:
            continue
        for k in range(length + 1):
            added = _longer_s(ground, draft, one, loop, k - 1, k, stand)
            if added < best and (best == np.inf or drawn(chance) >= blink):
                best, best_loop, best_k = added, loop, k
    return best, best_loop, best_k


@inner
def _longer_s(ground: Ground, draft: Draft, one: int, loop: int, before: int, after: int, stand: int) -> float:
    """Seconds that a loop is longer with a handful between two of its places; a place outside of it means the stand."""
    first, last = before < 0, after >= draft.loops[loop, LENGTH]
    here_s = ground.reach_s[one, stand]
    if first and last:
        return float(2.0 * here_s)
    a, b = draft.loops[loop, ONES + max(before, 0)], draft.loops[loop, ONES + after * (not last)]
    if first:
        return float(here_s + ground.walk_s[one, b] - ground.reach_s[b, stand])
    if last:
        return float(ground.walk_s[one, a] + here_s - ground.reach_s[a, stand])
    return float(ground.walk_s[one, a] + ground.walk_s[one, b] - ground.walk_s[a, b])


@inner
def _push_share_s(ground: Ground, draft: Draft, a: int) -> float:
    """Seconds that a push through a sub-aisle adds, less what the loops there save, for each of its handfuls that wait."""
    there, _ = detour(ground.cart_s, draft.events, draft.event_count[0], ground.gates[a, 0], ground.gates[a, 1])
    back, _ = detour(ground.cart_s, draft.events, draft.event_count[0], ground.gates[a, 1], ground.gates[a, 0])
    added, waiting = min(there, back) + ground.cart_s[ground.gates[a, 0], ground.gates[a, 1]], 0
    for one in range(ground.first[a], ground.first[a + 1]):
        loop = draft.loop_of[one]
        if loop == WAITING:
            waiting += 1
        else:
            k = _place(draft, loop, one)
            added -= _longer_s(ground, draft, one, loop, k - 1, k + 1, draft.loops[loop, STAND])
    return float(added / max(1, waiting))


@inner
def push(ground: Ground, draft: Draft, a: int) -> None:
    """Push the cart through a sub-aisle, from the better side, and lay all into it."""
    for one in range(ground.first[a], ground.first[a + 1]):
        if draft.loop_of[one] >= 0:
            take_out(ground, draft, one)
        draft.loop_of[one] = LAID
    put_push(ground, draft, a)


@inner
def put_push(ground: Ground, draft: Draft, a: int) -> None:
    """Find the push's place among the events."""
    front, back = ground.gates[a, 0], ground.gates[a, 1]
    up_s, behind_up = detour(ground.cart_s, draft.events, draft.event_count[0], front, back)
    down_s, behind_down = detour(ground.cart_s, draft.events, draft.event_count[0], back, front)
    if up_s <= down_s:
        add_event(draft, behind_up, front, back, a)
    else:
        add_event(draft, behind_down, back, front, a)


@inner
def move_event(ground: Ground, draft: Draft, event: int, opening: Floats) -> None:
    """Move a push to its best place and direction, or a stay with all its loops to the best stand."""
    through, stand = draft.events[event, THROUGH], draft.events[event, ENTER]
    drop_event(draft, event)
    if through != STAY:
        put_push(ground, draft, through)
        return
    loops = draft.loops_at[stand]
    draft.loops_at[stand] = 0
    opening_s(ground.cart_s, ground.park_s, draft, opening)
    for loop in range(draft.loop_of.size):
        if draft.loops[loop, LENGTH] and draft.loops[loop, STAND] == stand:
            _add_ways_s(ground, draft, loop, opening)
    to = _least(opening)
    for loop in range(draft.loop_of.size):
        if draft.loops[loop, LENGTH] and draft.loops[loop, STAND] == stand:
            draft.loops[loop, STAND] = to
    hang(ground.cart_s, draft, to, loops)


@inner
def move_loop(ground: Ground, draft: Draft, loop: int, opening: Floats) -> None:
    """Walk a loop from the best stand."""
    unhang(draft, draft.loops[loop, STAND])
    opening_s(ground.cart_s, ground.park_s, draft, opening)
    _add_ways_s(ground, draft, loop, opening)
    draft.loops[loop, STAND] = _least(opening)
    hang(ground.cart_s, draft, draft.loops[loop, STAND], 1)


@inner
def _add_ways_s(ground: Ground, draft: Draft, loop: int, out: Floats) -> None:
    """Add the ways from each stand to the loop's first handful and back from its last to out, float64[P]."""
    first, last = draft.loops[loop, ONES], draft.loops[loop, ONES + draft.loops[loop, LENGTH] - 1]
    for stand in range(out.size):
        out[stand] += ground.reach_s[first, stand] + ground.reach_s[last, stand]


@inner
def _least(values: Floats) -> int:
    least = 0
    for index in range(values.size):
        if values[index] < values[least]:
            least = index
    return least
