"""What a day was worth, in numbers."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from warehouse.arrivals.demand import Demand
from warehouse.arrivals.simulate import Day
from warehouse.batching.problem import Floats

MANY_TOURS, BACKLOG = 2.0, 0.05
"""Pickers did not keep up who have more tours than this left for each of them when the last order comes, and more work, as a share of the
time that has passed."""


@dataclass(frozen=True)
class Figures:
    """Of one day under one rule; times in seconds.

    Attributes:
        rule: its name.
        lists: that were picked.
        walked_m: by all.
        fill: mean share of a cart that is taken.
        to_release_s, to_release_95_s: from an order's arrival until a picker leaves with it, mean and 95th percentile.
        to_depot_s, to_depot_95_s: until he is back with it.
        late: the share of the orders with a due time that were late, None if there are none.
        late_s: by how much the late ones were late, on average; 0 if none was.
        at_work: the share of their time that pickers are under way, from the day's begin until the last one is back.
        work_s: the time that they are under way, together.
        most_waiting: orders that waited at the same time, at most,
        most_at_s: and when that was first so.
        last_waiting: orders that waited when the last one had come.
        ends_s: when the last picker is back.
        overloaded: the pickers did not keep up.
    """

    rule: str
    lists: int
    walked_m: float
    fill: float
    to_release_s: float
    to_release_95_s: float
    to_depot_s: float
    to_depot_95_s: float
    late: float | None
    late_s: float
    at_work: float
    work_s: float
    most_waiting: int
    most_at_s: float
    last_waiting: int
    ends_s: float
    overloaded: bool


def figures_of(demand: Demand, pickers: int, day: Day) -> Figures:
    """Measure a day."""
    left_s, back_s = times_of(demand, day)
    to_release, to_depot, late_by = left_s - demand.came_s, back_s - demand.came_s, back_s - demand.due_s
    due, late = np.isfinite(demand.due_s), late_by > 0
    at_s, waiting = waiting_of(demand, day)
    most, last_s, ends_s = int(np.argmax(waiting)), float(demand.came_s[-1]), float(back_s.max())
    work_s = sum(tour.ends_s - tour.begins_s for tour in day.tours)
    left = [tour.ends_s - tour.begins_s for tour in day.tours if tour.begins_s > last_s]
    return Figures(
        day.rule,
        len(day.tours),
        sum(tour.length_m for tour in day.tours),
        float(np.mean([tour.fill for tour in day.tours])),
        float(to_release.mean()),
        float(np.percentile(to_release, 95)),
        float(to_depot.mean()),
        float(np.percentile(to_depot, 95)),
        float(late.sum() / due.sum()) if due.any() else None,
        float(late_by[late].mean()) if late.any() else 0.0,
        work_s / (pickers * (ends_s - demand.begin_s)) if work_s else 0.0,
        work_s,
        int(waiting[most]),
        float(at_s[most]),
        int((left_s > last_s).sum()),
        ends_s,
        # orders that are all there when the day begins make no queue that grows
        last_s > demand.begin_s and len(left) > MANY_TOURS * pickers and sum(left) > BACKLOG * pickers * (last_s - demand.begin_s),
    )


def times_of(demand: Demand, day: Day) -> tuple[Floats, Floats]:
    """When a picker left with each order, and when he was back with it, float64[n] each."""
    left_s, back_s = np.empty(len(demand)), np.empty(len(demand))
    for tour in day.tours:
        left_s[list(tour.orders)], back_s[list(tour.orders)] = tour.begins_s, tour.ends_s
    return left_s, back_s


def waiting_of(demand: Demand, day: Day) -> tuple[Floats, Floats]:
    """How many orders wait for a picker: times, increasing, and the number from each time on."""
    left_s, _ = times_of(demand, day)
    at_s = np.unique(np.concatenate([demand.came_s, left_s]))
    came = np.searchsorted(demand.came_s, at_s, side="right")
    return at_s, (came - np.searchsorted(np.sort(left_s), at_s, side="right")).astype(np.float64)


def walked_of(day: Day) -> tuple[Floats, Floats]:
    """How many metres all have walked: times, increasing, and the metres of all tours that have ended by then."""
    order = np.argsort([tour.ends_s for tour in day.tours], kind="stable")
    return (
        np.array([day.tours[index].ends_s for index in order]),
        np.cumsum([day.tours[index].length_m for index in order]),
    )
