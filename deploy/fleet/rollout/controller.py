"""The wheel: listen, judge, write down, say. It may be killed between any two of these, and another one goes on.

Listening and saying may be repeated as often as one likes; only writing down decides, in one transaction, by the one who has the lease.
"""

from __future__ import annotations

import threading
from collections.abc import Callable

import structlog

from bintally.errors import UnavailableError
from bintally.topics import PREFIX
from deploy.fleet.desired import DesiredKey, sign_desired
from deploy.fleet.rollout.advance import advance
from deploy.fleet.rollout.fold import Listener
from deploy.fleet.rollout.link import FleetLink
from deploy.fleet.rollout.store import LeaseLostError, Store, Unsaid

ROUND_S = 1.0
log = structlog.get_logger()


class Controller:
    """Moves all roll-outs of a database.

    Args:
        store: the database.
        link: to the broker, started.
        key: signs desires.
        holder: this controller's name, in the lease and the audit log.
        clock: gives Unix seconds.
    """

    def __init__(self, store: Store, link: FleetLink, key: DesiredKey, holder: str, clock: Callable[[], float]) -> None:
        self._store, self._link, self._key, self._holder, self._clock = store, link, key, holder, clock
        self._listener = Listener()
        self._holds, self._connection = False, 0
        self._waiting: dict[int, tuple[str, int]] = {}

    def run(self, stop: threading.Event, until: Callable[[], bool] = lambda: False) -> None:
        """Go on until told to stop, whatever the broker or the database do meanwhile.

        Args:
            stop: set from outside.
            until: looked at after each round; true ends it.
        """
        failed = False
        while not stop.is_set():
            try:
                self.step()
                if until():
                    break
                failed = False
            except UnavailableError as error:
                if not failed:  # once, however long it lasts
                    log.warning("waiting", reason=str(error))
                failed = True
            stop.wait(ROUND_S)
        self._let_go()

    def step(self) -> None:
        """One round.

        Raises:
            UnavailableError: the database failed; the next round tries again.
        """
        now = self._clock()
        settled = self._link.is_settled()  # asked first: then all that was retained is among what is taken
        heard = self._link.take()
        if not self._have_lease(now):
            return
        self._listener.hear(heard, now)
        self._store.save(self._listener.take_changed())
        self._note_acknowledged(now)
        if not settled:
            return
        if self._connection != self._link.connections:
            self._repair()
            self._connection = self._link.connections
        self._decide(now)
        self._say()

    def _have_lease(self, now: float) -> bool:
        """Keep the lease; who takes it anew reads what others wrote, listens from the beginning, and decides in a later round."""
        held, self._holds = self._holds, self._store.hold(self._holder, now)
        if self._holds and not held:
            self._listener = Listener(self._store.views())
            self._waiting.clear()
            self._connection = 0
            self._link.ask_again()
            log.info("controls the roll-outs", holder=self._holder)
        elif held and not self._holds:
            log.warning("another controller took over; this one waits", holder=self._store.controller(now))
        return held and self._holds

    def _decide(self, now: float) -> None:
        labels = self._store.labels()
        for rollout in self._store.rollouts(only_open=True):
            actions = advance(rollout, self._listener.views, labels, now)
            try:
                if actions and self._store.apply(rollout, actions, self._holder, now):
                    log.info("roll-out", id=rollout.id, actions=len(actions), last=type(actions[-1]).__name__)
            except LeaseLostError:
                self._holds = False
                raise

    def _say(self) -> None:
        """Publish what is written down and not acknowledged; in the same words, however often."""
        under_way = set(self._waiting.values())
        for one in self._store.unsaid():
            if (one.source, one.revision) not in under_way:
                number = self._link.publish(f"{PREFIX}/{one.source}/model/desired", self._payload(one))
                if number is not None:
                    self._waiting[number] = (one.source, one.revision)

    def _note_acknowledged(self, now: float) -> None:
        if self._connection != self._link.connections:
            self._waiting.clear()  # of another connection; what is not acknowledged is said again
        numbers = self._link.acknowledged()
        self._store.said([self._waiting.pop(number) for number in numbers if number in self._waiting], now)

    def _repair(self) -> None:
        """A broker may have lost what it retained, or somebody who was late may have overwritten it: say those again."""
        wrong = [
            (one.source, one.revision) for one in self._store.desires() if self._payload(one) != self._link.desired.get(one.source, b"")
        ]
        if wrong:
            self._store.said(wrong, None)
            log.info("the broker has other desires than the database; said again", stations=len(wrong))

    def _payload(self, one: Unsaid) -> bytes:
        return b"" if one.desired is None else sign_desired(one.desired, self._key)

    def _let_go(self) -> None:
        try:
            self._store.let_go(self._holder)
        except UnavailableError as error:
            log.warning("lease not given back, it ends by itself", reason=str(error))
