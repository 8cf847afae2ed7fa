"""When updates are made, and something that may have to be tried again."""

from __future__ import annotations

import random
import time as clock
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, time
from typing import Literal

import structlog

from agent.evidence.uploader import pause_after
from agent.updater.clock import Window, clock_is_set
from bintally.messages.base import utc_now

log = structlog.get_logger()


@dataclass(frozen=True)
class Conditions:
    """When updates are made, and how patiently.

    Attributes:
        window: when bundles may be downloaded; None for always.
        clock: whether the time of day is known.
        now: the time of day.
        local: the same as clocks on walls show it.
        first_pause_s: after the first failure; each further one doubles it.
        look_s: from one look at clock, window and space to the next.
        rng: draws the jitter.
    """

    window: Window | None = None
    clock: Callable[[], bool] = clock_is_set
    now: Callable[[], datetime] = utc_now
    local: Callable[[], time] = lambda: datetime.now().time()  # noqa: DTZ005 - a window is in local time
    first_pause_s: float = 5.0
    look_s: float = 30.0
    rng: random.Random = field(default_factory=random.Random)


class Job:
    """Something that may have to be tried again.

    Attributes:
        note: why it is not done; None when nothing is in the way.
        verdict: ``rejected`` where the note is about what was desired, ``waiting`` where it is about the world.
        due_at: monotonic seconds of the next try.
    """

    def __init__(self, conditions: Conditions) -> None:
        self._on, self._failures = conditions, 0
        self.note: str | None = None
        self.verdict: Literal["waiting", "rejected"] = "waiting"
        self.due_at = 0.0

    def failed(self, note: str, verdict: Literal["waiting", "rejected"] = "waiting") -> None:
        """Try again after a pause."""
        self._failures += 1
        self._wait(note, verdict, pause_after(self._failures, self._on.first_pause_s, self._on.rng))

    def held(self, note: str | None) -> None:
        """Look again soon."""
        self._wait(note, "waiting", self._on.look_s)

    def is_due(self) -> bool:
        """Whether it may be tried now."""
        return clock.monotonic() >= self.due_at

    def over(self, note: str) -> None:
        """It is rejected for good."""
        self.clear()
        self._wait(note, "rejected", 0.0)

    def clear(self) -> None:
        """It is done, or there is something new to do."""
        self.note, self.due_at, self._failures = None, 0.0, 0

    def _wait(self, note: str | None, verdict: Literal["waiting", "rejected"], seconds: float) -> None:
        if note is not None and note != self.note:
            log.warning("update waits", reason=note)
        self.note, self.verdict, self.due_at = note, verdict, clock.monotonic() + seconds
