"""How long the rest of a tour must be at least: a sweep from the last column to the first."""

from __future__ import annotations

import numpy as np

from bintally.layouts import Ladder, Place, Ways
from warehouse.routing.directed.column import Flows, nothing_done, sweep_column
from warehouse.routing.directed.expand import States
from warehouse.routing.directed.options import Floats, Ints, Served


class Rest:
    """How long the rest of a tour must be at least, by what leads on from a column.

    The ladder is turned by half a circle, so that the same sweep comes from the other side. What a state's plugs are to one side, the same
    plugs with opposite flows are to the other. Components are not told apart, so that each state that can go on is known here.

    Attributes:
        bound_m: no tour is shorter (with flows like these); infinite if there is none.
    """

    def __init__(self, ladder: Ladder, places: Served, flows: Flows) -> None:
        self._ladder, self._flows = ladder, flows
        other, others = turned(ladder), turned_places(ladder, places)
        states, cost_m = nothing_done(other)
        self._known: list[tuple[Ints, Floats]] = []
        for column in range(ladder.columns):
            self._known.insert(0, self._sorted(states, cost_m))
            _, states, cost_m = sweep_column(other, others, column, flows, states, cost_m, joined=True)
        self.bound_m = float(min(cost_m[states[:, -2:].all(axis=1)], default=np.inf))

    def of(self, column: int, states: States) -> Floats:
        """float64[n]: of the columns behind this one; infinite where they cannot be served."""
        keys, cost_m = self._known[column]
        asked = self._keys(self._facing(states))
        at = np.minimum(np.searchsorted(keys, asked), len(keys) - 1)
        return np.where(keys[at] == asked, cost_m[at], np.inf) - self._across_m(column, states)

    def _facing(self, states: States) -> States:
        """The states of the turned ladder that fit: what has not ended on this side ends on the other."""
        rows = self._ladder.cross_aisles
        facing = np.zeros_like(states)
        facing[:, :rows] = -states[:, :rows][:, ::-1]
        facing[:, rows + 1 : 2 * rows + 1] = states[:, rows + 1 : 2 * rows + 1][:, ::-1] > 0
        facing[:, -2] = 1 - states[:, -2]
        facing[:, -1] = ~states[:, :-2].any(axis=1) & (states[:, -1] == 0)
        return facing

    def _across_m(self, column: int, states: States) -> Floats:
        """What both sweeps have counted: the cross aisles from this column to the next."""
        rows = self._ladder.cross_aisles
        if column + 1 == self._ladder.columns:
            return np.zeros(len(states))
        flows, used = np.abs(states[:, :rows]), states[:, rows + 1 : 2 * rows + 1] > 0
        passages = np.where(used & (flows == 0), 2, flows).sum(axis=1)
        return np.asarray(passages * (self._ladder.x_m[column + 1] - self._ladder.x_m[column]))

    def _sorted(self, states: States, cost_m: Floats) -> tuple[Ints, Floats]:
        keys = self._keys(states)
        order = np.argsort(keys)
        return keys[order], cost_m[order]

    def _keys(self, states: States) -> Ints:
        """One number a state: of each cross aisle the flow and whether it is used, and the two flags."""
        rows, most = self._ladder.cross_aisles, self._flows.most
        digits = (states[:, :rows].astype(np.int64) + most) * 2 + (states[:, rows + 1 : 2 * rows + 1] > 0)
        return np.asarray(digits @ (4 * (4 * most + 2) ** np.arange(rows)) + states[:, -2] * 2 + states[:, -1])


def turned(ladder: Ladder) -> Ladder:
    """The same ladder, turned by half a circle."""
    columns, rows = ladder.columns, ladder.cross_aisles

    def place(one: Place) -> Place:
        return Place(columns - 1 - one.column, rows - 1 - one.cross_aisle, one.walk_m)

    ways = Ways(
        tuple(-way for way in reversed(ladder.ways.columns)),
        tuple(-way for way in reversed(ladder.ways.cross_aisles)),
        ladder.ways.turn_in_aisles,
    )
    return Ladder(
        tuple(ladder.x_m[-1] - x for x in reversed(ladder.x_m)),
        tuple(ladder.y_m[-1] - y for y in reversed(ladder.y_m)),
        place(ladder.start),
        tuple(place(end) for end in ladder.ends),
        tuple(reversed(ladder.aisles)),
        ways,
    )


def turned_places(ladder: Ladder, places: Served) -> Served:
    """The same list in the turned ladder."""
    columns, rows = ladder.columns, ladder.cross_aisles
    corners = frozenset((columns - 1 - column, rows - 1 - row) for column, row in places.corners)
    inside = {
        (columns - 1 - column, rows - 2 - block): [ladder.y_m[-1] - y for y in reversed(y_m)]
        for (column, block), y_m in places.inside.items()
    }
    return Served(corners, inside)
