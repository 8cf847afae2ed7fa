"""States of a tour that is cut between two columns, and the steps that lead from one to the next.

Cut a tour of the ladder somewhere between two columns and look at the part on the left. How it can be completed depends only on its
state at the cut: for each cross aisle, how many edges end there so far (none, an odd number, an even number above 0), and which cross
aisles hang together on the left (their component). Two left parts of the same state are completed alike, so the shorter one wins: this
is the dynamic programme of Ratliff & Rosenthal (Operations Research 31, 1983) for two cross aisles, of Roodbergen & de Koster (European
Journal of Operational Research 133, 2001) for three, and of Cambazard & Catusse (arXiv 1512.06649, section 4) for any number.

The sweep goes over the columns, and in each

1. adds the depot, if it is there: it hangs on its intersection by a stub;
2. serves one sub-aisle after the other, by one of six actions;
3. goes across to the next column by 0, 1 or 2 edges in each cross aisle, which must make all degrees of this column even. A component
   that goes no further is closed, and may only be so if it is the only one: the tour is then finished.

A closed tour begins and ends at one depot, which hangs on two stubs. An open one has a stub at either end. Between its ends the number of
odd cross aisles is odd, and behind both there may still be two components with one end each: an open tour has more states.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from functools import lru_cache
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from bintally.errors import InputError

MOST_CROSS_AISLES = 7
"""More would take hundreds of megabytes of tables."""

# How a sub-aisle is served. Of two actions that lead to the same state the one that comes first here is never the longer one.
FROM_BOTH, FROM_FRONT, FROM_BACK, NOTHING, ONCE, TWICE = range(6)
_EDGES = {FROM_BOTH: (2, 2), FROM_FRONT: (2, 0), FROM_BACK: (0, 2), NOTHING: (0, 0), ONCE: (1, 1), TWICE: (2, 2)}

Bytes = npt.NDArray[np.int8]
Ints = npt.NDArray[np.int64]


class Tables(NamedTuple):
    """S states of h cross aisles and 2h steps, for compiled code, too.

    Step ``k < h - 1`` serves sub-aisle k: the action of an entry is one of the six. Step ``h - 1`` goes across: the action is the number
    of edges. Step ``h + r`` adds the depot at cross aisle r, both stubs of a closed tour or one of an open one: the action is 0.

    Actions that lead to the same state are left out but for one, so costs must obey: FROM_BOTH is never above FROM_FRONT, FROM_BACK and
    TWICE, and these two are never above NOTHING.

    Attributes:
        first: uint32[2h, S + 1]; the entries of a step that lead to a state t are ``first[step, t]`` to ``first[step, t + 1]``.
        source: uint32[entries], the state from which an entry leads.
        action: uint8[entries].
        degrees: int8[S, h], the class of each cross aisle: 0 none, 1 odd, 2 even. It is the number of edges that went across.
        components: int8[S, h], of each cross aisle 1 + the first one that it hangs together with, 0 for none; -1 in the finished state.
        low, high: int64[3]; which states there are while 0, 1 and 2 depots have been added. (For a closed tour all, always.)
        empty: the state before the first edge.
        finished: the state in which the tour is complete.
    """

    first: npt.NDArray[np.uint32]
    source: npt.NDArray[np.uint32]
    action: npt.NDArray[np.uint8]
    degrees: Bytes
    components: Bytes
    low: Ints
    high: Ints
    empty: int
    finished: int


class _States(NamedTuple):
    """n states: their degrees and components, int8[n, h] each."""

    degrees: Bytes
    components: Bytes

    def __len__(self) -> int:
        return len(self.degrees)

    @property
    def cross_aisles(self) -> int:
        return int(self.degrees.shape[1])

    @property
    def finished(self) -> npt.NDArray[np.bool_]:
        return self.components[:, 0] < 0

    def codes(self) -> Ints:
        """A number for each state, the same only for the same state."""
        digits = (3 * self.components + self.degrees).astype(np.int64)
        return digits @ (3 * self.cross_aisles + 3) ** np.arange(self.cross_aisles, dtype=np.int64)

    def of(self, which: npt.NDArray[np.bool_] | Ints) -> _States:
        return _States(self.degrees[which], self.components[which])


class _Move(NamedTuple):
    """What an action makes of many states at once: from which (their numbers), to which, and the action."""

    sources: Ints
    targets: _States
    actions: Ints


@lru_cache(maxsize=2 * MOST_CROSS_AISLES)
def tables(cross_aisles: int, *, closed: bool = True) -> Tables:
    """The states and steps, built once and kept.

    Args:
        cross_aisles: h, from 2 to 7.
        closed: whether the tour begins and ends at one intersection.

    Raises:
        InputError: h is too large.
    """
    if not 2 <= cross_aisles <= MOST_CROSS_AISLES:
        raise InputError(
            f"{cross_aisles} cross aisles: the exact method takes 2 to {MOST_CROSS_AISLES}, since its states grow fivefold with each; "
            "choose a policy"
        )
    before = _closure(_empty(cross_aisles))
    if closed:
        return _tables(before, stubs=2, low=(0, 0, 0), high=(len(before),) * 3)
    between = _closure(_with_depot(before))
    after = _closure(_with_depot(between))
    extra = after.of(~np.isin(after.codes(), before.codes()))
    low, middle = len(between), len(between) + len(before)
    universe = _joined([between, before, extra])
    return _tables(universe, stubs=1, low=(low, 0, low), high=(middle, low, len(universe)))


def _empty(cross_aisles: int) -> _States:
    return _States(np.zeros((1, cross_aisles), np.int8), np.zeros((1, cross_aisles), np.int8))


def _touched(states: _States, cross_aisle: int, edges: int) -> _States:
    """Add the ends of 0, 1 or 2 edges to a cross aisle, which becomes a component of its own if it was in none."""
    degrees, components = states.degrees.copy(), states.components.copy()
    if edges:
        old = states.degrees[:, cross_aisle]
        degrees[:, cross_aisle] = np.where(old == 1, 2, 1) if edges == 1 else np.where(old == 0, 2, old)
        components[:, cross_aisle] = np.where(old == 0, cross_aisle + 1, components[:, cross_aisle])
    return _States(degrees, components)


def _named(degrees: Bytes, components: Bytes) -> _States:
    """Name each component after its first cross aisle."""
    together = components[:, :, None] == components[:, None, :]
    names = np.where(degrees > 0, together.argmax(axis=2) + 1, np.minimum(components, 0))
    return _States(degrees, names.astype(np.int8))


def _serve(states: _States, block: int, action: int) -> _Move:
    """Serve a sub-aisle; ONCE and TWICE join what hangs on its two ends."""
    front, back = _EDGES[action]
    sources = np.flatnonzero(~states.finished | (action == NOTHING))
    degrees, components = _touched(_touched(states.of(sources), block, front), block + 1, back)
    if action in (ONCE, TWICE):
        joined = components == components[:, [block + 1]]
        components = np.where(joined, components[:, [block]], components)
    return _Move(sources, _named(degrees, components), np.full(len(sources), action))


def _across(states: _States, closing: npt.NDArray[np.bool_]) -> _Move:
    """Go to the next column, by as many edges as make the degree even, but by none in the cross aisles that close.

    Args:
        states: n states.
        closing: bool[h]; these must have an even degree above 0.
    """
    even = np.flatnonzero((states.degrees[:, closing] == 2).all(axis=1))
    degrees, components = states.of(even)
    left = np.where(closing, np.int8(0), components)
    goes_on = (left[:, None, :] == components[:, :, None]).any(axis=2).all(axis=1)
    only_one = ((components == 0) | (components == components.max(axis=1)[:, None])).all(axis=1)
    last = closing.any() & (left == 0).all(axis=1) & only_one
    allowed = goes_on | last
    targets = _named(degrees * ~closing, np.where(last[:, None], np.int8(-1), left)).of(allowed)
    return _Move(even[allowed], targets, targets.degrees.sum(axis=1, dtype=np.int64))


def _depot(states: _States, cross_aisle: int, stubs: int) -> _Move:
    sources = np.flatnonzero(~states.finished)
    return _Move(sources, _named(*_touched(states.of(sources), cross_aisle, stubs)), np.zeros(len(sources), np.int64))


def _steps(states: _States) -> Iterator[list[_Move]]:
    """The moves of each step but the depots', the cheapest of the same result first."""
    for block in range(states.cross_aisles - 1):
        yield [_serve(states, block, action) for action in sorted(_EDGES)]
    yield [_across(states, np.array(closing)) for closing in itertools.product((False, True), repeat=states.cross_aisles)]


def _joined(parts: list[_States]) -> _States:
    return _States(np.concatenate([part.degrees for part in parts]), np.concatenate([part.components for part in parts]))


def _distinct(states: _States) -> _States:
    return states.of(np.unique(states.codes(), return_index=True)[1])


def _closure(states: _States) -> _States:
    """All states that can be reached from some without another depot."""
    found = new = _distinct(states)
    while len(new):
        reached = _distinct(_joined([move.targets for step in _steps(new) for move in step]))
        new = reached.of(~np.isin(reached.codes(), found.codes()))
        found = _joined([found, new])
    return found


def _with_depot(states: _States) -> _States:
    """All states that one stub, anywhere, makes of some."""
    return _joined([_depot(states, row, 1).targets for row in range(states.cross_aisles)])


def _tables(states: _States, stubs: int, low: tuple[int, ...], high: tuple[int, ...]) -> Tables:
    """Number the states as they are given, and list the entries of each step by their targets."""
    steps = [*_steps(states), *([_depot(states, row, stubs)] for row in range(states.cross_aisles))]
    codes = states.codes()
    order = np.argsort(codes)
    first, sources, actions, begin = [], [], [], 0
    for step in steps:
        source = np.concatenate([move.sources for move in step])
        code = np.concatenate([move.targets.codes() for move in step])
        target = order[np.searchsorted(codes, code, sorter=order) % len(codes)]
        known = codes[target] == code  # an open tour has two stubs: the states of a third are not there
        pairs, kept = np.unique((target * len(codes) + source)[known], return_index=True)
        sources.append(pairs % len(codes))
        actions.append(np.concatenate([move.actions for move in step])[known][kept])
        first.append(begin + np.searchsorted(pairs // len(codes), np.arange(len(codes) + 1)))
        begin += len(pairs)
    return Tables(
        np.array(first, np.uint32),
        np.concatenate(sources).astype(np.uint32),
        np.concatenate(actions).astype(np.uint8),
        states.degrees,
        states.components,
        np.array(low),
        np.array(high),
        int(np.flatnonzero((states.components == 0).all(axis=1))[0]),
        int(np.flatnonzero(states.finished)[0]),
    )
