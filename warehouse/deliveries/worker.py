"""A thread that does one thing again and again until it is stopped, whatever happens to the database meanwhile."""

from __future__ import annotations

import threading
from collections.abc import Callable

import structlog

from bintally.errors import UnavailableError

PAUSE_S, TROUBLE_S = 1.0, 5.0
_LAST_S = 15.0
log = structlog.get_logger()


class Worker:
    """Runs ``turn`` in a thread.

    Args:
        name: of the thread.
        turn: does something, and returns whether there may be more to do at once.
    """

    def __init__(self, name: str, turn: Callable[[], bool]) -> None:
        self._name, self._turn = name, turn
        self._stopping = threading.Event()
        self._troubled = False
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """End after this turn; waits for nothing."""
        self._stopping.set()

    def join(self, timeout_s: float = _LAST_S) -> None:
        """Wait for the end of this turn."""
        if self._thread.ident is not None:
            self._thread.join(timeout_s)

    def _run(self) -> None:
        while not self._stopping.is_set():
            self._stopping.wait(self._once())

    def _once(self) -> float:
        """One turn; returns for how many seconds to wait."""
        try:
            more = self._turn()
        except UnavailableError as error:
            if not self._troubled:
                log.warning("trying again", worker=self._name, reason=str(error))
            self._troubled = True
            return TROUBLE_S
        except Exception:  # the top of the thread: what it does must go on
            log.exception("failed, trying again", worker=self._name)
            return TROUBLE_S
        self._troubled = False
        return 0.0 if more else PAUSE_S
