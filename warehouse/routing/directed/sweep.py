"""The sweep over a ladder: the shortest set of passages and excursions that can be walked as one tour.

A tour leaves every intersection as often as it enters it, but for its start and its end, and hangs together. And the other way round: any
set of passages and excursions with these two properties can be walked as one tour (Euler). So the shortest set is looked for, not the
shortest order, as Ratliff & Rosenthal (1983) do for aisles without rules. Their states know of each cross aisle whether it is passed an
even or an odd number of times; that is enough where every passage may be walked either way. With one-way aisles the balance must be kept
exactly: a state knows the flow instead.

These are many more states, and two bounds keep them few.

- Flows are counted up to a limit, and what is beyond it is taken for as much as needed (see ``expand``). Where the best walk has such a
  flow, the limit is raised. One seldom passes more than once or twice more in one direction than in the other.
- A first sweep, from the last column to the first, takes everything that is in use for connected. It has few states, and tells of each
  flow how long the rest of the tour must be at least. The second sweep leaves out states that with this rest are too long: longer by more
  than a slack than the first sweep's whole tour. If nothing is left, the slack was too small, and is doubled.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from bintally.layouts import Ladder, PickList
from warehouse.routing.directed.column import Flows, Node, TooManyStatesError, nothing_done, sweep_column
from warehouse.routing.directed.options import Option, Served, served
from warehouse.routing.directed.rest import Rest

SLACK = 0.01  # of the bound, to begin with


@dataclass(frozen=True)
class Uses:
    """The best set.

    Attributes:
        aisles: the option taken in each sub-aisle, by column and block.
        across: the option taken from each column to the next, by column and cross aisle.
        end: the intersection where the tour ends.
    """

    aisles: dict[tuple[int, int], Option]
    across: dict[tuple[int, int], Option]
    end: tuple[int, int]

    def most(self) -> int:
        """The greatest flow."""
        return max(abs(option.flow) for option in (*self.aisles.values(), *self.across.values()))


def shortest_uses(ladder: Ladder, picks: PickList) -> tuple[Uses, bool]:
    """The shortest set of passages and excursions that serves a list, of a ladder in which there is one.

    Where nothing is one-way, no flow is larger than 1: of the passages between two intersections, take as many pairs as there are, one
    passage up and one down each; at most one passage is left over, and those that are left have an Eulerian circuit of their own.

    Returns:
        The set, and whether none is shorter.
    """
    places = served(ladder, picks)
    if not any(ladder.ways.columns) and not any(ladder.ways.cross_aisles):
        return _with_small_flows(ladder, places), True
    try:
        return _with_any_flows(ladder, places), True
    except TooManyStatesError:
        return _with_small_flows(ladder, places), False


def _with_any_flows(ladder: Ladder, places: Served) -> Uses:
    most = 2
    while True:
        uses = _shortest(ladder, places, Flows(most, unlimited=True))
        if uses is not None and uses.most() < most:
            return uses
        most += (most + 1) // 2


def _with_small_flows(ladder: Ladder, places: Served) -> Uses:
    most = 1
    while True:
        uses = _shortest(ladder, places, Flows(most, unlimited=False))
        if uses is not None:
            return uses
        most += 1


def _shortest(ladder: Ladder, places: Served, flows: Flows) -> Uses | None:
    """The shortest set with such flows; None where there is none."""
    rest = Rest(ladder, places, flows)
    width_m, depth_m = ladder.x_m[-1] - ladder.x_m[0], ladder.y_m[-1]
    all_m = ladder.columns * depth_m + ladder.cross_aisles * width_m + max(end.walk_m for end in ladder.ends)
    slack_m = SLACK * max(rest.bound_m, width_m + depth_m)
    while slack_m < 4 * flows.most * all_m:  # no set is longer than half of this
        uses = _within(ladder, places, flows, rest, rest.bound_m + slack_m)
        if uses is not None:
            return uses
        slack_m *= 2
    return None


def _within(ladder: Ladder, places: Served, flows: Flows, rest: Rest, limit_m: float) -> Uses | None:
    """The shortest set that is not longer than a limit."""
    states, cost_m = nothing_done(ladder)
    nodes: list[Node] = []
    for column in range(ladder.columns):
        found, states, cost_m = sweep_column(ladder, places, column, flows, states, cost_m, joined=False)
        kept = np.flatnonzero(cost_m + rest.of(column, states) <= limit_m)
        states, cost_m = states[kept], cost_m[kept]
        nodes += [*found[:-1], replace(found[-1], steps=found[-1].steps[kept])]
    return _traced(nodes) if len(states) else None


def _traced(nodes: list[Node]) -> Uses:
    """Go back from the last state, and collect the options that led to it."""
    aisles, across, end, index = {}, {}, (-1, -1), 0
    for node in reversed(nodes):
        index, up, right, ending = node.steps[index].tolist()
        aisles[node.column, node.row] = node.up[up]
        across[node.column, node.row] = node.right[right]
        end = (node.column, node.row) if ending else end
    return Uses(aisles, across, end)
