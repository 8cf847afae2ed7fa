"""A schedule as it is told: step by step, with the items that are taken, and where it ends."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence

from bintally.layouts import Ladder, PickList, Place
from warehouse.routing.cart.schedule import Push, Schedule, Stay
from warehouse.routing.tour import Point, Tour

Taken = tuple[int, int]
"""A pick, and how many items of it are taken."""


def straightened(schedule: Schedule) -> Schedule:
    """The same with one push for each straight way between two turns or stands."""
    steps: list[Push | Stay] = []
    for step in schedule.steps:
        before = steps[-1] if steps else None
        if isinstance(step, Push) and isinstance(before, Push) and _heading(before.path) == _heading(step.path):
            steps[-1] = Push((*before.path, *step.path[1:]), before.seconds + step.seconds)
        else:
            steps.append(step)
    return dataclasses.replace(schedule, steps=tuple(steps))


def taken_on(schedule: Schedule, picks: PickList, hands: int | None) -> Iterator[list[list[Taken]]]:
    """What is taken in each step: by a push at once, by a stay in each of its loops.

    A place with more items than the hands hold is emptied by loops with full hands; only the rest may share its loop with other places.

    Args:
        schedule: all of it.
        picks: its list.
        hands: items that the worker can carry, None for any number.
    """
    left = picks.quantities.tolist()

    def take(path: Sequence[Point], items: int | None) -> list[Taken]:
        visited = [point.pick for point in path if point.pick is not None]
        taken = []
        for pick in visited:
            rest = left[pick] if hands is None else (int(picks.quantities[pick]) - 1) % hands + 1
            taken.append((pick, left[pick] if items is None else items if len(visited) == 1 else rest))
            left[pick] -= taken[-1][1]
        return taken

    for step in schedule.steps:
        yield [take(step.path, None)] if isinstance(step, Push) else [take(loop.path, loop.items) for loop in step.loops]


def end_of(ladder: Ladder, found: Tour | Schedule) -> Place | None:
    """The drop-off where it ends; None where nobody walks."""
    if isinstance(found, Tour):
        return found.end if found.path else None
    if not found.steps:
        return None
    last = found.steps[-1]
    point = last.path[-1] if isinstance(last, Push) else last.at
    here = [end for end in ladder.ends if (end.column, ladder.y_m[end.cross_aisle]) == (point.column, point.y_m)]
    return min(here, key=lambda end: end.walk_m)


def _heading(path: Sequence[Point]) -> tuple[bool, bool, bool]:
    """Along an aisle or across, and which way."""
    a, b = path[0], path[-1]
    return a.column == b.column, a.column < b.column, a.y_m < b.y_m
