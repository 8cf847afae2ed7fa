"""Rules by name: how lists are made, and when they leave.

Source: Henn, Algorithms for on-line order batching in an order picking warehouse, Computers & Operations Research 39 (2012), whose rules batch
all waiting orders anew whenever a picker is idle and choose one of the batches; Gil-Borrás et al., The time-window strategy in the online order
batching problem, International Journal of Production Research (2023), who show that for how long one waits matters as much as how one batches.
"""

from __future__ import annotations

import math
import statistics
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field

from bintally.errors import UsageError
from bintally.layouts.model import nearest
from warehouse.arrivals.forming import Effort, Forming, InSequence, Rolling, Windows
from warehouse.arrivals.lists import OpenList, Sizes
from warehouse.arrivals.release import Patience, Preference, decide, most_saved, oldest

RULES = ("first-come", "first-come-full", "window", "rolling")
AT_ONCE = Patience(full=0.0, hold_s=0.0, margin_s=0.0)
RECENT, FEW = 50, 10
"""Lists that a choosy rule remembers, and how many it must have seen before it judges."""


@dataclass(frozen=True)
class Answer:
    """What a rule says to an idle picker.

    Attributes:
        chosen: the list to take, None to wait.
        why: ``due``, ``full`` or ``held``; empty to wait.
        ask_again_s: if no order comes and nobody returns before.
    """

    chosen: OpenList | None
    why: str
    ask_again_s: float


class Rule:
    """How lists are made, and when they leave.

    Args:
        name: of RULES.
        forming: makes lists of the orders that wait.
        patience: for how long lists wait.
        preference: which one leaves first.
        choosy: a full list leaves before its time only if it saves more walking, as a share, than half of the last RECENT lists did. So
            the rule learns what can be had, whatever the warehouse, the carts and the orders are.
    """

    def __init__(self, name: str, forming: Forming, patience: Patience, preference: Preference, *, choosy: bool = False) -> None:
        self.name = name
        self._forming, self._patience, self._preference = forming, patience, preference
        self._recent: deque[float] | None = deque(maxlen=RECENT) if choosy else None

    def add(self, order: int) -> None:
        """An order has come."""
        self._forming.add(order)

    def ask(self, now_s: float, free_s: Sequence[float]) -> Answer:
        """What an idle picker does; see `decide`."""
        decision = decide(self._forming.lists(now_s), free_s, now_s, self._patience, self._preference, self._good_share())
        if decision.chosen is None:
            return Answer(None, "", min(decision.ask_again_s, self._forming.next_s(now_s)))
        chosen = self._forming.take(decision.chosen)
        if self._recent is not None:
            self._recent.append(chosen.share)
        return Answer(chosen, decision.why, math.inf)

    def _good_share(self) -> float:
        if self._recent is None:
            return math.inf
        return statistics.median(self._recent) if len(self._recent) >= FEW else 0.0


@dataclass(frozen=True)
class Settings:
    """Of the rules.

    Attributes:
        patience: of ``first-come-full`` and ``rolling``.
        effort: of ``window`` and ``rolling``.
        window_s: of ``window``.
    """

    patience: Patience = field(default_factory=Patience)
    effort: Effort = field(default_factory=Effort)
    window_s: float = 600.0


def rule_of(name: str, sizes: Sizes, settings: Settings) -> Rule:
    """A rule for a day's orders, none of which has come.

    Raises:
        UsageError: an unknown name, or a setting out of its range.
    """
    if name == "first-come":
        return Rule(name, InSequence(sizes), AT_ONCE, oldest)
    if name == "first-come-full":
        return Rule(name, InSequence(sizes), settings.patience, oldest)
    if name == "window":
        return Rule(name, Windows(sizes, settings.window_s, settings.effort), AT_ONCE, oldest)
    if name == "rolling":
        return Rule(name, Rolling(sizes, settings.effort), settings.patience, most_saved, choosy=True)
    raise UsageError(f"there is no rule {name!r}; {nearest(name, RULES)}")
