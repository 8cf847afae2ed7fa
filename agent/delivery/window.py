"""When to publish which event: a window in flight, again when no acknowledgement comes (pure: no socket, no clock)."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from agent.delivery.outbox import Pending
from bintally.messages import Range

WINDOW = 64
FIRST_WAIT_S, MAX_WAIT_S = 5.0, 20.0


@dataclass
class _Sent:
    pending: Pending
    again_at: float
    wait_s: float


class Delivery:
    """Decides what is published next.

    Args:
        read: gives events of the outbox behind a position, oldest first, at most so many.
        window: most events that were sent and not acknowledged.
    """

    def __init__(self, read: Callable[[int, int], list[Pending]], window: int = WINDOW) -> None:
        self._read, self._window = read, window
        self._sent: dict[tuple[str, int], _Sent] = {}
        self._position = 0

    def connected(self) -> None:
        """A new connection: what was sent on the old one may be lost, so all of it is due at once."""
        for sent in self._sent.values():
            sent.again_at, sent.wait_s = float("-inf"), FIRST_WAIT_S

    def due(self, now: float) -> list[Pending]:
        """The events to publish now, oldest first; they count as sent.

        Args:
            now: monotonic time in seconds.
        """
        again = [sent for sent in self._sent.values() if sent.again_at <= now]
        for sent in again:
            sent.again_at, sent.wait_s = now + sent.wait_s, min(MAX_WAIT_S, 2 * sent.wait_s)
        fresh = self._read(self._position, self._window - len(self._sent)) if len(self._sent) < self._window else []
        for pending in fresh:
            self._position = pending.position
            self._sent[pending.epoch, pending.seq] = _Sent(pending, now + FIRST_WAIT_S, 2 * FIRST_WAIT_S)
        return sorted((sent.pending for sent in again), key=lambda pending: pending.position) + fresh

    def acknowledged(self, ranges: Iterable[Range]) -> None:
        """Take acknowledged events out of the window."""
        for one in ranges:
            for key in [key for key in self._sent if key[0] == one.epoch and one.first <= key[1] <= one.last]:
                del self._sent[key]

    def next_due(self) -> float | None:
        """When the next repetition is due, monotonic seconds; None while nothing is in flight."""
        return min((sent.again_at for sent in self._sent.values()), default=None)
