"""Open the counter off the hot path: a thread that first brings what counts at once, then what counts fastest."""

from __future__ import annotations

import queue
import threading
import time
from pathlib import Path

import structlog

from agent.counting.counter import FrameCounter
from agent.counting.warm_up import ENGINES, warm_up
from agent.settings import AgentSettings
from bintally.errors import BintallyError, UnavailableError

_OPENS_WITHIN_S = 3.0
log = structlog.get_logger()


class Warming:
    """The counters that a station gets, one after the other.

    With TensorRT among the providers, an engine may have to be built for minutes: meanwhile the other providers count.

    Attributes:
        note: what is going on, for people; None when nothing is.
        failure: why no counter came; the loop raises it where nothing counts.
    """

    def __init__(self, settings: AgentSettings, state_dir: Path) -> None:
        self._settings, self._state_dir = settings, state_dir
        self._ready: queue.SimpleQueue[FrameCounter] = queue.SimpleQueue()
        self._since = time.monotonic()
        self._doing: str | None = "opening the counter"
        self.failure: BintallyError | None = None
        self._brought = self._closing = False
        self._thread = threading.Thread(target=self._run, name="warm-up", daemon=True)

    @property
    def note(self) -> str | None:
        doing = self._doing
        return None if doing is None else f"{doing}, for {time.monotonic() - self._since:.0f} s"

    @property
    def lives(self) -> bool:
        """Whether its thread does."""
        return self._thread.is_alive()

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def close(self) -> None:
        """Wait until a session that is being opened is open: an interpreter that ends meanwhile aborts. Nobody waits for an engine."""
        self._closing = True
        if self._thread.ident is not None:
            self._thread.join(_OPENS_WITHIN_S)

    def newest(self) -> FrameCounter | None:
        """A counter that became ready since the last call."""
        found = None
        try:
            while True:
                found = self._ready.get_nowait()
        except queue.Empty:
            return found

    def _run(self) -> None:
        try:
            if self._builds():
                others = tuple(name for name in self._settings.providers if name != "tensorrt")
                self._bring(self._settings.model_copy(update={"providers": others}))
                if self._closing:
                    return
                self._doing = "building TensorRT's engine (it takes minutes, once)"
            self._bring(self._settings)
        except BintallyError as error:
            self.failure = error
            if self._brought:
                log.warning("counting goes on as it is", reason=str(error))
        except Exception as error:  # the top of the thread: the loop must learn of it
            log.exception("warm-up failed")
            self.failure = UnavailableError(f"the counter could not be opened: {error!r}; run 'bintally agent doctor'")
        finally:
            self._doing = None

    def _builds(self) -> bool:
        """Whether an engine is to be built here while something else can count."""
        settings = self._settings
        alone = settings.providers == ("tensorrt",)
        return "tensorrt" in settings.providers and not alone and settings.engine is None and not any((self._state_dir / ENGINES).glob("*"))

    def _bring(self, settings: AgentSettings) -> None:
        counter = FrameCounter(warm_up(settings, self._state_dir))
        counter.rehearse()
        self._ready.put(counter)
        self._brought = True
