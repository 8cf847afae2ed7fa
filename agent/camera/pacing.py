"""Which of a source's frames are handed over: not more than wanted, and none that waited in a buffer."""

from __future__ import annotations


class Pace:
    """Takes so many frames a second of those that come, evenly."""

    _EARLY = 0.25
    """Share of the period that a frame may come early, or the jitter of a camera of the very same rate would halve it."""

    def __init__(self, frames_per_s: float) -> None:
        self._period_s = 1 / frames_per_s
        self._due_s: float | None = None

    def takes(self, at_s: float) -> bool:
        """Whether the frame of a moment is wanted; moments only grow."""
        early_s = self._EARLY * self._period_s
        due_s = at_s if self._due_s is None else self._due_s
        if at_s < due_s - early_s:
            return False
        self._due_s = max(due_s, at_s - early_s) + self._period_s
        return True


class Freshness:
    """Tells live frames from those that waited in a buffer of the driver or the network.

    A frame is stamped when it comes out of the buffer, so an old one would look new. After the opening, after the reader was
    stopped, after the network hung, and where the reader is too slow, frames are old until they have to be waited for: only
    then is the buffer empty. One wait proves nothing: another program may have had the processor.
    """

    WAITED = 0.5
    """Share of the time between two frames that counts as having waited."""
    WAITS = 2
    GAP_S = 0.5
    GAP_PERIODS = 3.0
    LAG_S = 2.0
    """So long without a wait is a buffer that fills; so long in draining it, the rate is known wrongly."""
    GIVE_UP_S = 10.0
    _SOME_WAIT_S = 0.005

    def __init__(self, frames_per_s: float) -> None:
        """Begin with the rate that the source claims to have."""
        self._period_s = 1 / frames_per_s if 1 <= frames_per_s <= 120 else 1 / 30
        self._came_at = self._waited_at = float("-inf")
        self._waits = 0
        self._gap = False
        self._draining_since: float | None = None

    def fresh(self, waited_s: float, came_at: float) -> bool:
        """Whether a frame is as new as it looks.

        Args:
            waited_s: how long nothing was done but wait for it; decoding does not count.
            came_at: monotonic seconds when it came.
        """
        since_s, self._came_at = came_at - self._came_at, came_at
        gap = since_s > max(self.GAP_S, self.GAP_PERIODS * self._period_s)
        slow, self._gap = gap and self._gap and waited_s >= self.WAITED * since_s, gap
        if gap:
            self._drain(came_at)
        if gap and not slow:
            return False
        if slow:
            self._period_s = since_s
        self._count_wait(waited_s, came_at)
        if self._draining_since is not None:
            return False
        # A wrongly slow rate is forgotten quickly: it would hide the next gap.
        self._period_s += (0.5 if since_s < self._period_s / 4 else 0.1) * (since_s - self._period_s)
        return True

    def _drain(self, now: float) -> None:
        self._draining_since = self._waited_at = now
        self._waits = 0

    def _count_wait(self, waited_s: float, now: float) -> None:
        long_drained = self._draining_since is not None and now - self._draining_since > self.LAG_S
        if waited_s >= (self._SOME_WAIT_S if long_drained else self.WAITED * self._period_s):
            self._waits, self._waited_at = self._waits + 1, now
        else:
            self._waits = 0
        if self._waits >= self.WAITS:
            self._draining_since = None
        elif self._draining_since is None and now - self._waited_at > self.LAG_S:
            self._drain(now)

    def hopeless(self, now: float) -> bool:
        """Whether the buffer never gets empty: the source is read slower than it speaks, or it is no live one."""
        return self._draining_since is not None and now - self._draining_since > self.GIVE_UP_S
