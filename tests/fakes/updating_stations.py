"""Simulated stations that update in earnest: TUF over HTTP into real slots, and the bundle opened in a process of its own."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from concurrent.futures import Executor, Future
from dataclasses import dataclass, field
from pathlib import Path

from agent.settings import AgentSettings
from agent.updater import machine
from agent.updater.fetch import Repository
from agent.updater.fits import unfit
from agent.updater.record import Slot
from agent.updater.slots import Slots
from agent.updater.trial import allowance_for, try_bundle
from agent.updater.web import Pace, web_for
from bintally.errors import BintallyError, InputError
from bintally.messages.model import ModelDesired, UpdatePhase
from bintally.updates import DesiredKeys
from tests.fakes.stations import DEVICE, VERSION, Station


class Updates:
    """What an agent does of an update outside of its state machine.

    Args:
        url: of the repository.
        root: metadata that the station was shipped with.
        folder: the station's own.
    """

    def __init__(self, url: str, root: bytes, folder: Path) -> None:
        folder.mkdir()
        self._folder, self._slots, self._stop = folder, Slots(folder), threading.Event()
        self._repository = Repository(web_for(url, Pace(), self._stop), self._slots, root)
        self._settings = AgentSettings(source="folder:.", threads=1)
        self.loaded = 0

    def desired_keys(self) -> DesiredKeys:
        """Who may move the station."""
        return self._repository.look().desired_keys()

    def fetch(self, wanted: ModelDesired, slot: Slot) -> Sequence[machine.Event]:
        """Bring the bundle into a slot."""
        target = self._repository.look().target(wanted.target)
        why = "it is not in the repository" if target is None else unfit(target.facts, target.sha256, wanted, DEVICE, VERSION)
        if target is None or why is not None:
            return [machine.Unfit(str(why))]
        self._repository.download(target)
        self._slots.install(slot)
        return [machine.Fetched(), machine.Installed()]

    def load(self, wanted: ModelDesired, slot: Slot) -> Sequence[machine.Event]:
        """Have ONNX Runtime open the bundle, and answer its golden inputs."""
        try:
            try_bundle(self._slots.path(slot), self._settings, self._folder, allowance_for(self._settings), self._stop)
        except InputError as error:
            return [machine.Failed(wanted.model.digest, str(error))]
        self.loaded += 1
        return [machine.Warmed()]


@dataclass(kw_only=True)
class UpdatingStation(Station):
    """One station.

    Attributes:
        updates: its own.
        workers: do its work, so that the others live on meanwhile.
    """

    updates: Updates
    workers: Executor
    _work: tuple[tuple[int, UpdatePhase], Future[Sequence[machine.Event]]] | None = field(default=None, repr=False)

    def _next(self) -> Sequence[machine.Event]:
        wanted, phase = self.record.wanted, self.record.phase
        does = {"downloading": self.updates.fetch, "warming": self.updates.load}.get(phase)
        if wanted is None or does is None:
            return super()._next()
        key = (self.revision, phase)
        if self._work is None or self._work[0] != key:
            self._work = key, self.workers.submit(does, wanted, machine.free_slot(self.record))
        work = self._work[1]
        if not work.done():
            return ()
        self._work = None  # what failed for the moment is tried again
        return () if isinstance(work.exception(), BintallyError) else work.result()


def updating(station: Station, updates: Updates, workers: Executor) -> UpdatingStation:
    """The same station, with real updates."""
    return UpdatingStation(
        source=station.source,
        shipped=station.shipped,
        keys=updates.desired_keys(),
        habits=station.habits,
        random=station.random,
        own=station.own,
        updates=updates,
        workers=workers,
    )
