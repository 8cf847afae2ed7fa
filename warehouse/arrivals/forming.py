"""Three ways to make lists of the orders that wait."""

from __future__ import annotations

import bisect
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from bintally.errors import UsageError
from warehouse.arrivals.demand import by_group
from warehouse.arrivals.lists import OpenList, Sizes, batched
from warehouse.batching.problem import SLACK

EVEN_M = 1e-6
"""A new plan must be shorter by more."""


@dataclass(frozen=True)
class Effort:
    """How much is planned, and how hard.

    Attributes:
        horizon: at most so many waiting orders are planned, those that are due first; the others wait for them to leave.
        renew: lists are planned anew when so large a share of their orders has come since the last time.
        iterations: of the search each time; 0 for the savings alone.
        seed: of the search.

    Raises:
        UsageError: a number is too small.
    """

    horizon: int = 150
    renew: float = 0.2
    iterations: int = 0
    seed: int = 0

    def __post_init__(self) -> None:
        if self.horizon < 1 or not 0 < self.renew < math.inf or self.iterations < 0 or self.seed < 0:
            raise UsageError(
                f"a plan of {self.horizon} orders, renewed when {self.renew:g} of them are new, {self.iterations} iterations, seed {self.seed}: "
                "give at least 1 order, a share above 0, and nothing negative"
            )


class Forming(Protocol):
    """Makes lists of the orders that wait."""

    def add(self, order: int) -> None:
        """An order has come."""

    def lists(self, now_s: float) -> Sequence[OpenList]:
        """The lists that may leave now."""

    def take(self, index: int) -> OpenList:
        """One of these lists leaves."""

    def next_s(self, now_s: float) -> float:
        """When there will be more lists though no order comes; infinite if time alone changes nothing."""


class InSequence:
    """First come, first served: an order joins the last list of its wave and zone; if it does not fit there, it opens the next one."""

    def __init__(self, sizes: Sizes) -> None:
        self._sizes = sizes
        self._lists: list[OpenList] = []

    def add(self, order: int) -> None:
        groups = self._sizes.demand.groups
        last = next((index for index in reversed(range(len(self._lists))) if groups[self._lists[index].orders[0]] == groups[order]), None)
        if last is None or not _fits(self._sizes, self._lists[last], order):
            self._lists += self._sizes.lists_of([[order]])
        else:
            (self._lists[last],) = self._sizes.lists_of([[*self._lists[last].orders, order]])

    def lists(self, now_s: float) -> Sequence[OpenList]:  # noqa: ARG002 - others need it
        return self._lists

    def take(self, index: int) -> OpenList:
        return self._lists.pop(index)

    def next_s(self, now_s: float) -> float:  # noqa: ARG002
        return math.inf


class Windows:
    """Fixed time windows: what came in a window is batched at its end; windows that end while all pickers are away are one.

    Source:
        Le-Duc & de Koster, European Journal of Operational Research 176 (2007); Van Nieuwenhuyse & de Koster, International Journal of
        Production Economics 121 (2009).
    """

    def __init__(self, sizes: Sizes, window_s: float, effort: Effort) -> None:
        if not 0 < window_s < math.inf:
            raise UsageError(f"a window of {window_s:g} s: it must be above 0")
        self._sizes, self._window_s, self._effort = sizes, window_s, effort
        self._waiting: list[int] = []
        self._lists: list[OpenList] = []
        self._ended = 0

    def add(self, order: int) -> None:
        self._waiting.append(order)

    def lists(self, now_s: float) -> Sequence[OpenList]:
        demand = self._sizes.demand
        # the smallest amount more, because an end that was asked for may come a rounding too early
        self._ended = int((now_s - demand.begin_s) / self._window_s + 1e-9)
        # orders stand in the sequence in which they came
        closed = bisect.bisect_right(self._waiting, self._end_s(), key=lambda order: float(demand.came_s[order]))
        for group in by_group(demand, self._waiting[:closed]):
            self._lists += self._sizes.lists_of(batched(demand.problem, group, self._effort.iterations, self._effort.seed))
        del self._waiting[:closed]
        return self._lists

    def take(self, index: int) -> OpenList:
        return self._lists.pop(index)

    def next_s(self, now_s: float) -> float:  # noqa: ARG002
        return self._end_s() + self._window_s if self._waiting else math.inf

    def _end_s(self) -> float:
        """Of the last window that has ended."""
        return self._sizes.demand.begin_s + self._ended * self._window_s


class Rolling:
    """A plan for the orders that wait, which rolls on: each new order joins the list that it lengthens least, and every so often all lists
    are planned anew, by the methods that batch orders which are all known. A new plan that is no shorter is not taken.
    """

    def __init__(self, sizes: Sizes, effort: Effort) -> None:
        self._sizes, self._effort = sizes, effort
        self._lists: list[OpenList] = []
        self._beyond: list[int] = []  # the horizon
        self._planned = self._since = 0

    def add(self, order: int) -> None:
        self._since += 1
        if self._planned < self._effort.horizon:
            self._insert(order)
        else:
            self._beyond.append(order)

    def lists(self, now_s: float) -> Sequence[OpenList]:  # noqa: ARG002
        if self._since and self._since >= self._effort.renew * self._planned:
            self._since = 0
            self._plan_anew()
        return self._lists

    def take(self, index: int) -> OpenList:
        taken = self._lists.pop(index)
        self._planned -= len(taken.orders)
        due_s = self._sizes.demand.due_s
        self._beyond.sort(key=lambda order: (due_s[order], order))
        while self._beyond and self._planned < self._effort.horizon:
            self._insert(self._beyond.pop(0))
        return taken

    def next_s(self, now_s: float) -> float:  # noqa: ARG002
        return math.inf

    def _insert(self, order: int) -> None:
        """Let an order into the list that it lengthens least; into a new one if it fits nowhere."""
        self._planned += 1
        fitting = [index for index, one in enumerate(self._lists) if _fits(self._sizes, one, order)]
        grown = [[*self._lists[index].orders, order] for index in fitting] or [[order]]
        lengths = self._sizes.lengths_m(grown)
        growth = [length - self._lists[index].length_m for index, length in zip(fitting, lengths, strict=False)]
        best = min(range(len(growth)), key=growth.__getitem__, default=0)
        new = self._sizes.list_of(grown[best], float(lengths[best]))
        if fitting:
            self._lists[fitting[best]] = new
        else:
            self._lists.append(new)

    def _plan_anew(self) -> None:
        demand, effort = self._sizes.demand, self._effort
        found: list[OpenList] = []
        for group in by_group(demand, (order for one in self._lists for order in one.orders)):
            old = [one for one in self._lists if demand.groups[one.orders[0]] == demand.groups[group[0]]]
            new = self._sizes.lists_of(batched(demand.problem, group, effort.iterations, effort.seed))
            found += new if _total_m(new) < _total_m(old) - EVEN_M else old
        self._lists = found


def _fits(sizes: Sizes, one: OpenList, order: int) -> bool:
    demand = sizes.demand
    load = demand.problem.loads[[*one.orders, order]].sum(axis=0)
    return bool(demand.groups[one.orders[0]] == demand.groups[order] and (load <= demand.problem.limits * (1 + SLACK)).all())


def _total_m(lists: Sequence[OpenList]) -> float:
    return sum(one.length_m for one in lists)
