"""The release rule: does an idle picker take a list now, and which one, or does he wait for more orders?

Waiting fills lists, and gives a choice of orders that lie near each other; but orders that wait may be late. Of the two obvious rules, «go
at once» and «wait as long as all orders can still be in time», neither is good everywhere (Bukchin, Khmelnitsky & Yakuel, European Journal
of Operational Research 219, 2012). Here a list leaves when it is full and saves enough walking that waiting would hardly improve it, when its
first order was held long enough, or when the pickers could not stand still any longer without being late.
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from bintally.errors import UsageError
from warehouse.arrivals.lists import OpenList

EVEN_S = 1e-6
"""Times that differ by less are the same; an event that was asked for must be seen to have come."""
Preference = Callable[[OpenList], tuple[float, ...]]


@dataclass(frozen=True)
class Patience:
    """For how long lists wait for more orders.

    Attributes:
        full: a list may leave when so much of the cart is taken, 0 to 1; 0 waits for nothing.
        hold_s: it leaves in any case when its first order has waited so long,
        margin_s: or when all pickers could stand still for no longer than this without being late.

    Raises:
        UsageError: one of them is out of its range.
    """

    full: float = 0.85
    hold_s: float = 600.0
    margin_s: float = 300.0

    def __post_init__(self) -> None:
        if not (0 <= self.full <= 1 and 0 <= self.hold_s < math.inf and 0 <= self.margin_s < math.inf):
            raise UsageError(
                f"lists that leave at {self.full:g} of a cart, after {self.hold_s:g} s, or {self.margin_s:g} s before they must: the first "
                "must be from 0 to 1, the times not negative"
            )


@dataclass(frozen=True)
class Decision:
    """What an idle picker does.

    Attributes:
        chosen: the index of the list to take, None to wait.
        why: ``due``, ``full`` or ``held``; empty to wait.
        ask_again_s: if nothing else happens; infinite if time alone changes nothing.
    """

    chosen: int | None
    why: str = ""
    ask_again_s: float = math.inf


def most_saved(one: OpenList) -> tuple[float, ...]:
    """Lists that save most walking, as a share, first; of equals the oldest."""
    return one.share, one.came_s


def oldest(one: OpenList) -> tuple[float, ...]:
    """Lists whose first order came first."""
    return one.came_s, float(one.orders[0])


def decide(
    lists: Sequence[OpenList],
    free_s: Sequence[float],
    now_s: float,
    patience: Patience,
    preference: Preference,
    good_share: float = math.inf,
) -> Decision:
    """Choose a list for an idle picker.

    Args:
        lists: that could leave.
        free_s: when each picker is at the depot again; not after ``now_s`` for idle ones, of whom there is at least one.
        now_s: the time.
        patience: for how long lists wait.
        preference: among the lists that may leave, the one with the least value does. Where lateness threatens, it is the one that must
            leave first.
        good_share: a full list leaves before its time only if its `OpenList.share` is no more than this.
    """
    if not lists:
        return Decision(None)
    spare = spare_s(lists, free_s, now_s)
    if spare <= patience.margin_s + EVEN_S:
        return Decision(min(range(len(lists)), key=lambda index: lists[index].begin_by_s), "due")
    full = [index for index, one in enumerate(lists) if one.fill >= patience.full and one.share <= good_share]
    held = [index for index, one in enumerate(lists) if one.came_s + patience.hold_s <= now_s + EVEN_S]
    if full or held:
        chosen = min({*full, *held}, key=lambda index: preference(lists[index]))
        return Decision(chosen, "full" if chosen in full else "held")
    held_s = min(one.came_s for one in lists) + patience.hold_s
    return Decision(None, ask_again_s=min(held_s, now_s + spare - patience.margin_s))


def spare_s(lists: Sequence[OpenList], free_s: Sequence[float], now_s: float) -> float:
    """How long idle pickers may stand still before a list is late.

    Lists are given to the pickers in the order in which they must begin, each to the first one who is free. If all pickers stand still for
    a while, no list begins later by more than that.

    Returns:
        negative if some list will be late in any case; infinite if nothing is due.
    """
    free = [max(now_s, time_s) for time_s in free_s]
    heapq.heapify(free)
    spare = math.inf
    for one in sorted(lists, key=lambda one: one.begin_by_s):
        begin_s = free[0]
        spare = min(spare, one.begin_by_s - begin_s)
        heapq.heapreplace(free, begin_s + one.time_s)
    return spare
