"""A day, event by event: orders come, pickers leave with lists and return."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from warehouse.arrivals.demand import Demand
from warehouse.arrivals.rules import Rule


@dataclass(frozen=True)
class Tour:
    """A list that was picked.

    Attributes:
        picker: who did it.
        orders: its orders.
        begins_s, ends_s: when the picker left the depot and was back, in seconds after midnight.
        length_m: that he walked.
        fill: the share of the cart that was taken.
        why: it left: ``due``, ``full`` or ``held``.
    """

    picker: int
    orders: tuple[int, ...]
    begins_s: float
    ends_s: float
    length_m: float
    fill: float
    why: str


@dataclass(frozen=True)
class Day:
    """What happened under one rule.

    Attributes:
        rule: its name.
        tours: in the order in which they began.
    """

    rule: str
    tours: tuple[Tour, ...]


def simulate(demand: Demand, pickers: int, rule: Rule) -> Day:
    """Let a day pass. Whoever is back takes the next list at once, or waits until the rule gives one.

    Args:
        demand: the orders; the rule sees each one only when it has come.
        pickers: how many, at least 1.
        rule: made for this demand; it is used up.

    Raises:
        ValueError: the rule leaves orders for ever.
    """
    free_s, tours = [demand.begin_s] * pickers, list[Tour]()
    came_s = [*demand.came_s.tolist(), math.inf]
    now_s, coming, left = demand.begin_s, 0, len(demand)
    while left:
        while came_s[coming] <= now_s:
            rule.add(coming)
            coming += 1
        ask_again_s = math.inf
        while left and (picker := _idle(free_s, now_s)) is not None:
            answer = rule.ask(now_s, free_s)
            if answer.chosen is None:
                ask_again_s = answer.ask_again_s
                break
            chosen = answer.chosen
            left -= len(chosen.orders)
            free_s[picker] = now_s + chosen.time_s
            tours.append(Tour(picker, chosen.orders, now_s, free_s[picker], chosen.length_m, chosen.fill, answer.why))
        now_s = min(came_s[coming], ask_again_s, *(time_s if time_s > now_s else math.inf for time_s in free_s))
        if left and now_s == math.inf:
            raise ValueError(f"the rule {rule.name} leaves {left} orders for ever")
    return Day(rule.name, tuple(tours))


def _idle(free_s: Sequence[float], now_s: float) -> int | None:
    """Who has been at the depot for the longest time."""
    picker = min(range(len(free_s)), key=free_s.__getitem__)
    return picker if free_s[picker] <= now_s else None
