"""Tours and schedules made by hand, without any solver."""

from __future__ import annotations

import numpy as np

from bintally.layouts import Cart, Ladder, PickList
from warehouse.routing.cart.problem import cart_problem
from warehouse.routing.cart.schedule import Schedule, Visit, schedule_of
from warehouse.routing.tour import Point, Tour, check_tour, path_length_m, shortest_way


def tour_in_order(ladder: Ladder, picks: PickList, stops: list[int], policy: str, bound_m: float | None = None) -> Tour:
    """The shortest walk that picks in this order."""
    y_m = ladder.y_m
    start, end = ladder.start, ladder.ends[0]
    path = [Point(start.column, y_m[start.cross_aisle])]
    for pick in stops:
        path += shortest_way(ladder, path[-1], Point(int(picks.columns[pick]), float(picks.y_m[pick]), pick))
    if len(picks):
        path += shortest_way(ladder, path[-1], Point(end.column, y_m[end.cross_aisle]))
        length_m = start.walk_m + path_length_m(ladder, path) + end.walk_m
        tour = Tour(policy, length_m, proven_optimal=False, path=tuple(path), end=end, lower_bound_m=bound_m)
    else:
        tour = Tour(policy, 0.0, proven_optimal=True, path=(), end=end)
    check_tour(ladder, picks, tour)
    return tour


def s_shape(ladder: Ladder, picks: PickList) -> Tour:
    """Up one aisle, down the next; with several blocks, through the whole aisle."""
    columns = sorted(set(picks.columns.tolist()))
    front, back = 0.0, ladder.y_m[-1]
    path = [Point(ladder.start.column, front)]
    for number, column in enumerate(columns):
        up = number % 2 == 0
        here = sorted((pick for pick in range(len(picks)) if picks.columns[pick] == column), key=lambda pick: picks.y_m[pick])
        path.append(Point(column, front if up else back))
        path += [Point(column, float(picks.y_m[pick]), pick) for pick in (here if up else reversed(here))]
        path.append(Point(column, back if up else front))
    end = ladder.ends[0]
    if path[-1].y_m == back:
        path.append(Point(path[-1].column, front))
    path.append(Point(end.column, front))
    length_m = ladder.start.walk_m + path_length_m(ladder, path) + end.walk_m
    tour = Tour("s-shape", length_m, proven_optimal=False, path=tuple(path), end=end)
    check_tour(ladder, picks, tour)
    return tour


def nearest_next(ladder: Ladder, picks: PickList) -> Tour:
    """The nearest pick next: a walk with many turns."""
    at = (ladder.start.column, ladder.y_m[ladder.start.cross_aisle])
    stops: list[int] = []
    left = set(range(len(picks)))
    while left:
        nearest = min(left, key=lambda pick: (ladder.distance_m(at, (int(picks.columns[pick]), float(picks.y_m[pick]))), pick))
        at = (int(picks.columns[nearest]), float(picks.y_m[nearest]))
        stops.append(nearest)
        left.remove(nearest)
    return tour_in_order(ladder, picks, stops, "nearest next")


def parked_in_front(ladder: Ladder, picks: PickList, cart: Cart, lower_bound_s: float | None = None) -> Schedule:
    """The cart goes to each aisle with picks along the first cross aisle and waits there; loops as full as they can be."""
    problem = cart_problem(ladder, picks, cart)
    stand = {(int(column), int(row)): index for index, (column, row) in enumerate(zip(problem.columns, problem.cross_aisles, strict=True))}
    row = ladder.start.cross_aisle
    loops: dict[int, list[tuple[int, ...]]] = {}
    for one in sorted(range(problem.handfuls), key=lambda one: (problem.sub_aisle[one], picks.y_m[problem.pick_of[one]])):
        here = loops.setdefault(int(picks.columns[problem.pick_of[one]]), [])
        if here and problem.items[[*here[-1], one]].sum() <= problem.hands:
            here[-1] = (*here[-1], one)
        else:
            here.append((one,))
    way = [ladder.start.column]
    for column in [*sorted(loops), ladder.ends[0].column]:
        step = int(np.sign(column - way[-1]))
        way += range(way[-1] + step, column + step, step) if step else []
    plan = [Visit(stand[column, row], tuple(loops.pop(column, ()))) for column in way]
    return schedule_of(problem, plan, "s-shape", lower_bound_s)
