"""The recount tour: whom to send where, the costliest discrepancies first under a time limit (pure).

The discrepancies are looked at by falling cost, and each one is kept with which the shortest tour still ends in time. More places never make a
shortest tour shorter, so one look at each is enough: what did not fit once will not fit later. All times are those of exact tours, so a stop costs
what it really costs, nothing where somebody passes by anyway.

To want the most cost within the time instead is the orienteering problem. It leaves a costly bin far away for several cheaper ones nearby;
docs/walks.md tells how little that gains, and why it is not done.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from bintally.errors import InputError
from bintally.layouts import Ladder, PickList, Shelf
from bintally.layouts.cart import FASTEST_M_S, LONGEST_S, SLOWEST_M_S
from warehouse.pick.route import best_tour
from warehouse.routing.exact import optimal_length_m
from warehouse.walks.tours import Walk, at, visited

Reason = Literal["no place", "no time"]
_SLACK = 1e-9


@dataclass(frozen=True)
class Task:
    """An open discrepancy that somebody should look into.

    Attributes:
        number: of the discrepancy.
        bin: its name.
        shelf: where it is; None if nobody knows, or if the layout has no such place.
        cost: expected cost of the error.
    """

    number: int
    bin: str
    shelf: Shelf | None
    cost: float


@dataclass(frozen=True)
class Limits:
    """What a tour may take.

    Attributes:
        time_s: from the depot to the drop-off.
        walk_m_s: walking speed.
        look_s: to look into a bin and count it.

    Raises:
        InputError: a value is out of its range.
    """

    time_s: float = 1800.0
    walk_m_s: float = 1.4
    look_s: float = 15.0

    def __post_init__(self) -> None:
        """Check the values."""
        # written so that NaN fails, too
        if not 0 < self.time_s <= LONGEST_S:
            raise InputError(f"a tour of {self.time_s:g} s: must be above 0, and at most {LONGEST_S:g}")
        if not SLOWEST_M_S <= self.walk_m_s <= FASTEST_M_S:
            raise InputError(f"walking {self.walk_m_s:g} m/s: must be from {SLOWEST_M_S:g} to {FASTEST_M_S:g}")
        if not 0 <= self.look_s <= LONGEST_S:
            raise InputError(f"{self.look_s:g} s to look into a bin: must be from 0 to {LONGEST_S:g}")

    def allow(self, time_s: float) -> bool:
        """Whether a tour of this time ends in time."""
        return time_s <= self.time_s * (1 + _SLACK)


@dataclass(frozen=True)
class LeftOut:
    """A discrepancy that the tour does not reach: nobody knows where the bin is, or it does not fit into the time."""

    task: Task
    reason: Reason


@dataclass(frozen=True)
class RecountTour:
    """Who is sent where.

    Attributes:
        stops: in the sequence of the walk.
        walk: through the bins' places; its time includes the looks.
        left_out: all other tasks, by falling cost.
    """

    stops: tuple[Task, ...]
    walk: Walk
    left_out: tuple[LeftOut, ...]

    @property
    def cost(self) -> float:
        """Of the discrepancies that are looked into."""
        return math.fsum(task.cost for task in self.stops)


def recount_tour(tasks: Iterable[Task], ladder: Ladder, limits: Limits) -> RecountTour:
    """Choose discrepancies and walk to them.

    Args:
        tasks: any number.
        ladder: the warehouse; with one-way rules each tour takes long.
        limits: of the tour.

    Raises:
        InputError: no router takes this ladder.
    """
    chosen: list[Task] = []
    left_out: list[LeftOut] = []
    time_s = 0.0
    for task in sorted(tasks, key=lambda task: (-task.cost, task.number)):
        if task.shelf is None:
            left_out.append(LeftOut(task, "no place"))
            continue
        # nothing shortens the walk, so what does not fit without a step more needs no router
        longer_s = _time_s([*chosen, task], ladder, limits) if limits.allow(time_s + limits.look_s) else math.inf
        if limits.allow(longer_s):
            chosen.append(task)
            time_s = longer_s
        else:
            left_out.append(LeftOut(task, "no time"))
    return _told(chosen, left_out, ladder, limits)


def _time_s(tasks: Sequence[Task], ladder: Ladder, limits: Limits) -> float:
    picks = _picks(tasks, ladder)
    length_m = optimal_length_m(ladder, picks) if ladder.ways.free else best_tour(ladder, picks).length_m
    return length_m / limits.walk_m_s + limits.look_s * len(tasks)


def _picks(tasks: Sequence[Task], ladder: Ladder) -> PickList:
    return PickList.of(ladder, [(task.shelf, 1) for task in tasks if task.shelf])


def _told(chosen: Sequence[Task], left_out: Sequence[LeftOut], ladder: Ladder, limits: Limits) -> RecountTour:
    picks = _picks(chosen, ladder)
    tour = best_tour(ladder, picks)
    walk = Walk(picks, tour, tour.length_m, tour.length_m / limits.walk_m_s + limits.look_s * len(chosen))
    turn = visited(walk)
    stops = sorted((turn[at(task.shelf)], task.number, task) for task in chosen if task.shelf)
    return RecountTour(tuple(task for *_, task in stops), walk, tuple(left_out))
