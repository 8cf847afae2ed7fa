"""Who walks which pick list when, and what comes too late.

Whoever is free takes the list that is due first. With one picker no other sequence has a smaller greatest lateness; with several it is a
rule that is usually good.

Source: Jackson, Scheduling a production line to minimize maximum tardiness, UCLA Management Science Research Report 43 (1955), the rule;
Graham, Bounds on multiprocessing timing anomalies, SIAM Journal on Applied Mathematics 17 (1969), list scheduling.
"""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from dataclasses import dataclass

ON_TIME_S = 1e-6
"""What is later by less is late by rounding only."""


@dataclass(frozen=True)
class Batch:
    """Orders of one wave that are picked in one zone, in one tour.

    Attributes:
        wave, zone: names; None where there is none.
        orders: their indices in the book, increasing.
        length_m: of the shortest tour.
        time_s: until it is back at the depot.
        due_s: of the order that is due first; infinity if none is.
    """

    wave: str | None
    zone: str | None
    orders: tuple[int, ...]
    length_m: float
    time_s: float
    due_s: float


@dataclass(frozen=True)
class Turn:
    """A batch's place in the day: who walks, counted from 0, and from when until when, in seconds after midnight."""

    picker: int
    begins_s: float
    ends_s: float


def turns(batches: Sequence[Batch], pickers: int, begin_s: float) -> list[Turn]:
    """Give each batch to a picker, by earliest due time; of equals, the first batch, and the picker with the lowest number.

    Args:
        batches: in any sequence.
        pickers: at least 1, all free from ``begin_s`` on.
        begin_s: in seconds after midnight.
    """
    free = [(begin_s, picker) for picker in range(pickers)]
    found: dict[int, Turn] = {}
    for number in sorted(range(len(batches)), key=lambda number: batches[number].due_s):
        begins_s, picker = free[0]
        found[number] = Turn(picker, begins_s, begins_s + batches[number].time_s)
        heapq.heapreplace(free, (found[number].ends_s, picker))
    return [found[number] for number in range(len(batches))]


def lateness_s(batches: Sequence[Batch], turns: Sequence[Turn], due_s: Sequence[float]) -> dict[int, float]:
    """The orders that come too late, and by how much: an order is there when its last part is.

    Args:
        batches: with their turns.
        turns: likewise.
        due_s: of each order of the book.
    """
    late: dict[int, float] = {}
    for batch, turn in zip(batches, turns, strict=True):
        if turn.ends_s > batch.due_s + ON_TIME_S:
            for order in batch.orders:
                if turn.ends_s > due_s[order] + ON_TIME_S:
                    late[order] = max(late.get(order, 0.0), turn.ends_s - due_s[order])
    return late
