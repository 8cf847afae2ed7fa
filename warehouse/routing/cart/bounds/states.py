"""How a connected subgraph of the ladder grows, edge by edge: states and transitions.

The sweep goes through the ladder column by column. What matters of the part that lies behind is, for each vertex at the border, whether it
has edges, whether their number is odd, and with which other border vertices it is connected (Ratliff & Rosenthal, Operations Research 31,
1983, section 2; several cross aisles, edge by edge: Cambazard & Catusse, arXiv 1512.06649, section 4).

The border has a slot for each cross aisle, and a last one, the tip, for the place that is reached inside a sub-aisle. A state is a tuple:
for each slot 0 (not reached) or 2 × component + (1 if the degree is odd), components numbered from 1 as they appear. Nothing begun and
all done both have empty slots only, so the latter is a state of its own.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum
from functools import lru_cache

import numpy as np
import numpy.typing as npt

State = tuple[int, ...]
DONE: State = ()
OPTIONS = 4


class Kind(IntEnum):
    """Steps of the sweep, and what their options are."""

    EDGE = 0
    """Between two cross aisles that follow each other: 0, 1, 2 edges."""
    FORK = 1
    """From a cross aisle to the tip: 0, 1, 2 edges."""
    STEP = 2
    """From the tip to the next place, which is the tip from now on: 0, 1, 2 edges."""
    TAKE = 3
    """What lies at the tip: 0 no, 1 yes, so that it must be reached, if not yet, then by the next step."""
    JOIN = 4
    """From the tip to a cross aisle, and nothing is the tip from now on: 0, 1, 2 edges."""
    CROSS = 5
    """To the same cross aisle of the next column: 0 and not reached in this column, 0 and reached, 1, 2 edges."""
    VISIT = 6
    """0: the vertex is reached, even without an edge."""
    TURN = 7
    """0: the vertex is reached, and counts one more edge: an end of the walk that is not its beginning."""


@dataclass(frozen=True)
class Transitions:
    """For ladders of h cross aisles; S states, number 0 is nothing begun, number 1 all done.

    Attributes:
        rows: h.
        next: int64[8 × h, S, 4], of step kind × h + cross aisle (0 for STEP and TAKE), state and option; -1 if this is impossible.
        sources: int64[8 × h, S], the states that have a next one, then -1.
    """

    rows: int
    next: npt.NDArray[np.int64]
    sources: npt.NDArray[np.int64]

    @property
    def states(self) -> int:
        """S."""
        return int(self.next.shape[1])


def edges_s(seconds: float) -> list[float]:
    """The costs of no, one and two edges."""
    return [0.0, seconds, 2 * seconds]


@lru_cache(maxsize=16)
def transitions(rows: int, kinds: frozenset[Kind]) -> Transitions:
    """All states that steps of some kinds can reach."""
    nothing: State = (0,) * (rows + 1)
    number = {nothing: 0, DONE: 1}
    found: list[tuple[int, State, int, State]] = []
    waiting = [DONE, nothing]
    while waiting:
        state = waiting.pop()
        for kind in kinds:
            for row in range(_rows_of(kind, rows)):
                for option, after in enumerate(_options(kind, row, state, rows)):
                    if after is None:
                        continue
                    if after not in number:
                        number[after] = len(number)
                        waiting.append(after)
                    found.append((kind * rows + row, state, option, after))
    table = np.full((len(Kind) * rows, len(number), OPTIONS), -1, np.int64)
    for step, state, option, after in found:
        table[step, number[state], option] = number[after]
    sources = np.full(table.shape[:2], -1, np.int64)
    for step in range(len(table)):
        possible = np.flatnonzero((table[step] >= 0).any(axis=1))
        sources[step, : len(possible)] = possible
    return Transitions(rows, table, sources)


def _rows_of(kind: Kind, rows: int) -> int:
    return {Kind.STEP: 1, Kind.TAKE: 1, Kind.EDGE: rows - 1, Kind.FORK: rows - 1, Kind.JOIN: rows}.get(kind, rows)


def _options(kind: Kind, row: int, state: State, tip: int) -> Iterator[State | None]:
    """The state after each option; ``tip`` is its slot, h."""
    if state == DONE:
        yield DONE if kind not in (Kind.VISIT, Kind.TURN) else None  # option 0: nothing more
        return
    if state[tip] and kind not in (Kind.STEP, Kind.TAKE, Kind.JOIN):
        return
    if kind == Kind.EDGE:
        yield from (_joined(state, row, row + 1, edges) for edges in range(3))
    elif kind == Kind.FORK:
        yield from (_joined(state, row, tip, edges) for edges in range(3))
    elif kind == Kind.STEP:
        yield from (_moved(state, tip, edges) for edges in range(3))
    elif kind == Kind.TAKE:
        yield from (state, _reached(state, tip))
    elif kind == Kind.JOIN:
        yield from (_left(_joined(state, tip, row, edges), tip) for edges in range(3))
    elif kind == Kind.CROSS:
        yield state if not state[row] else None
        yield _left(state, row) if state[row] else None
        yield from (_moved(state, row, edges) for edges in (1, 2))
    else:
        after = _reached(state, row)
        yield (*after[:row], after[row] ^ (kind == Kind.TURN), *after[row + 1 :])


def _reached(state: State, slot: int) -> State:
    return state if state[slot] else _normal((*state[:slot], 2 * len(state), *state[slot + 1 :]))


def _joined(state: State, a: int, b: int, edges: int) -> State:
    """Edges between two slots, which are reached and connected by them."""
    if not edges:
        return state
    new = list(state)
    for slot, fresh in ((a, len(state)), (b, len(state) + 1)):
        new[slot] = (new[slot] or 2 * fresh) ^ (edges & 1)
    kept, gone = new[a] >> 1, new[b] >> 1
    return _normal(tuple(2 * kept + (slot & 1) if slot >> 1 == gone else slot for slot in new))


def _moved(state: State, slot: int, edges: int) -> State | None:
    """Edges to a new vertex that takes the old one's slot."""
    after = _left(_joined((*state, 0), slot, len(state), edges), slot)
    return after if after is None or after == DONE else _normal((*after[:slot], after[-1], *after[slot + 1 : -1]))


def _left(state: State, slot: int) -> State | None:
    """A vertex is left behind: its degree must be even, and a component without other vertices at the border must be the only one."""
    if not state[slot]:
        return state
    if state[slot] & 1:
        return None
    others = (*state[:slot], 0, *state[slot + 1 :])
    if any(other >> 1 == state[slot] >> 1 for other in others):
        return _normal(others)
    return DONE if not any(others) else None


def _normal(state: State) -> State:
    names: dict[int, int] = {0: 0}
    return tuple(2 * names.setdefault(slot >> 1, len(names)) + (slot & 1) if slot else 0 for slot in state)
