"""One intersection of the sweep: the states before it, and what can be done there.

The sweep goes up the first column, intersection by intersection, then up the next. Its frontier cuts h + 1 plugs: the cross aisles to the
right of the intersections that are done, those to the left of the ones that are not, and the sub-aisle that leads up from the last one.
A state is one row of int16, of length 2 (h + 1) + 2:

- the flow through each plug: cross aisle 0 … h - 1, then the sub-aisle;
- the component that each used plug belongs to, numbered from 1 in the order in which they come; 0: nothing passes;
- whether the tour's end was chosen;
- whether the tour is complete: a component that no plug belongs to any more can only be the whole tour.

A flow of ``most`` stands for this or any larger one, at the price of this one, and so does -``most``. So a sweep never takes too much, and
where its best walk has only smaller flows, it is exact.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from warehouse.routing.compiled import compiled
from warehouse.routing.directed.options import APART, LEADS_ON, Floats, Ints

States = npt.NDArray[np.int16]

ANY = 1 << 20  # more than any flow
EMPTY = -1  # a slot of the hash table


@compiled
def expand(
    states: States,
    cost_m: Floats,
    row: int,
    supply: int,
    end_m: float,
    needed: bool,
    up: Ints,
    up_m: Floats,
    right: Ints,
    right_m: Floats,
    most: int,
    joined: bool,
) -> tuple[States, Floats, Ints]:
    """Serve an intersection in every way, and keep the best of each new state.

    Args:
        states: int16[n, 2 (h + 1) + 2], the frontier below it.
        cost_m: float64[n], the shortest walk for each.
        row: its cross aisle.
        supply: 1 where the tour begins, else 0.
        end_m: to the drop-off, if the tour may end here, else infinite.
        needed: it must be visited.
        up: int64[a, 3], flow, joins and touches of the sub-aisle's options.
        up_m: float64[a], their lengths.
        right: int64[b, 3], those of the cross aisle's options.
        right_m: float64[b], their lengths.
        most: flows are counted up to here.
        joined: take all components for one: fewer states, and never a longer walk than the shortest tour.

    Returns:
        The states above it, their costs, and of each int64[4]: the state it came from, the options, and whether the tour ends here.
    """
    plugs = (states.shape[1] - 2) // 2
    room = 1024
    found = np.empty((room, states.shape[1]), np.int16)
    found_m = np.empty(room)
    steps = np.empty((room, 4), np.int64)
    table = np.full(4 * room, EMPTY)
    count = 0
    state = np.empty(states.shape[1], np.int16)
    for index in range(len(states)):
        before = states[index]
        for ending in range(2):
            if ending and (end_m == np.inf or before[2 * plugs]):
                continue
            for a in range(len(up)):
                low, high = _surplus(before, (row, plugs - 1), up[a, 0], supply - ending, most)
                for b in range(len(right)):
                    flow = right[b, 0]
                    if (low > flow and flow < most) or (high < flow and flow > -most):
                        continue
                    if not _join(state, before, plugs, row, up[a], right[b], needed or ending == 1, joined):
                        continue
                    state[2 * plugs] |= ending
                    total = cost_m[index] + up_m[a] + right_m[b] + (end_m if ending else 0.0)
                    slot = _slot(table, found, state)
                    at = table[slot]
                    if at == EMPTY:
                        if count == room:
                            room *= 2
                            found, found_m, steps, table = _grown(found, found_m, steps)
                            slot = _slot(table, found, state)
                        at = table[slot] = count
                        found[at] = state
                        found_m[at] = np.inf
                        count += 1
                    if total < found_m[at]:
                        found_m[at] = total
                        steps[at, 0], steps[at, 1], steps[at, 2], steps[at, 3] = index, a, b, ending
    return found[:count], found_m[:count], steps[:count]


@compiled
def _surplus(before: States, incoming: tuple[int, int], up: int, supply: int, most: int) -> tuple[int, int]:
    """The least and the greatest flow that can be left for the right-hand side: what comes in must go out."""
    low = supply - (up if up < most else ANY)
    high = supply - (up if up > -most else -ANY)
    for plug in incoming:
        flow = before[plug]
        low += flow if flow > -most else -ANY
        high += flow if flow < most else ANY
    return low, high


@compiled
def _join(state: States, before: States, plugs: int, row: int, up: Ints, right: Ints, needed: bool, joined: bool) -> bool:
    """Write the state behind an intersection; false if no tour can have it."""
    state[:] = before
    labels = state[plugs : 2 * plugs]
    left, below = labels[row], labels[plugs - 1]
    state[row], state[plugs - 1] = right[0], up[0]
    labels[row] = labels[plugs - 1] = 0
    here = max(left, below)
    if here == 0 and (needed or up[2] or right[2]):
        here = plugs + 1
    if state[2 * plugs + 1] and (here or up[1]):
        return False  # something is left to do when the tour is complete
    for plug in range(plugs):
        if labels[plug] and (labels[plug] == left or labels[plug] == below):
            labels[plug] = here
    if right[1] == LEADS_ON:
        labels[row] = here
    if up[1] == LEADS_ON:
        labels[plugs - 1] = here
    elif up[1] == APART:
        labels[plugs - 1] = plugs + 2
    if here and not np.any(labels == here):
        state[2 * plugs + 1] = 1
        return not np.any(labels)
    _renumber(labels, joined)
    return True


@compiled
def _renumber(labels: States, joined: bool) -> None:
    """Number components in the order in which they come, so that equal states are equal rows."""
    names = np.zeros(len(labels) + 3, np.int16)
    known = 0
    for plug in range(len(labels)):
        if labels[plug]:
            if names[labels[plug]] == 0:
                known = 1 if joined else known + 1
                names[labels[plug]] = known
            labels[plug] = names[labels[plug]]


@compiled
def _grown(found: States, found_m: Floats, steps: Ints) -> tuple[States, Floats, Ints, Ints]:
    """Twice the room, and a hash table for it."""
    found, found_m, steps = (
        np.concatenate((found, np.empty_like(found))),
        np.concatenate((found_m, np.empty_like(found_m))),
        np.concatenate((steps, np.empty_like(steps))),
    )
    table = np.full(4 * len(found), EMPTY)
    for index in range(len(found) // 2):
        table[_slot(table, found, found[index])] = index
    return found, found_m, steps, table


@compiled
def _slot(table: Ints, found: States, state: States) -> int:
    """Where a state is in the hash table, or where it belongs (FNV-1a, open addressing)."""
    key = np.uint64(14695981039346656037)
    for value in state:
        key = (key ^ np.uint64(np.int64(value) + ANY)) * np.uint64(1099511628211)
    mask = np.int64(len(table) - 1)
    slot = np.int64(key >> np.uint64(20)) & mask
    while table[slot] != EMPTY and not _equal(found[table[slot]], state):
        slot = (slot + 1) & mask
    return int(slot)


@compiled
def _equal(one: States, other: States) -> bool:
    for index in range(len(one)):  # noqa: SIM110 (numba compiles no all())
        if one[index] != other[index]:
            return False
    return True
