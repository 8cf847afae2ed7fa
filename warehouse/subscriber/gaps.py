"""Which events of a station never came (pure).

A station numbers its events 1, 2, 3, … without a gap in each epoch, so what is missing below the greatest number is on its way (stations
send until they are acknowledged), given up by the station, or lost.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import defaultdict

from bintally.messages import CountEvent, GapEvent, Range

_EPOCHS = 16
"""So many of a station's newest epochs are remembered."""


class Gaps:
    """Gap detection over events in any order, with repeats.

    What came before the first event that was seen of an epoch is not known here and not called missing. With several workers on a shared
    subscription each sees only its share: feed one ``Gaps`` from what all of them stored.
    """

    def __init__(self) -> None:
        self._held: defaultdict[str, dict[str, _Numbers]] = defaultdict(dict)

    def take(self, event: CountEvent | GapEvent) -> None:
        """An event is stored."""
        epoch, number = event.position
        self._of(event.source, epoch).add(number, number)
        if isinstance(event, GapEvent):
            for one in event.data.ranges:
                if one.first <= one.last:
                    self._of(event.source, one.epoch).give_up(one.first, one.last)

    def missing(self, source: str) -> list[Range]:
        """What neither came nor was given up, by epoch and number."""
        epochs = sorted(self._held.get(source, {}).items())
        return [Range(epoch=epoch, first=first, last=last) for epoch, numbers in epochs for first, last in numbers.holes()]

    def _of(self, source: str, epoch: str) -> _Numbers:
        epochs = self._held[source]
        if epoch not in epochs:
            epochs[epoch] = _Numbers()
            if len(epochs) > _EPOCHS:
                del epochs[min(epochs)]  # an epoch begins with its time
        return epochs.get(epoch, _Numbers())


class _Numbers:
    """A set of numbers as disjoint, sorted ranges that do not touch."""

    def __init__(self) -> None:
        self._firsts: list[int] = []
        self._lasts: list[int] = []
        self._from: int | None = None
        self._to = 0

    def add(self, first: int, last: int) -> None:
        """These came."""
        self._from = first if self._from is None else min(self._from, first)
        self._to = max(self._to, last)
        self.give_up(first, last)

    def give_up(self, first: int, last: int) -> None:
        """These are accounted for, though they may never have come."""
        left, right = bisect_left(self._lasts, first - 1), bisect_right(self._firsts, last + 1)
        if left < right:
            first, last = min(first, self._firsts[left]), max(last, self._lasts[right - 1])
        self._firsts[left:right], self._lasts[left:right] = [first], [last]

    def holes(self) -> list[tuple[int, int]]:
        """The ranges between the least and the greatest number that came."""
        if self._from is None:
            return []
        holes = [(last + 1, first - 1) for last, first in zip(self._lasts, self._firsts[1:], strict=False)]
        return [(max(first, self._from), min(last, self._to)) for first, last in holes if last >= self._from and first <= self._to]
