"""What counts say about the quantity in one bin, and from that how sure it is that the books are wrong (pure).

A Bayesian filter. Counts alone make the *belief*: for each quantity q the likelihood P(everything seen | q is in the bin now). The books come in
only when it is judged, as a prior, so that a belief does not depend on what somebody expected when the picture was taken.

A counter with K classes tells quantities 0 to K - 2 apart; its last class is open, K - 1 or more. All larger quantities share its likelihood, so
a belief is a row of K logarithms, and rows of counters with different K are joined by repeating the shorter one's last number: nothing is lost.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from operator import mul
from typing import Any

from bintally.messages.events import Trigger

_MOST_CLASSES = 64
_UNREADABLE = 0.02
_MOVED = 0.05
_ALIKE = 0.9
_KEPT = 0.6
_ANYTHING = 0.25
_TOLD = 0.95
_REPEATS: frozenset[Trigger] = frozenset({"heartbeat", "command"})
_DECIMALS = 4
Logs = tuple[float, ...]


@dataclass(frozen=True)
class Belief:
    """What was seen of one bin.

    Attributes:
        before: log-likelihood of each quantity by what was seen before the newest movement; the largest is 0.
        scene: sum of the log-likelihoods by the pictures since then.
        pictures: how many those are.
    """

    before: Logs
    scene: Logs
    pictures: int

    def logs(self) -> Logs:
        """Log-likelihood of each quantity, up to a constant.

        Pictures of an untouched bin repeat each other's mistakes. n of them with the correlation rho are worth n / (1 + (n - 1) rho) that
        are independent: however long the bin stands there, never more than 1 / rho.

        Source: Kish, Survey Sampling (1965), section 5.4: the design effect of clusters.
        """
        weight = 1 / (1 + (self.pictures - 1) * _ALIKE)
        return tuple(earlier + weight * now for earlier, now in zip(self.before, self.scene, strict=True))

    def as_json(self) -> dict[str, Any]:
        """As the ledger keeps it; ``from_json`` gives the same again."""
        return {"before": list(self.before), "scene": list(self.scene), "pictures": self.pictures}

    @classmethod
    def from_json(cls, kept: dict[str, Any]) -> Belief:
        """What ``as_json`` gave."""
        return cls(tuple(kept["before"]), tuple(kept["scene"]), kept["pictures"])


def take(belief: Belief | None, probabilities: Iterable[float], trigger: Trigger, shares: Sequence[float] | None = None) -> Belief:
    """Take one count in, in the order in which they were taken.

    Args:
        belief: of all counts before; None: there were none.
        probabilities: shape (K,), the counter's, the last class open. What is no number counts as 0; if all are 0, nothing was seen.
        trigger: why it was counted. A heartbeat and an answer to a command show the bin as it was, all others show it after a movement.
        shares: shape (K,), of the classes in the data that the counter was calibrated on; None: equal ones.
    """
    seen = _log_likelihood(probabilities, shares)
    if belief is None:
        return Belief((0.0,) * len(seen), seen, 1)
    if trigger in _REPEATS:
        size = max(len(belief.scene), len(seen))
        together = map(sum, zip(_extended(belief.scene, size), _extended(seen, size), strict=True))
        return Belief(_extended(belief.before, size), _rounded(together), belief.pictures + 1)
    size = max(len(belief.before), len(seen))
    return Belief(_after_movement(_extended(belief.logs(), size)), _extended(seen, size), 1)


def carried(belief: Belief, items: int) -> Belief:
    """What is still known after the books have changed by a number of items.

    Nearly always so many were taken or put in, and an error of the books is still there: q is in the bin now if q - items was before. Now and then
    it is the books that were put right, and q was before. The mixture leaves the next count to tell.

    Args:
        belief: of the counts before.
        items: added; negative: taken.
    """
    logs = belief.logs()
    top = max(logs)
    before = [math.exp(log - top) for log in logs]
    after = before
    for _ in range(min(abs(items), len(logs))):
        # the open class keeps what was open before and what has just grown into it
        after = [*after[1:], after[-1]] if items < 0 else [min(before), *after[:-2], (after[-2] + after[-1]) / 2]
    mixed = [_TOLD * moved + (1 - _TOLD) * still for moved, still in zip(after, before, strict=True)]
    return Belief(_rounded(math.log(one) for one in mixed), (0.0,) * len(logs), 0)


@dataclass(frozen=True)
class Judged:
    """A belief held against the books.

    Attributes:
        p_wrong: probability that another quantity than the expected one is in the bin; None: the books say nothing.
        likely: the most probable quantity; of an open class the smallest, unless it is the expected one.
        cost: expected cost of the error, E |quantity - expected| x value; 0 where the books say nothing.
    """

    p_wrong: float | None
    likely: int
    cost: float


def judge(belief: Belief, expected: int | None, value: float, wrong_share: float) -> Judged:
    """Hold a belief against the books.

    Args:
        belief: of the counts since the books have said so.
        expected: quantity, 0 or more; None: the books say nothing.
        value: cost of one item too many or too few.
        wrong_share: share of bins, before anything is counted, about which the books are wrong; in (0, 1).
    """
    logs = belief.logs()
    if expected is None:
        return Judged(None, logs.index(max(logs)), 0.0)
    right, wrong, error = _against(logs, expected, wrong_share)
    best = max(range(len(wrong)), key=wrong.__getitem__)
    return Judged(sum(wrong), best if wrong[best] > right else expected, value * error)


def posterior(belief: Belief, expected: int, wrong_share: float) -> tuple[float, list[float]]:
    """What is in the bin, from counts and books together.

    Args:
        belief: as for `judge`.
        expected: likewise.
        wrong_share: likewise.

    Returns:
        P(the expected quantity), and for each class of the counter P(class and not the expected quantity); together they sum to 1.
    """
    right, wrong, _ = _against(belief.logs(), expected, wrong_share)
    return right, wrong


def _against(logs: Logs, expected: int, wrong_share: float) -> tuple[float, list[float], float]:
    """The posterior, and E |quantity - expected|."""
    top = max(logs)
    likelihood = [math.exp(log - top) for log in logs]
    shares, errors = _if_wrong(expected, len(logs))
    right = (1 - wrong_share) * likelihood[min(expected, len(logs) - 1)]
    wrong = [wrong_share * share * one for share, one in zip(shares, likelihood, strict=True)]
    total = right + sum(wrong)
    error = wrong_share * sum(map(mul, errors, likelihood)) / total
    return right / total, [one / total for one in wrong], error


@lru_cache(maxsize=4096)
def _if_wrong(expected: int, size: int) -> tuple[list[float], list[float]]:
    """What may be in the bin if the books are wrong, for each class of the counter.

    Most errors are small: something was taken, or put back, and not told. d items too many or too few are half as likely as d - 1. The others
    have nothing to do with the books (an emptied bin, another article's place): every class of the counter is as likely, and of the open one
    no more is known than that its quantity is not the expected one.

    Returns:
        For each class P(class and not the expected quantity), and E |quantity - expected| of that; both sum over the classes.
    """
    last = size - 1
    near = [0.0 if q == expected else 2.0 ** -abs(q - expected) for q in range(last)]
    distances = [float(abs(q - expected)) for q in range(last)]
    open_near, open_error = _open_class(expected, last)
    all_near, elsewhere = sum(near) + open_near, size - (expected < last)
    far = [float(q != expected) / elsewhere for q in range(last)] + [1 / elsewhere]
    shares = [(1 - _ANYTHING) * one / all_near + _ANYTHING * other for one, other in zip([*near, open_near], far, strict=True)]
    errors = [share * distance for share, distance in zip(shares, distances, strict=False)]
    nearest = max(1, last - expected)
    return shares, [*errors, (1 - _ANYTHING) * open_error / all_near + _ANYTHING * nearest / elsewhere]


def _open_class(expected: int, first: int) -> tuple[float, float]:
    """Sums of 2^-d and of d 2^-d, d = abs(q - expected) > 0, over all q >= first."""
    if expected < first:
        nearest = first - expected
        return 2.0 ** (1 - nearest), (nearest + 1) * 2.0 ** (1 - nearest)
    below = expected - first
    return 2 - 2.0**-below, 4 - (below + 2) * 2.0**-below


def _log_likelihood(probabilities: Iterable[float], shares: Sequence[float] | None) -> Logs:
    """Log-likelihood of each quantity by one picture, on the scale on which a picture that says nothing has 0.

    The counter gives P(q | picture) for data in which the share of q was s(q), so P(picture | q) is in proportion to P(q | picture) / s(q). Now
    and then a picture is of nothing the counter knows (a hand, glare, a wrong article), and what it says has nothing to do with q: the mixture
    of both bounds what a single picture can prove, whatever the counter claims.

    Source: Huber, Robust Estimation of a Location Parameter (1964), section 1: the contaminated model.
    """
    given = [p if math.isfinite(p) and p > 0 else 0.0 for p in map(float, probabilities)]
    weights = [1.0] * len(given) if shares is None else [float(share) for share in shares]
    if len(given) > _MOST_CLASSES:
        given, weights = _cut(given), _cut(weights)
    seen, whole = sum(given), sum(weights)
    if seen <= 0:
        return (0.0,) * len(given)
    scale = (1 - _UNREADABLE) * whole / seen
    return _rounded(math.log(scale * p / weight + _UNREADABLE) for p, weight in zip(given, weights, strict=True))


def _cut(values: list[float]) -> list[float]:
    """The classes beyond a sane number of them, as one open class: what strangers send must not fill the ledger."""
    return [*values[: _MOST_CLASSES - 1], sum(values[_MOST_CLASSES - 1 :])]


def _after_movement(logs: Logs) -> Logs:
    """The likelihood of each quantity now, by what was seen before somebody reached into the bin.

    A mistake often outlives the movement (an item that is hidden stays hidden), so what was seen before is no evidence of its own beside what
    will be seen now: its log-likelihood keeps the weight _KEPT. And if q is in the bin now, then it was q before with probability 1 - _MOVED,
    else another quantity, by the law of the books' small errors.
    """
    top = max(logs)
    likelihood = [math.exp(_KEPT * (log - top)) for log in logs]
    mixed = [sum(map(mul, row, likelihood)) for row in _movement(len(logs))]
    top = max(mixed)
    return _rounded(math.log(one / top) for one in mixed)


@lru_cache(maxsize=_MOST_CLASSES)
def _movement(size: int) -> list[list[float]]:
    """Row q: probability of each quantity before the movement if it is q afterwards; the open class stands for its first quantity."""
    rows = [[0.0 if q == before else 2.0 ** -abs(q - before) for before in range(size)] for q in range(size)]
    return [[1 - _MOVED if q == before else _MOVED * weight / sum(row) for before, weight in enumerate(row)] for q, row in enumerate(rows)]


def _extended(logs: Logs, size: int) -> Logs:
    return logs + (logs[-1],) * (size - len(logs))


def _rounded(logs: Iterable[float]) -> Logs:
    return tuple(round(log, _DECIMALS) for log in logs)
