"""When to publish which event: a window in flight, again when no acknowledgement comes (pure: no socket, no clock)."""

from __future__ import annotations

import heapq
from bisect import bisect_left, bisect_right, insort
from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from agent.delivery.outbox import Pending
from bintally.messages import Range

WINDOW = 256
"""Enough for 1,000 events a second with a ledger that answers within a quarter of a second, and too few to flood a slow one."""
FIRST_WAIT_S, MAX_WAIT_S = 5.0, 20.0


@dataclass
class _Sent:
    pending: Pending
    first_at: float
    again_at: float
    wait_s: float


class Delivery:
    """Decides what is published next; each event costs O(log n) steps of a window of n.

    Args:
        read: gives events of the outbox behind a position, oldest first, at most so many.
        window: most events that were sent and not acknowledged.
    """

    def __init__(self, read: Callable[[int, int], list[Pending]], window: int = WINDOW) -> None:
        self._read, self._window = read, window
        self._sent: dict[tuple[str, int], _Sent] = {}
        self._numbers: defaultdict[str, list[int]] = defaultdict(list)
        # Times of repetition with the event's position, for a stable order; an entry counts only while it is the event's own time.
        self._times: list[tuple[float, int, tuple[str, int]]] = []
        self._position = 0

    def connected(self) -> None:
        """A new connection: what was sent on the old one may be lost, so all of it is due at once."""
        for sent in self._sent.values():
            sent.again_at, sent.wait_s = float("-inf"), FIRST_WAIT_S
        self._times = [(sent.again_at, sent.pending.position, key) for key, sent in self._sent.items()]
        heapq.heapify(self._times)

    def due(self, now: float) -> list[Pending]:
        """The events to publish now, oldest first; they count as sent.

        Args:
            now: monotonic time in seconds.
        """
        again = []
        while (at := self.next_due()) is not None and at <= now:
            sent = self._sent[heapq.heappop(self._times)[2]]
            again.append(sent)
            sent.again_at, sent.wait_s = now + sent.wait_s, min(MAX_WAIT_S, 2 * sent.wait_s)
            self._plan(sent)
        fresh = self._read(self._position, self._window - len(self._sent)) if len(self._sent) < self._window else []
        for pending in fresh:
            self._position = pending.position
            sent = self._sent[pending.epoch, pending.seq] = _Sent(pending, now, now + FIRST_WAIT_S, 2 * FIRST_WAIT_S)
            insort(self._numbers[pending.epoch], pending.seq)
            self._plan(sent)
        return sorted((sent.pending for sent in again), key=lambda pending: pending.position) + fresh

    def _plan(self, sent: _Sent) -> None:
        heapq.heappush(self._times, (sent.again_at, sent.pending.position, (sent.pending.epoch, sent.pending.seq)))

    def acknowledged(self, ranges: Iterable[Range]) -> float | None:
        """Take acknowledged events out of the window.

        Returns:
            When the newest of them was published first, monotonic seconds; None where none was in flight.
        """
        newest: float | None = None
        for one in ranges:
            if one.epoch not in self._numbers:
                continue
            numbers = self._numbers[one.epoch]
            found = slice(bisect_left(numbers, one.first), bisect_right(numbers, one.last))
            for number in numbers[found]:
                first_at = self._sent.pop((one.epoch, number)).first_at
                newest = first_at if newest is None else max(newest, first_at)
            del numbers[found]
            if not numbers:
                del self._numbers[one.epoch]
        return newest

    def next_due(self) -> float | None:
        """When the next repetition is due, monotonic seconds; None while nothing is in flight."""
        while self._times:
            at, _, key = self._times[0]
            sent = self._sent.get(key)
            if sent is not None and sent.again_at == at:
                return at
            heapq.heappop(self._times)
        return None
