"""Deliveries over MQTT: ``expected/{bin}``, retained, and ``discrepancy``; each until the broker has it."""

from __future__ import annotations

import queue
import random
import time
from datetime import timedelta

import structlog

from bintally.brokers import BrokerAccess
from bintally.messages import CONTENT_TYPE, new_epoch, utc_now
from warehouse.deliveries.retries import wait_s
from warehouse.deliveries.worker import Worker
from warehouse.ledger import Ledger, deliveries
from warehouse.subscriber.line import Line, Session

_KINDS: tuple[deliveries.Kind, ...] = ("expected", "discrepancy")
_MOST = 200
_PATIENCE_S = 10.0
"""For a PUBACK; well below ``deliveries.CLAIM``, so that nobody else delivers the same meanwhile."""
_LONGEST_S = 60.0
log = structlog.get_logger()


class Publisher:
    """Publishes what is due, in a thread with a connection of its own.

    While there is no connection nothing is claimed, and nothing counts as tried.

    Args:
        ledger: whose deliveries.
        access: to the broker.
    """

    def __init__(self, ledger: Ledger, access: BrokerAccess) -> None:
        self._ledger = ledger
        self._line = Line(access, Session(f"bintally-courier-{new_epoch()}"), "courier")
        self._line.on_published = lambda mid, taken: self._answers.put((mid, taken))
        self._answers: queue.SimpleQueue[tuple[int, bool]] = queue.SimpleQueue()
        self._worker = Worker("publisher", self._turn)

    def start(self) -> None:
        """Connect, and go on for as long as it takes."""
        self._line.start()
        self._worker.start()

    def close(self) -> None:
        """End after what is on its way, and disconnect."""
        self._worker.stop()
        self._worker.join()
        self._line.close()

    def _turn(self) -> bool:
        if not self._line.up:
            return False
        claimed = self._claim()
        if not claimed:
            return False
        taken, refused = self._publish(claimed)
        self._note(claimed, taken, refused)
        return len(taken) == len(claimed)

    def _claim(self) -> list[deliveries.Due]:
        now = utc_now()
        with self._ledger.read() as tx:
            kinds = [kind for kind in _KINDS if deliveries.is_due(tx, kind, now)]
        if not kinds:
            return []
        with self._ledger.begin() as tx:
            return [one for kind in kinds for one in deliveries.due(tx, kind, now, _MOST)]

    def _publish(self, claimed: list[deliveries.Due]) -> tuple[set[int], set[int]]:
        """The numbers of those that the broker took, and of those that it refused; of the others it said nothing in time."""
        while not self._answers.empty():
            self._answers.get_nowait()
        sent: dict[int, int] = {}
        for one in claimed:
            retained = one.kind == "expected"
            mid = self._line.publish(one.target, one.payload, "application/json" if retained else CONTENT_TYPE, retain=retained)
            if mid is None:
                break  # what comes behind must not overtake it
            sent[mid] = one.number
        taken: set[int] = set()
        refused: set[int] = set()
        connection, deadline = self._line.connections, time.monotonic() + _PATIENCE_S
        while sent and self._line.connections == connection and time.monotonic() < deadline:
            try:
                mid, well = self._answers.get(timeout=0.2)
            except queue.Empty:
                continue
            (taken if well else refused).add(sent.pop(mid, 0))
        return taken, refused

    def _note(self, claimed: list[deliveries.Due], taken: set[int], refused: set[int]) -> None:
        now = utc_now()
        if refused:
            log.warning("broker refuses what the warehouse says; its access list must let it", refused=len(refused))
        with self._ledger.begin() as tx:
            deliveries.done(tx, taken)
            for one in claimed:
                if one.number not in taken:
                    wait = timedelta(seconds=wait_s(one.attempts + 1, random.random(), longest_s=_LONGEST_S))  # noqa: S311 - jitter
                    deliveries.failed(tx, one.number, "broker refuses it" if one.number in refused else "no PUBACK in time", now + wait)
