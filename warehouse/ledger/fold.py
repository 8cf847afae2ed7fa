"""How a fact changes the view of its bin (pure). Live and replayed views go through these functions, fact by fact, by turn and number."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, NamedTuple

from warehouse.discrepancies import belief as beliefs
from warehouse.discrepancies.belief import Belief

Row = Mapping[str, Any]
"""A row of ``count_event`` or of ``expectation``, by the names of its columns."""
CORRECTION = "correction"
"""The origin of an expectation that somebody's look into the bin made."""
COUNTED = ("source", "event_id", "counted", "at_least", "unsure", "confidence", "taken_at", "evidence", "model")
"""What a view shows of the newest count."""
_MISTAKEN = math.log(0.005)
"""Log-likelihood of any other quantity than the one that somebody found: people miscount, too, but seldom."""
_CLASSES = 64
"""More are not told apart."""


class View(NamedTuple):
    """What the ledger knows of a bin; the columns of ``bin``. A tuple: an import makes a hundred thousand of them.

    Attributes:
        taken_at: of the newest count; with it ``source`` to ``model``. None: it was never counted.
        booked: what the books said themselves at ``booked_at``.
        expected: the same, or what somebody found in the bin since then; from ``expected_at`` on. None: the books say nothing.
        belief: of the counts since then.
        likely: the most probable quantity, by belief and books; with it ``p_wrong`` and ``cost``.
    """

    site: str
    bin: str
    source: str | None = None
    event_id: str | None = None
    counted: int | None = None
    at_least: int | None = None
    unsure: bool | None = None
    confidence: float | None = None
    taken_at: datetime | None = None
    evidence: str | None = None
    model: str | None = None
    booked: int | None = None
    booked_at: datetime | None = None
    expected: int | None = None
    expected_at: datetime | None = None
    article: str | None = None
    value: float = 1.0
    belief: Belief | None = None
    likely: int | None = None
    p_wrong: float | None = None
    cost: float = 0.0


def counted(view: View, count: Row) -> View:
    """Take one count in. One that was taken before the newest is late: it says nothing of the bin as it is now."""
    at = taken_at(count)
    if view.taken_at is not None and at < view.taken_at:
        return view
    shown = {name: count[name] for name in COUNTED}
    return view._replace(**shown | {"taken_at": at}, belief=_believed(view.belief, view.expected_at, count))


def booked(view: View, expectation: Row, since: Iterable[Row] = ()) -> View:
    """Take in what the books say.

    Args:
        view: of the bin.
        expectation: the new one. One from before the newest changes nothing; one that only says the same quantity again holds since then.
        since: the bin's counts that were taken at ``expectation["at"]`` or later, in order; only they speak of it. If there are none yet, what was
            seen before tells what was in the bin before.
    """
    at, quantity = expectation["at"], expectation["quantity"]
    is_correction = expectation["origin"] == CORRECTION
    said = {} if is_correction or (view.booked_at is not None and at < view.booked_at) else {"booked": quantity, "booked_at": at}
    if view.expected_at is not None and at < view.expected_at:
        return view._replace(**said)
    said |= {"article": expectation["article"], "value": expectation["value"]}
    if quantity == view.expected and view.expected_at is not None and not is_correction:
        return view._replace(**said)
    belief, newest = _looked(quantity) if is_correction else None, None
    for count in since:
        if newest is None or taken_at(count) >= newest:
            belief, newest = _believed(belief, at, count), taken_at(count)
    if newest is None and not is_correction and view.belief and quantity is not None and view.expected is not None:
        belief = beliefs.carried(view.belief, quantity - view.expected)
    return view._replace(**said, expected=quantity, expected_at=at, belief=belief)


def judged(view: View, wrong_share: float) -> View:
    """Hold the belief against the books."""
    if view.belief is None:
        return view if view.likely is None else view._replace(likely=None, p_wrong=None, cost=0.0)
    found = beliefs.judge(view.belief, view.expected, view.value, wrong_share)
    return view._replace(likely=found.likely, p_wrong=found.p_wrong, cost=found.cost)


def taken_at(count: Row) -> datetime:
    """When a count was taken; where the station's clock is ahead of ours, when it was received: no count may be newest for years."""
    taken: datetime = count["taken_at"]
    received: datetime = count["received_at"]
    return min(taken, received)


def _looked(quantity: int) -> Belief:
    """The belief of who has just looked. It stands beside the pictures, not among them: the next one of the same scene can't talk it away."""
    logs = [_MISTAKEN] * min(quantity + 2, _CLASSES)
    logs[min(quantity, _CLASSES - 1)] = 0.0
    return Belief(before=tuple(logs), scene=(0.0,) * len(logs), pictures=0)


def _believed(belief: Belief | None, expected_at: datetime | None, count: Row) -> Belief | None:
    if count["probabilities"] is None or (expected_at is not None and taken_at(count) < expected_at):
        return belief
    return beliefs.take(belief, count["probabilities"], count["trigger"])
