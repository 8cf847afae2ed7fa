"""A station's updater without the rest of the agent; imports nothing that only tests of fleets need, since processes start with it."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

from typing_extensions import Self

from agent.settings import AgentSettings
from agent.updater.fetch import Repository
from agent.updater.slots import Slots
from agent.updater.steps import Conditions, Steps
from agent.updater.trial import Allowance
from agent.updater.trial_child import Opened
from agent.updater.updater import Updater
from agent.updater.web import Pace, web_for
from bintally.bundle import open_bundle
from bintally.messages.base import ModelName, new_epoch
from bintally.messages.model import ModelReported
from bintally.settings import read_settings
from tests.fakes.programs import wait_until

STATION = "berlin/pick-3"
PACE = Pace(patience_s=10.0)
ALLOWANCE = Allowance(60.0, 2 << 30)


def trial_in_this_process(bundle: Path, *_: object, **__: object) -> Opened:
    """What the child process does, without the second that its start takes; ``test_trial`` has the real one."""
    opened = open_bundle(bundle, threads=1)
    manifest = opened.manifest
    return Opened(manifest.name, manifest.version, opened.digest, *opened.size, len(manifest.classes), 1.0)


class Device:
    """A station's updater with its state folder, which lasts from one start of it to the next."""

    def __init__(self, folder: Path, root: bytes, url: str, shipped: Path, **conditions: Any) -> None:
        folder.mkdir(exist_ok=True)
        self.folder, self.root, self.url, self.shipped = folder, root, url, shipped
        self.conditions: dict[str, Any] = {"clock": lambda: True, "first_pause_s": 0.05, "look_s": 0.05, **conditions}
        self.settings = read_settings(AgentSettings, {"source": "0", "bundle": shipped, "device": "cpu", "threads": 1})
        self.reports: list[ModelReported] = []
        self.pace, self.allowance = PACE, ALLOWANCE
        self.updater: Updater | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def slots(self) -> Slots:
        return Slots(self.folder)

    def repository(self, stop: threading.Event | None = None) -> Repository:
        return Repository(web_for(self.url, self.pace, stop or threading.Event()), self.slots, self.root)

    def make(self) -> Updater:
        """An updater that was not started yet."""
        interrupt, slots = threading.Event(), self.slots
        steps = Steps(
            self.repository(interrupt), slots, STATION, self.settings, self.folder, Conditions(**self.conditions), interrupt, self.allowance
        )
        self.updater = Updater(steps, slots, self.shipped, interrupt, new_epoch(), self.reports.append)
        return self.updater

    def start(self) -> Path:
        self.opened = self.make().agent_started()
        return self.opened

    def stop(self) -> None:
        if self.updater is not None:
            self.updater.stopped_cleanly()

    @property
    def running(self) -> Updater:
        assert self.updater is not None
        return self.updater

    @property
    def now(self) -> ModelReported:
        return self.running.reported()

    def reaches(self, *phases: str, timeout_s: float = 30.0) -> ModelReported:
        wait_until(lambda: self.now.phase in phases, f"{phases}; it is {self.now!r}", timeout_s)
        return self.now

    def waits_with(self, words: str) -> ModelReported:
        wait_until(lambda: words in (self.now.reason or ""), f"{words!r}; it is {self.now!r}", 30.0)
        return self.now

    def becomes_active(self, model: ModelName) -> None:
        """Do what the main loop does, with nothing to complain of."""
        self.reaches("shadow")
        candidate = self.running.plan().candidate
        assert candidate is not None
        assert candidate.model == model
        self.running.shadow_done(model.digest, None)
        self.running.switched(model.digest)
        self.running.probation_done(model.digest, None)
        self.reaches("active")

    def counts_with_shipped(self) -> bool:
        return self.running.bundle() == self.shipped
