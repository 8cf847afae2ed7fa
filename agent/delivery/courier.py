"""The thread that carries events from the outbox to the broker, and forgets those that were acknowledged."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Iterator
from typing import TypeVar

import structlog

from agent.delivery.link import Link, Token
from agent.delivery.outbox import Outbox, Pending
from agent.delivery.window import Delivery
from agent.status import Status
from bintally.errors import BintallyError, UnavailableError
from bintally.messages import Range

_LONGEST_PAUSE_S = 1.0
_PRUNE_EVERY_S = 60.0
_STATES_IN_FLIGHT = 8
_UNFORGOTTEN = 10_000
PAST_S = 5.0
"""How long a connection is listened to for what the broker kept, before older states of bins are said again."""
_FIRST = -(2**62)
_Any = TypeVar("_Any")
log = structlog.get_logger()


class Courier:
    """Publishes what waits, in its own thread named ``courier``.

    Events come first, in their order; then the newest state of each bin, few at a time. Each new connection begins with all states
    again, since the broker may have lost them; those from before this start only after ``PAST_S``, in which the broker can tell that
    it has newer ones (the outbox may be an old copy that was put back).

    An outbox that cannot be used (a full disk) stops nothing here: the courier tries again.

    Args:
        outbox: where the events wait.
        link: to the broker; started and stopped by the courier.
        status: told about connection and outbox, at most once a second.
        by_broker: forget an event at the broker's PUBACK instead of the ledger's acknowledgement.
        patience_s: the courier gives up (see ``failure``) when the broker did not answer for so many seconds since the start, or,
            while draining, when nothing was acknowledged for so long; 0 for never.
        stop: set by the courier when it gives up, and by others to end it.
    """

    def __init__(self, outbox: Outbox, link: Link, status: Status, by_broker: bool, patience_s: float, stop: threading.Event) -> None:
        self._outbox, self._link, self._status = outbox, link, status
        self._by_broker, self._patience_s, self._stop = by_broker, patience_s, stop
        self._wake = threading.Event()
        link.wake = self._wake.set
        self._delivery = Delivery(outbox.after)
        self._sent: dict[Token, Pending] = {}
        self._states: set[Token] = set()
        self._state_position, self._states_said = _FIRST, False
        self._past_until: float | None = None
        self._unforgotten: list[Range] = []
        self._connections = 0
        self._progress_at = self._pruned_at = time.monotonic()
        self._told_at = float("-inf")
        self._ack_lag_s: float | None = None
        self._outbox_failed = False
        self._draining, self._drained = threading.Event(), threading.Event()
        self.failure: BintallyError | None = None
        self._thread = threading.Thread(target=self._run, name="courier", daemon=True)

    def start(self) -> None:
        """Connect, and begin to publish."""
        self._link.start()
        self._thread.start()

    def committed(self) -> None:
        """There is a new event in the outbox."""
        self._wake.set()

    def drain(self, patience_s: float = 0.0) -> None:
        """Wait until every event is acknowledged, or the courier was stopped or gave up.

        Args:
            patience_s: from now on, where there was none.
        """
        self._patience_s = self._patience_s or patience_s
        self._progress_at = time.monotonic()
        self._draining.set()
        self._wake.set()
        while not (self._drained.is_set() or self._stop.is_set()):
            self._drained.wait(0.2)

    def close(self) -> None:
        """End the thread and the connection."""
        self._stop.set()
        self._wake.set()
        if self._thread.ident is not None:
            self._thread.join(10)
        self._link.stop()

    def _run(self) -> None:
        try:
            while not self._stop.is_set():
                self._wake.clear()
                self._turn()
                self._wake.wait(self._pause_s())
        except Exception as error:  # the top of the thread: whatever it is, the agent must stop and say so
            log.exception("courier failed")
            self._give_up(UnavailableError(f"the courier failed: {error!r}; counts are kept in the outbox, start the agent again"))

    def _turn(self) -> None:
        now = time.monotonic()
        try:
            self._look_at_connection(now)
            self._take_acknowledgements(now)
            self._take_past(now)
            if self._link.up:
                self._publish_events(now)
                self._publish_states()
            if now - self._pruned_at > _PRUNE_EVERY_S:
                self._pruned_at = now
                self._outbox.prune()
            self._tell(now)
            self._outbox_failed = False
        except UnavailableError as error:
            if not self._outbox_failed:
                log.error("outbox cannot be used, trying again", reason=str(error))  # noqa: TRY400 - the text says it all
            self._outbox_failed = True
        self._look_at_progress(now)

    def _pause_s(self) -> float:
        """Until the next repetition is due, at most a second, so that a stop is seen soon; as long while the outbox fails."""
        due = self._delivery.next_due() if self._link.up and not self._outbox_failed else None
        return _LONGEST_PAUSE_S if due is None else min(_LONGEST_PAUSE_S, max(0.0, due - time.monotonic()))

    def _look_at_connection(self, now: float) -> None:
        if self._link.connections == self._connections:
            return
        self._connections = self._link.connections
        self._sent.clear()
        self._states.clear()
        self._delivery.connected()
        self._progress_at = now
        self._state_position = self._outbox.session_start if self._link.ask_past else _FIRST
        self._past_until = now + PAST_S if self._link.ask_past else None

    def _take_acknowledgements(self, now: float) -> None:
        ranges = [one for several in _all_of(self._link.mail.acks) for one in several]
        for token, taken in _all_of(self._link.published):
            self._states.discard(token)
            pending = self._sent.pop(token, None)
            if pending is not None and taken:
                ranges.append(Range(epoch=pending.epoch, first=pending.seq, last=pending.seq))
        self._delivery.acknowledged(self._outbox.take_given_up())
        if not ranges and not self._unforgotten:
            return
        first_at = self._delivery.acknowledged(ranges)
        if first_at is not None:
            self._ack_lag_s = now - first_at
            self._progress_at = now
        # kept until it worked; beyond the bound they come back at the next start, and are sent once more
        self._unforgotten = (self._unforgotten + ranges)[-_UNFORGOTTEN:]
        self._outbox.forget(self._unforgotten)
        self._unforgotten = []

    def _take_past(self, now: float) -> None:
        """Compare what the broker kept from before with the outbox, which may be an older copy."""
        past = list(_all_of(self._link.mail.past_states))
        if past and (missed := self._outbox.heard(past)):
            log.error("the state folder is older than what this station published: it was put back from a copy", missed=missed)
        for session in _all_of(self._link.mail.past_sessions):
            if not self._outbox.knows(session):
                log.warning("the station ran with another state folder: what that did not deliver is missing", session=session)
        if self._past_until is not None and now >= self._past_until and self._link.up:
            self._past_until, self._link.ask_past = None, False
            self._state_position = _FIRST

    def _publish_events(self, now: float) -> None:
        topic = self._link.station.topic("count")
        for pending in self._delivery.due(now):
            token = self._link.publish(topic, pending.payload)
            if token is not None and self._by_broker:
                self._sent[token] = pending

    def _publish_states(self) -> None:
        room = _STATES_IN_FLIGHT - len(self._states)
        if room <= 0:
            return
        found = self._outbox.states_after(self._state_position, room)
        for state in found:
            token = self._link.publish(self._link.station.named("bin", state.bin), state.payload, retain=True)
            if token is None:
                return
            self._states.add(token)
            self._state_position = state.position
        self._states_said = not found and not self._states

    def _tell(self, now: float) -> None:
        if now - self._told_at < 1.0:
            return
        self._told_at = now
        self._status.change(
            connected=self._link.up,
            link_problem=self._link.problem,
            outbox_depth=self._outbox.depth(),
            outbox_oldest_s=self._outbox.oldest_s(),
            ack_lag_s=self._ack_lag_s,
        )

    def _look_at_progress(self, now: float) -> None:
        if self._draining.is_set() and self._outbox.depth() == 0 and (self._states_said or not self._link.up):
            self._drained.set()
            return
        impatient = self._patience_s and now - self._progress_at > self._patience_s
        if impatient and (self._connections == 0 or (self._draining.is_set() and not self._link.up)):
            self._give_up(
                UnavailableError(
                    f"broker {self._link.access.url} does not answer ({self._link.problem}); {self._outbox.depth()} counts are kept and "
                    "go out at the next start; check --broker and that it runs"
                )
            )
        elif impatient and self._draining.is_set():
            problem = f" ({self._link.problem})" if self._link.problem else ""
            self._give_up(
                UnavailableError(
                    f"{self._outbox.depth()} counts were sent to {self._link.access.url} but no ledger acknowledged them{problem}; they are "
                    "kept and go out at the next start; is 'bintally wms listen' running?"
                )
            )

    def _give_up(self, error: BintallyError) -> None:
        self.failure = error
        self._stop.set()


def _all_of(source: queue.Queue[_Any]) -> Iterator[_Any]:
    while True:
        try:
            yield source.get_nowait()
        except queue.Empty:
            return
