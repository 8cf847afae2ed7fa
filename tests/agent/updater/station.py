"""A station whose models change: the real loop, eyes, outbox and updater, with a camera made of pictures and a link that writes down."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from datetime import datetime, timezone
from itertools import cycle
from pathlib import Path
from typing import Any

from agent.camera.shot import Shot
from agent.delivery.link import Link
from agent.health.sensors import Readings
from agent.health.systemd import Systemd
from agent.loop import Loop
from agent.recorder import Recorder
from agent.succession import Succession
from bintally.messages import ModelName
from tests.agent.test_wiring import STATION, Rig
from tests.agent.updater.device import Device
from tests.fakes.bins import Bin

_SHOTS = 16
"""Pictures of each bin, ten a second: as many as a count needs, and some for one that begins anew."""
PATIENCE_S = 100.0


class Station(Rig):
    """Shows one bin after the other; each must be counted once, whichever model counts.

    Attributes:
        shown: what the bins held.
        born: the models that the station said it counts with.
    """

    def __init__(self, folder: Path, device: Device, **settings: Any) -> None:
        super().__init__(folder, device.shipped, **settings)
        self.device, self.shown, self.born = device, list[int](), list[str]()
        self.models = Succession(self.settings, self.state, self.runtime, device.make())
        self.recorder = Recorder(self.outbox, STATION, self.status, self.evidence, self.metrics, lambda: None, self.models.found)
        self.loop = Loop(
            STATION,
            self.outbox.epoch,
            self.eyes,
            self.models,
            self.clerk,
            self.recorder,
            self.runtime,
            self.evidence,
            self._link(),
            self.status,
            lambda: Readings(0),
            Systemd({}),
        )
        self.models.start()
        self._stop, self._bins = threading.Event(), cycle((1, 3, 2, 5, 4))

    def _link(self) -> Link:
        def set_model(model: ModelName | None) -> None:
            assert model is not None
            self.born.append(model.version)

        self.line.set_model = set_model  # type: ignore[attr-defined]
        return self.line  # type: ignore[return-value]  # what a loop needs of one

    def show_next(self) -> None:
        """Another bin, until it was counted."""
        self.shown.append(next(self._bins))
        picture = Bin(self.shown[-1]).picture
        for _ in range(_SHOTS):
            self.now, self.number = self.now + 0.1, self.number + 1
            self.camera.shot = Shot(picture(self.number), datetime.now(timezone.utc), self.now, self.number)
            self.loop._turn(self._stop)

    def until(self, condition: Callable[[], bool], what: str) -> None:
        """Count on until something holds."""
        deadline = time.monotonic() + PATIENCE_S
        while not condition():
            assert time.monotonic() < deadline, f"{what}; it is {self.device.now!r}"
            if self.models.counter is None:
                self.loop._turn(self._stop)
                time.sleep(0.01)
            else:
                self.show_next()

    def reaches(self, phase: str) -> None:
        self.until(lambda: self.device.now.phase == phase, phase)

    def counts_with(self, version: str) -> None:
        self.until(lambda: self.counter_version == version, f"{version} counts")

    @property
    def counter_version(self) -> str | None:
        return None if self.models.counter is None else self.models.counter.model.version

    @property
    def versions(self) -> list[str]:
        """The model of each count."""
        return [one.data.model.version for one in self.counts]

    @property
    def answers(self) -> list[int | None]:  # type: ignore[override]
        return [one.data.counted for one in self.counts]

    def close(self) -> None:
        self.models.close()
        self.outbox.close()
