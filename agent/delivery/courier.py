"""The thread that carries events from the outbox to the broker, and forgets those that were acknowledged."""

from __future__ import annotations

import queue
import threading
import time

import structlog

from agent.delivery.link import Link
from agent.delivery.outbox import Outbox, Pending
from agent.delivery.window import Delivery
from bintally.errors import BintallyError, UnavailableError
from bintally.messages import Range, State
from bintally.topics import Station

_LONGEST_PAUSE_S = 0.5
log = structlog.get_logger()


class Courier:
    """Publishes what waits, in its own thread named ``courier``.

    Args:
        outbox: where the events wait.
        broker: ``mqtt://host:port``.
        station: whose events.
        state: the station's birth.
        by_broker: forget an event at the broker's PUBACK instead of the ledger's acknowledgement.
        patience_s: the courier gives up (see ``failure``) when the broker did not answer for so many seconds since the start, or,
            while draining, when nothing was acknowledged for so long; 0 for never.
        stop: set by the courier when it gives up, and by others to end it.
    """

    def __init__(
        self, outbox: Outbox, broker: str, station: Station, state: State, by_broker: bool, patience_s: float, stop: threading.Event
    ) -> None:
        self._outbox, self._by_broker, self._patience_s, self._stop = outbox, by_broker, patience_s, stop
        self._wake = threading.Event()
        self._link = Link(broker, station, state, self._wake.set)
        self._delivery = Delivery(outbox.after)
        self._mids: dict[int, Pending] = {}
        self._connections = 0
        self._progress_at = time.monotonic()
        self._draining = threading.Event()
        self._drained = threading.Event()
        self.failure: BintallyError | None = None
        self._thread = threading.Thread(target=self._run, name="courier")

    def start(self) -> None:
        """Connect, and begin to publish."""
        self._link.start()
        self._thread.start()

    def committed(self) -> None:
        """There is a new event in the outbox."""
        self._wake.set()

    def drain(self) -> None:
        """Wait until every event is acknowledged, or the courier was stopped or gave up."""
        self._progress_at = time.monotonic()
        self._draining.set()
        self._wake.set()
        while not (self._drained.is_set() or self._stop.is_set()):
            self._drained.wait(0.2)

    def close(self) -> None:
        """End the thread and the connection."""
        self._stop.set()
        self._wake.set()
        self._thread.join(10)
        self._link.stop()

    def _run(self) -> None:
        try:
            while not self._stop.is_set():
                self._wake.clear()
                self._take_acknowledgements()
                self._publish()
                self._look_at_progress()
                self._wake.wait(self._pause_s())
        except BintallyError as error:
            self._give_up(error)
        except Exception as error:  # the top of the thread: whatever it is, the agent must stop and say so
            log.exception("courier failed")
            self._give_up(UnavailableError(f"the courier failed: {error!r}; counts are kept in the outbox, start the agent again"))

    def _pause_s(self) -> float:
        """Until the next repetition is due, at most half a second, so that a stop is seen soon."""
        due = self._delivery.next_due() if self._link.up else None
        return _LONGEST_PAUSE_S if due is None else min(_LONGEST_PAUSE_S, max(0.0, due - time.monotonic()))

    def _take_acknowledgements(self) -> None:
        ranges: list[Range] = []
        for source in (self._link.acks, self._link.published):
            while True:
                try:
                    entry = source.get_nowait()
                except queue.Empty:
                    break
                if isinstance(entry, list):
                    ranges += entry
                elif (pending := self._mids.pop(entry, None)) is not None and self._by_broker:
                    ranges.append(Range(epoch=pending.epoch, first=pending.seq, last=pending.seq))
        if ranges:
            self._outbox.forget(ranges)
            self._delivery.acknowledged(ranges)
            self._progress_at = time.monotonic()

    def _publish(self) -> None:
        if self._link.connections != self._connections:
            self._connections = self._link.connections
            self._mids.clear()
            self._delivery.connected()
            self._progress_at = time.monotonic()
        if not self._link.up:
            return
        for pending in self._delivery.due(time.monotonic()):
            mid = self._link.publish(pending.payload)
            if mid is not None:
                self._mids[mid] = pending

    def _look_at_progress(self) -> None:
        if self._draining.is_set() and self._outbox.depth() == 0:
            self._drained.set()
            return
        impatient = self._patience_s and time.monotonic() - self._progress_at > self._patience_s
        if impatient and (self._connections == 0 or (self._draining.is_set() and not self._link.up)):
            self._give_up(
                UnavailableError(
                    f"broker {self._link.broker} does not answer ({self._link.problem}); {self._outbox.depth()} counts are kept and go out "
                    "at the next start; check --broker and that it runs"
                )
            )
        elif impatient and self._draining.is_set():
            self._give_up(
                UnavailableError(
                    f"{self._outbox.depth()} counts were sent to {self._link.broker} but no ledger acknowledged them; they are kept and go "
                    "out at the next start; is 'bintally wms listen' running?"
                )
            )

    def _give_up(self, error: BintallyError) -> None:
        self.failure = error
        self._stop.set()
