"""A second model that looks on: it answers frames that were counted, in a thread of its own, and nobody waits for it."""

from __future__ import annotations

import queue
import threading
import time
from contextlib import suppress
from dataclasses import dataclass

import structlog

from agent.counting.counter import Answered, FrameCounter

_WAITING = 4
"""Frames that may wait; what comes when there are more is passed over, so that counting never waits."""
_ENDS_WITHIN_S = 3.0
log = structlog.get_logger()


@dataclass(frozen=True)
class Seen:
    """A frame that was counted, and what the one who looks on made of it.

    Attributes:
        counted: the answer of the model that counts.
        beside: of the other one; None where it could not.
    """

    counted: Answered
    beside: Answered | None


class Shadow:
    """Lets a counter answer frames.

    Args:
        counter: that looks on; a crash in it is a crash of the agent, which the record counts.
    """

    def __init__(self, counter: FrameCounter) -> None:
        self.counter = counter
        self._frames: queue.Queue[Answered | None] = queue.Queue(_WAITING)
        self._seen: queue.SimpleQueue[Seen] = queue.SimpleQueue()
        self._since: float | None = None
        self._closed = False
        self._thread = threading.Thread(target=self._run, name="shadow", daemon=True)
        self._thread.start()

    def offer(self, answered: Answered) -> None:
        """Show it a frame that was just counted; never waits."""
        try:
            self._frames.put_nowait(answered)
        except queue.Full:
            log.debug("a shadow frame was passed over")

    @property
    def lives(self) -> bool:
        """Whether its thread does."""
        return self._thread.is_alive()

    def seen(self) -> list[Seen]:
        """What it answered since the last call."""
        found = []
        while not self._seen.empty():
            found.append(self._seen.get())
        return found

    def busy_s(self, now: float) -> float:
        """For how long it has been at one frame; 0 between two."""
        since = self._since
        return 0.0 if since is None else now - since

    def close(self) -> None:
        """No further frame; the one it is at may go on."""
        self._closed = True
        with suppress(queue.Full):  # then it looks at ``_closed`` before the next frame
            self._frames.put_nowait(None)

    def end(self) -> None:
        """The same, and the frame it is at is given up: nobody needs its counter any more."""
        self.close()
        self.counter.stop()

    def join(self) -> None:
        """Wait for its thread: an interpreter that ends while the graph runs aborts."""
        self._thread.join(_ENDS_WITHIN_S)

    def _run(self) -> None:
        while (answered := self._frames.get()) is not None and not self._closed:
            self._since = time.monotonic()
            self._seen.put(Seen(answered, self._answer(answered)))
            self._since = None

    def _answer(self, answered: Answered) -> Answered | None:
        try:
            return self.counter.answer(answered.frame)
        except Exception as error:  # noqa: BLE001 - the top of the thread: whatever it is, that frame was not counted
            log.warning("a shadow frame was not counted", model=self.counter.model.version, reason=str(error))
            return None
