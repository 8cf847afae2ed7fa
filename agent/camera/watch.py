"""When a camera is restarted, and what is said of it: a table of transitions, without clock, process or picture.

A camera hangs in three ways: it gives nothing, the same picture again and again, or black. What was shown by a reader that
was stopped is never shown again, and a picture that was found to be frozen is not shown by the next one either.
"""

from __future__ import annotations

import random
from collections import deque
from dataclasses import dataclass
from typing import Literal, Protocol

State = Literal["starting", "live", "lost", "ended"]
Event = Literal["frame", "trouble", "end"]
NEXT: dict[tuple[State, Event], State] = {
    ("starting", "frame"): "live",
    ("starting", "trouble"): "lost",
    ("starting", "end"): "ended",
    ("live", "frame"): "live",
    ("live", "trouble"): "lost",
    ("live", "end"): "ended",
    ("lost", "frame"): "live",
    ("lost", "trouble"): "lost",
    ("lost", "end"): "ended",
    ("ended", "frame"): "ended",
    ("ended", "trouble"): "ended",
    ("ended", "end"): "ended",
}


class Seen(Protocol):
    """What the watch must know of a frame; see ``agent.camera.shared.Header``."""

    @property
    def number(self) -> int: ...
    @property
    def grabbed_at(self) -> float: ...
    @property
    def fingerprint(self) -> int: ...
    @property
    def brightness(self) -> float: ...


@dataclass(frozen=True)
class Limits:
    """What a camera is allowed; all in seconds.

    Attributes:
        silent_after_s: without a new frame.
        first_frame_s: from the start of its process to its first frame.
        frozen_after_s: with an identical picture; None: for ever.
        dark_after_s: with a black picture; twice as long after each restart for it; None: for ever.
        dark_max_s: the longest of these.
        first_pause_s: before the first restart; twice as long after each failure in a row.
        max_pause_s: the longest pause.
        healthy_after_s: live for so long, failures are forgotten.
    """

    silent_after_s: float = 3.0
    first_frame_s: float = 20.0
    frozen_after_s: float | None = 5.0
    dark_after_s: float | None = 60.0
    dark_max_s: float = 3600.0
    first_pause_s: float = 0.5
    max_pause_s: float = 30.0
    healthy_after_s: float = 60.0


@dataclass
class _Run:
    """Successive frames that look alike: since when, and how many."""

    value: int | None = None
    since: float = 0.0
    last: float = 0.0
    frames: int = 0

    def take(self, value: int | None, at: float) -> None:
        """A frame came; None is like nothing else."""
        if value is None or value != self.value:
            self.value, self.since, self.frames = value, at, 0
        self.last = at
        self.frames += 1

    def lasted(self, limit_s: float | None) -> bool:
        """Whether it is long enough to mean a hanging camera."""
        long = limit_s is not None and self.last - self.since >= limit_s
        return long and self.value is not None and self.frames >= SAME_FRAMES


SAME_FRAMES = 20
"""Alike, at least, besides the time that it must last."""
BLACK_BELOW = 4.0
"""Mean brightness of a sensor's black level with its noise."""
_RATE_FRAMES = 32


class Watch:
    """Follows one camera; all moments are monotonic seconds.

    Attributes:
        state: now.
        reason: why it is not live.
        restarts: of its process.
        number: of the newest frame, 0 before the first.
        newest_at: when that was grabbed.
        wake_at: when the process is to be started, or has been silent for too long.
    """

    def __init__(self, limits: Limits, rng: random.Random) -> None:
        """Begin; ``rng`` gives the jitter, so that the cameras of a hall do not all come back in one moment."""
        self._limits, self._rng = limits, rng
        self.state: State = "starting"
        self.reason: str | None = None
        self.restarts = -1
        self.number = 0
        self.newest_at: float | None = None
        self.wake_at = float("-inf")
        self._running = False
        self._live_since = 0.0
        self._failures = 0
        self._dark_restarts = 0
        self._frozen: int | None = None
        self._forget()

    def _forget(self) -> None:
        self._picture, self._black = _Run(), _Run()
        self._grabs: deque[float] = deque(maxlen=_RATE_FRAMES)

    def _go(self, event: Event, reason: str | None) -> None:
        self.state = NEXT[self.state, event]
        self.reason = reason

    def due(self, now: float) -> bool:
        """Whether the camera's process is to be started."""
        return not self._running and self.state != "ended" and now >= self.wake_at

    def started(self, now: float) -> None:
        """The process was started."""
        self._running = True
        self.restarts += 1
        self.wake_at = now + self._limits.first_frame_s
        self._forget()

    def frame(self, seen: Seen, now: float) -> bool:
        """A frame came.

        Returns:
            Whether it may be shown: not when it was seen before, nor while the picture is the frozen one of before the restart.
        """
        if not self._running or seen.number <= self.number:
            return False
        self.number, self.newest_at = seen.number, seen.grabbed_at
        self.wake_at = seen.grabbed_at + self._limits.silent_after_s
        self._grabs.append(seen.grabbed_at)
        black = seen.brightness < BLACK_BELOW
        self._picture.take(None if black else seen.fingerprint, seen.grabbed_at)
        self._black.take(1 if black else None, seen.grabbed_at)
        if not black:
            self._dark_restarts = 0
        if seen.fingerprint == self._frozen:
            return False
        self._frozen = None
        self._lives(now)
        return True

    def _lives(self, now: float) -> None:
        if self.state != "live":
            self._live_since = now
        elif now - self._live_since >= self._limits.healthy_after_s:
            self._failures = 0
        self._go("frame", None)

    def ended(self, reason: str | None = None) -> None:
        """The source came to its end; ``reason`` where that is none that it should have."""
        self._running = False
        self._go("end", reason)

    def lost(self, now: float, failure: str | None = None) -> str | None:
        """Whether the process must be stopped, and why; it is due again after a pause.

        Args:
            now: moment.
            failure: what it said when it ended by itself.
        """
        reason = failure or self._trouble(now)
        if not self._running or reason is None:
            return None
        self._running = False
        pause_s = min(self._limits.max_pause_s, self._limits.first_pause_s * 2.0 ** min(self._failures, 30))
        self._failures += 1
        self.wake_at = now + pause_s * self._rng.uniform(0.5, 1.0)
        self._go("trouble", reason)
        return reason

    def _trouble(self, now: float) -> str | None:
        if now > self.wake_at:
            return "no new frame" + (f" for {now - self._grabs[-1]:.1f} s" if self._grabs else f" within {self._limits.first_frame_s:g} s")
        if self._picture.lasted(self._limits.frozen_after_s):
            self._frozen = self._picture.value
            return f"the very same picture for {self._picture.last - self._picture.since:.0f} s: it hangs"
        dark_after_s = self._limits.dark_after_s
        if dark_after_s is not None and self._black.lasted(
            min(self._limits.dark_max_s, dark_after_s * 2.0 ** min(self._dark_restarts, 30))
        ):
            self._dark_restarts += 1
            return f"a black picture for {self._black.last - self._black.since:.0f} s: its lens is covered, it is dark there, or it hangs"
        return None

    def frames_per_s(self) -> float:
        """Of the last frames; 0 while it is not live."""
        if self.state != "live" or len(self._grabs) < 2 or self._grabs[-1] <= self._grabs[0]:
            return 0.0
        return (len(self._grabs) - 1) / (self._grabs[-1] - self._grabs[0])
