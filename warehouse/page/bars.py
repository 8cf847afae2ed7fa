"""What is believed of a bin's quantity, as small bars (pure)."""

from __future__ import annotations

import math
from collections.abc import Sequence

from bintally.pages.html import Html, tag
from warehouse.discrepancies.belief import Belief, posterior
from warehouse.ledger.fold import View

_WIDE, _HIGH, _LABEL = 30, 60, 14
_SEEN = 0.001


def shares(belief: Belief, expected: int | None, wrong_share: float) -> list[float]:
    """Probability of each quantity by counts and, where they speak of the bin, books; of the last one: so many or more."""
    logs = belief.logs()
    if expected is None:
        weights = [math.exp(log - max(logs)) for log in logs]
        return [weight / sum(weights) for weight in weights]
    right, wrong = posterior(belief, expected, wrong_share)
    return [one + (right if number == min(expected, len(wrong) - 1) else 0.0) for number, one in enumerate(wrong)]


def bars(view: View, wrong_share: float) -> Html | None:
    """The bars; the quantity in the books is marked. None: nothing was counted."""
    if view.belief is None:
        return None
    found = shares(view.belief, view.expected, wrong_share)
    booked = None if view.expected is None else min(view.expected, len(found) - 1)
    words = ", ".join(f"{_name(number, found)}: {share:.0%}" for number, share in enumerate(found) if share >= _SEEN)
    return tag(
        "svg",
        (_bar(number, share, found, number == booked) for number, share in enumerate(found)),
        viewBox=f"0 0 {_WIDE * len(found)} {_HIGH + 2 * _LABEL}",
        width=_WIDE * len(found),
        height=_HIGH + 2 * _LABEL,
        class_="bars",
        role="img",
        aria_label=f"Probability of each quantity. {words}",
    )


def _bar(number: int, share: float, found: Sequence[float], booked: bool) -> list[Html | None]:
    height, middle = max(1.0, share * _HIGH), number * _WIDE + _WIDE // 2
    top = _LABEL + _HIGH - height
    box = tag("rect", x=number * _WIDE + 4, y=f"{top:.1f}", width=_WIDE - 8, height=f"{height:.1f}", rx=2)
    told = tag("text", f"{share:.0%}", x=middle, y=f"{top - 3:.1f}", class_="share") if share >= 0.01 else None
    name = tag("text", _name(number, found), x=middle, y=_HIGH + 2 * _LABEL - 2, class_="booked" if booked else None)
    return [box, told, name]


def _name(number: int, found: Sequence[float]) -> str:
    return f"{number}+" if number == len(found) - 1 else str(number)
