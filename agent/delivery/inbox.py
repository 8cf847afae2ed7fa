"""What came from the broker and waits for the station's loop: bounded, and never in the way of who puts it in."""

from __future__ import annotations

import queue
from collections import deque

import structlog

from agent.delivery.incoming import Incoming

MAX_COMMANDS = 100
MAX_STATES = 10_000
log = structlog.get_logger()


class Inbox(queue.Queue[Incoming]):
    """A queue whose ``put`` never waits; what finds no room is dropped and logged.

    Of what brokers retain (settings, expected quantities) only the newest of each topic waits, for up to ``MAX_STATES`` topics.
    Commands wait in their order, up to ``MAX_COMMANDS``; the sender of one that is dropped gets no ``accepted`` and repeats it.
    What is retained is taken out before commands, so that a command sees what was true when it came.
    """

    def _init(self, _: int) -> None:
        self._states: dict[tuple[str, str | None], Incoming] = {}
        self._commands: deque[Incoming] = deque()

    def _qsize(self) -> int:
        return len(self._states) + len(self._commands)

    def _put(self, one: Incoming) -> None:
        if one.kind == "cmd" and len(self._commands) < MAX_COMMANDS:
            self._commands.append(one)
        elif one.kind != "cmd" and ((one.kind, one.name) in self._states or len(self._states) < MAX_STATES):
            self._states[one.kind, one.name] = one
        else:
            log.warning("inbox full, message dropped", kind=one.kind, name=one.name)

    def _get(self) -> Incoming:
        return self._states.pop(next(iter(self._states))) if self._states else self._commands.popleft()
