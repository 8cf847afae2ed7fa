"""When a search stops: after so many seconds or iterations, so many of them without a better solution, or when it is told to."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field

from bintally.errors import UsageError

FEW = 6
"""Orders that a search is tried on before its clock starts: on a machine's first call it is compiled, which takes up to a minute."""
_STOP: ContextVar[threading.Event] = ContextVar("stop", default=threading.Event())  # noqa: B039 - nobody sets this one


@contextmanager
def stopped_by(event: threading.Event) -> Iterator[None]:
    """Let an event end the searches that begin inside, as if their budget were spent; they return what they have found."""
    token = _STOP.set(event)
    try:
        yield
    finally:
        _STOP.reset(token)


@dataclass(frozen=True)
class Budget:
    """Limits; the first one that is reached ends the search. The clock starts when it is made.

    Attributes:
        seconds: of time.
        iterations: of each walker.
        patience: iterations without a better solution.
        stop: ends the search early, from any thread; see `stopped_by`.

    Raises:
        UsageError: none is given, or one is not above 0.
    """

    seconds: float | None = None
    iterations: int | None = None
    patience: int | None = None
    began: float = field(default_factory=time.monotonic)
    stop: threading.Event = field(default_factory=_STOP.get)

    def __post_init__(self) -> None:
        given = [limit for limit in (self.seconds, self.iterations, self.patience) if limit is not None]
        if not given or not all(limit > 0 for limit in given):
            raise UsageError("a search needs a limit to stop at: seconds, iterations, or iterations without improvement, above 0")

    def elapsed_s(self) -> float:
        """Since the search began."""
        return time.monotonic() - self.began

    def left_s(self) -> float | None:
        """None if time does not matter."""
        if self.stop.is_set():
            return 0.0
        return None if self.seconds is None else max(0.0, self.seconds - self.elapsed_s())

    def spent(self, done: int, idle: int) -> float:
        """The share of the budget that is used up, 1 at the end.

        Args:
            done: iterations so far.
            idle: since the last better solution.
        """
        shares = [float(self.stop.is_set())]
        if self.seconds is not None:
            shares.append(self.elapsed_s() / self.seconds)
        if self.iterations is not None:
            shares.append(done / self.iterations)
        if self.patience is not None:
            shares.append(idle / self.patience)
        return min(1.0, max(shares))

    def cooled(self, done: int) -> float:
        """How far a search has cooled, from 0 to 1; by iterations where these are limited, so that it repeats whatever the clock says."""
        if self.iterations is not None:
            return min(1.0, done / self.iterations)
        return 1.0 if self.seconds is None else min(1.0, self.elapsed_s() / self.seconds)
