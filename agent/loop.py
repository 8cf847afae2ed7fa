"""The agent's main loop: hear what is wanted, look at the next picture, say how things are; and again, ten times a second."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Protocol

import structlog

from agent.clerk import Clerk
from agent.commands.runtime import RuntimeConfig
from agent.counting.counter import FrameCounter, NotCountedError
from agent.delivery.link import Link
from agent.evidence.evidence import Evidence
from agent.health.health import EXPIRES_S, HealthTicker, make_health
from agent.health.sensors import Readings
from agent.health.systemd import Systemd
from agent.recorder import Recorder
from agent.status import Snapshot, Status
from agent.succession import Succession
from agent.updater.words import update_words
from bintally.messages import Phase, utc_now
from bintally.topics import Station

_IDLE_S = 0.1
log = structlog.get_logger()


class Eyes(Protocol):
    """What gives counts: a camera that is watched, or a folder of images."""

    @property
    def ended(self) -> bool:
        """Whether there will be nothing more to count."""
        ...

    def ask(self, number: int, wanted: bool) -> None:
        """Somebody wants a count of a region, or no longer."""
        ...

    def change(self) -> None:
        """Settings changed."""
        ...

    def turn(self, counter: FrameCounter | None, recorder: Recorder, clerk: Clerk, now: float) -> bool:
        """Look once; says whether there was something to look at.

        Raises:
            NotCountedError: the counter failed; what was looked at may be counted at the next turn.
        """
        ...

    def close(self) -> None:
        """Look no more."""
        ...


class Loop:
    """Runs in the main thread; nothing in it waits for longer than a tenth of a second, but the counter itself.

    Attributes:
        ticked_at: monotonic seconds of the last round.
    """

    def __init__(
        self,
        station: Station,
        session: str,
        eyes: Eyes,
        models: Succession,
        clerk: Clerk,
        recorder: Recorder,
        runtime: RuntimeConfig,
        evidence: Evidence,
        link: Link,
        status: Status,
        sensors: Callable[[], Readings],
        systemd: Systemd,
    ) -> None:
        self._station, self._session, self._eyes, self._models = station, session, eyes, models
        self._clerk, self._recorder, self._runtime, self._evidence = clerk, recorder, runtime, evidence
        self._link, self._status, self._sensors, self._systemd = link, status, sensors, systemd
        self._ticker = HealthTicker()
        self.started_at = self.ticked_at = time.monotonic()

    def run(self, stop: threading.Event) -> None:
        """Go round until ``stop`` is set, or everything is counted and committed.

        Raises:
            BintallyError: no counter could be opened.
        """
        self._systemd.ready()
        try:
            while not stop.is_set() and not (self._eyes.ended and not self._recorder.blocked):
                self._turn(stop)
        finally:
            self._status.change(phase="stopping")
            self._systemd.stopping()
            self._eyes.close()
            self._recorder.close()
            self._clerk.close()

    def _turn(self, stop: threading.Event) -> None:
        now = self.ticked_at = time.monotonic()
        self._take_counter(now)
        self._clerk.turn(now)
        self._recorder.retry(now)
        busy = not self._recorder.blocked and self._look(now)
        self._evidence.share = self._runtime.effective.evidence_share
        self._say_how_things_are(now)
        self._systemd.tick(now)
        if not busy:
            stop.wait(_IDLE_S)

    def _look(self, now: float) -> bool:
        try:
            return self._eyes.turn(self._models.counter, self._recorder, self._clerk, now)
        except NotCountedError as error:
            if not self._models.forgive(error):
                raise
            return True

    def _take_counter(self, now: float) -> None:
        counter = self._models.turn(now)
        if counter is not None:
            self._status.change(model=counter.model, providers=counter.providers)
            self._link.set_model(counter.model)
            log.info("counter ready", model=counter.model.name, version=counter.model.version, providers=list(counter.providers))

    def _say_how_things_are(self, now: float) -> None:
        phase, note = self._phase()
        self._status.change(phase=phase, note=note)
        if not self._ticker.due(now):
            return
        snapshot = self._status.snapshot()
        health = make_health(
            snapshot,
            self._sensors(),
            self._session,
            now=now,
            started_at=self.started_at,
            at=utc_now(),
            evidence_bytes=self._evidence.bytes_used(),
        )
        self._link.retain(self._station.topic("health"), health.model_dump_json().encode(), expires_s=EXPIRES_S, qos=0)
        self._systemd.status("; ".join(filter(None, (f"{phase}{f': {note}' if note else ''}", *self._figures(snapshot)))))

    @staticmethod
    def _figures(snapshot: Snapshot) -> tuple[str | None, ...]:
        model, update = snapshot.model, update_words(snapshot.update)
        return (
            f"{snapshot.counted} counted, {snapshot.outbox_depth} wait",
            None if model is None else f"model {model.version}",
            None if update is None else f"update {update}",
        )

    def _phase(self) -> tuple[Phase, str | None]:
        camera = self._status.snapshot().camera
        if self._recorder.blocked:
            return "disk full", self._recorder.problem
        if self._models.counter is None:
            return "no counter", self._models.note
        if camera.state == "starting":
            return "starting", "the first frame"
        if camera.state == "lost":
            return "no camera", camera.reason
        return "counting", self._models.note
