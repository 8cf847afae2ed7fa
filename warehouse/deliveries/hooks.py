"""Deliveries to webhooks: each in a thread of its own, so that one that fails or hangs holds up no other."""

from __future__ import annotations

import json
import random
import time
from datetime import timedelta

import structlog

from bintally.errors import BintallyError
from bintally.messages import utc_now
from warehouse.deliveries.post import TIMEOUT_S, post
from warehouse.deliveries.retries import MOST_ATTEMPTS, wait_s
from warehouse.deliveries.signing import headers
from warehouse.deliveries.worker import Worker
from warehouse.ledger import Ledger, deliveries, webhooks
from warehouse.ledger.webhooks import Webhook

_LONGEST_REST_S = 60.0
log = structlog.get_logger()


class Hooks:
    """Keeps a worker for each webhook that the ledger knows.

    Args:
        ledger: whose webhooks and deliveries.
        timeout_s: of a request.
    """

    def __init__(self, ledger: Ledger, timeout_s: float = TIMEOUT_S) -> None:
        self._ledger, self._timeout_s = ledger, timeout_s
        self._hooks: dict[str, _Hook] = {}
        self._worker = Worker("webhooks", self._turn)

    def start(self) -> None:
        """Begin."""
        self._worker.start()

    def close(self) -> None:
        """End after what is on its way."""
        self._worker.stop()
        self._worker.join()
        for hook in self._hooks.values():
            hook.worker.stop()
        for hook in self._hooks.values():
            hook.worker.join()

    def _turn(self) -> bool:
        with self._ledger.read() as tx:
            known = {hook.name for hook in webhooks.all_of(tx)}
        for name in self._hooks.keys() - known:
            self._hooks.pop(name).worker.stop()
        for name in known - self._hooks.keys():
            self._hooks[name] = hook = _Hook(self._ledger, name, self._timeout_s)
            hook.worker.start()
        return False


class _Hook:
    """Posts to one webhook, one message after the other; rests after failures, so that a dead receiver is not stormed."""

    def __init__(self, ledger: Ledger, name: str, timeout_s: float) -> None:
        self._ledger, self._name, self._timeout_s = ledger, name, timeout_s
        self._failures, self._rests_until = 0, float("-inf")
        self.worker = Worker(f"webhook {name}", self._turn)

    def _turn(self) -> bool:
        if time.monotonic() < self._rests_until:
            return False
        now = utc_now()
        with self._ledger.read() as tx:
            hook, due = webhooks.find(tx, self._name), deliveries.is_due(tx, "webhook", now, self._name)
        if hook is None or not due:
            return False
        with self._ledger.begin() as tx:
            claimed = deliveries.due(tx, "webhook", now, 1, self._name)
        for one in claimed:
            self._deliver(hook, one)
        return bool(claimed)

    def _deliver(self, hook: Webhook, one: deliveries.Due) -> None:
        try:
            body = one.payload.encode()
            post(hook.url, headers(hook.secret, json.loads(one.payload)["id"], int(time.time()), body), body, self._timeout_s)
        except BintallyError as error:
            self._failed(one, str(error))
            return
        self._failures = 0
        with self._ledger.begin() as tx:
            deliveries.done(tx, [one.number])

    def _failed(self, one: deliveries.Due, reason: str) -> None:
        attempts = one.attempts + 1
        self._failures += 1
        self._rests_until = time.monotonic() + wait_s(self._failures, random.random(), 1.0, _LONGEST_REST_S)  # noqa: S311 - jitter
        with self._ledger.begin() as tx:
            if attempts >= MOST_ATTEMPTS:
                log.error("webhook never took a message, it is given up", webhook=self._name, delivery=one.number, reason=reason)
                deliveries.done(tx, [one.number])
                return
            wait = timedelta(seconds=wait_s(attempts, random.random()))  # noqa: S311 - jitter
            deliveries.failed(tx, one.number, reason, utc_now() + wait)
        if self._failures == 1:
            log.warning("webhook fails, trying again", webhook=self._name, reason=reason)
