"""The sweep up one column, with all that may be done there."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bintally.layouts import Ladder
from warehouse.routing.directed.expand import States, expand
from warehouse.routing.directed.options import Floats, Ints, Option, Served, across_options, aisle_options

MOST_STATES = 60_000  # with flows without a limit: up to 4 cross aisles in most ladders, and 5 where all cross aisles are one-way


class TooManyStatesError(Exception):
    """Flows without a limit are too many to look at."""


@dataclass(frozen=True)
class Flows:
    """The flows that are looked at.

    Attributes:
        most: up to this one either way.
        unlimited: it stands for any larger one, too.
    """

    most: int
    unlimited: bool

    @property
    def saturated(self) -> int:
        """The flow that stands for any larger one."""
        return self.most if self.unlimited else self.most + 1


@dataclass(frozen=True)
class Node:
    """An intersection, and what was found there.

    Attributes:
        column, row: where it is.
        up, right: the options of the sub-aisle and the cross aisle that begin there.
        steps: int64[n, 4], of each state behind it; see ``expand``.
    """

    column: int
    row: int
    up: list[Option]
    right: list[Option]
    steps: Ints


def nothing_done(ladder: Ladder) -> tuple[States, Floats]:
    """The one state before the first intersection, and its cost."""
    return np.zeros((1, 2 * ladder.cross_aisles + 4), np.int16), np.zeros(1)


def sweep_column(
    ladder: Ladder, places: Served, column: int, flows: Flows, states: States, cost_m: Floats, *, joined: bool
) -> tuple[list[Node], States, Floats]:
    """Serve all intersections of a column; see ``expand``.

    Returns:
        The intersections, and the states behind the last of them with their costs.

    Raises:
        TooManyStatesError: flows have no limit, and there are more than ``MOST_STATES`` states.
    """
    nodes = []
    for row in range(ladder.cross_aisles):
        up = aisle_options(ladder, places.inside.get((column, row), []), column, row, flows.most)
        right = across_options(ladder, column, row, flows.most)
        start = (column, row) == (ladder.start.column, ladder.start.cross_aisle)
        end_m = min((end.walk_m for end in ladder.ends if (end.column, end.cross_aisle) == (column, row)), default=np.inf)
        needed = start or (column, row) in places.corners
        states, cost_m, steps = expand(
            states, cost_m, row, int(start), end_m, needed, *_arrays(up), *_arrays(right), flows.saturated, joined
        )
        if flows.unlimited and len(states) > MOST_STATES:
            raise TooManyStatesError
        nodes.append(Node(column, row, up, right, steps))
    return nodes, states, cost_m


def _arrays(options: list[Option]) -> tuple[Ints, Floats]:
    kinds = [(one.flow, one.joins, one.touches) for one in options]
    return np.array(kinds, np.int64).reshape(-1, 3), np.array([one.length_m for one in options])
