"""Batches of sections, by any method, with the times that they take."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from bintally.errors import InputError
from bintally.layouts import Cart, OrderBook
from warehouse.batching.batches import Batches, lengths_m, times_s
from warehouse.batching.bound import lower_bound_m
from warehouse.batching.problem import BatchProblem, Floats
from warehouse.batching.solve import Estimator, Objective, solve
from warehouse.pick.batch.groups import Groups, Part, Section
from warehouse.pick.batch.schedule import Batch

SEARCHES = ("annealing", "alns")
"""Methods that go on until they are stopped."""
FAST = "savings"
"""Makes the drafts where the method asked for is a search."""


@dataclass(frozen=True)
class Asked:
    """What is wanted of each book.

    Attributes:
        method: of `warehouse.batching.solve`.
        cart: replaces values of the book's cart; None to minimise lengths, without a cart.
        judge, estimator: of an `Objective`.
        carts: in place of the book's.
        seconds: of all searches of a book together.
        iterations, patience: of each search.
        seed: of the random numbers.
    """

    method: str
    cart: Mapping[str, Any] | None = None
    judge: Any = "exact"
    estimator: Estimator | None = None
    carts: int | None = None
    seconds: float | None = None
    iterations: int | None = None
    patience: int | None = None
    seed: int = 0


class Batcher:
    """Makes batches of one book's sections.

    Attributes:
        groups: the book's.
        carts: the most batches of each wave and zone, None for any number.

    Raises:
        InputError: the ladder has one-way rules.
        UsageError: as for `Objective`.
    """

    def __init__(self, book: OrderBook, asked: Asked) -> None:
        if not book.ladder.ways.free:
            raise InputError("batches are measured without one-way aisles and turning bans; leave these rules out of the layout")
        self._asked = asked
        self._cart = dataclasses.replace(book.cart or Cart(), **(asked.cart or {}))
        self._objective = Objective(None if asked.cart is None else self._cart, asked.judge, asked.estimator)
        self._drafts: dict[Section, list[Batch] | None] = {}
        self.groups = Groups(book)
        self.carts = book.carts if asked.carts is None else asked.carts

    def draft(self, section: Section) -> list[Batch] | None:
        """By a method that is fast; None if that needs too many carts. Asked again, the same."""
        if section not in self._drafts:
            self._drafts[section] = self._drafted(section)
        return self._drafts[section]

    def _drafted(self, section: Section) -> list[Batch] | None:
        method, objective = (FAST, Objective()) if self._asked.method in SEARCHES else (self._asked.method, self._objective)
        found: list[Batch] = []
        for zone, parts in self._zones(section):
            problem = self.groups.problem(parts, self.carts)
            try:
                batches = solve(problem, method, objective, seed=self._asked.seed)
            except InputError:
                if section == Section(section.wave):
                    raise
                return None
            found += self._timed(section, zone, parts, problem, batches)
        return found

    def search(self, section: Section, carts: Mapping[str | None, int | None], seconds: float | None) -> list[Batch]:
        """By the method that is asked for.

        Args:
            section: the orders.
            carts: of each zone.
            seconds: for all zones, shared by their size; None for no limit.
        """
        asked, found, total = self._asked, list[Batch](), self.size(section)
        for zone, parts in self._zones(section):
            problem = self.groups.problem(parts, carts[zone])
            share_s = None if seconds is None else seconds * len(parts) / total
            batches = solve(
                problem,
                asked.method,
                self._objective,
                seconds=share_s,
                iterations=asked.iterations,
                patience=asked.patience,
                seed=asked.seed,
            )
            found += self._timed(section, zone, parts, problem, batches)
        return found

    def size(self, section: Section) -> int:
        """Parts of orders in all zones."""
        return sum(len(parts) for _, parts in self._zones(section))

    def bound_m(self, section: Section) -> float:
        """What no batches can undercut."""
        return sum(lower_bound_m(self.groups.problem(parts, None)) for _, parts in self._zones(section))

    def alone_s(self, orders: Sequence[int], pickers: int) -> dict[int, float]:
        """The least time that each order can take if nothing else is picked; exact but for orders of more parts than pickers."""
        of_zones: list[dict[int, float]] = []
        for zone in range(len(self.groups.zones)):
            parts = [part for part in (self.groups.part(order, zone) for order in orders) if part]
            if parts:
                problem = self.groups.problem(parts, None)
                times = self._times_s(problem, [(number,) for number in range(len(parts))])
                of_zones.append(dict(zip((part.order for part in parts), times.tolist(), strict=True)))
        each = {order: [times[order] for times in of_zones if order in times] for order in orders}
        return {order: max(*times, sum(times) / pickers) for order, times in each.items()}

    def cost(self, batches: Sequence[Batch]) -> float:
        """What is minimised: metres, or seconds with a cart."""
        return sum(batch.length_m if self._asked.cart is None else batch.time_s for batch in batches)

    def _zones(self, section: Section) -> Iterator[tuple[str | None, list[Part]]]:
        for zone, name in enumerate(self.groups.zones):
            if parts := self.groups.parts(section, zone):
                yield name, parts

    def _timed(self, section: Section, zone: str | None, parts: Sequence[Part], problem: BatchProblem, found: Batches) -> list[Batch]:
        times = self._times_s(problem, found.batches) if found.times_s is None else found.times_s
        batches = []
        for batch, length_m, time_s in zip(found.batches, found.lengths_m, times, strict=True):
            orders = tuple(parts[number].order for number in batch)
            due_s = min(self.groups.due_s[order] for order in orders)
            batches.append(Batch(self.groups.waves[section.wave], zone, orders, length_m, float(time_s), due_s))
        return batches

    def _times_s(self, problem: BatchProblem, batches: Sequence[Sequence[int]]) -> Floats:
        """With the cart, if it is asked for; otherwise at walking speed."""
        if self._asked.cart is not None:
            return times_s(problem, batches, self._cart)
        places = np.array([len(problem.places_of(batch)) for batch in batches])
        return np.asarray(lengths_m(problem, batches) / self._cart.walk_m_s + self._cart.pick_s * places)
