"""The agent's life: open everything, count until the source ends or a signal comes, stop without losing anything."""

from __future__ import annotations

import random
import threading
import time
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from agent.camera.camera import Camera
from agent.camera.sources import open_source
from agent.clerk import Clerk
from agent.commands.expected import ExpectedBook
from agent.commands.runtime import RuntimeConfig
from agent.counting.counter import NotCountedError
from agent.delivery.courier import Courier
from agent.delivery.link import Link, link_from
from agent.delivery.outbox import Outbox
from agent.evidence.evidence import Evidence, open_evidence
from agent.health.metrics import Metrics
from agent.health.sensors import read_sensors
from agent.health.systemd import Systemd
from agent.health.vitals import healthy
from agent.loop import Loop
from agent.naming import Naming
from agent.page.address import parse_address, read_token
from agent.page.server import PageServer
from agent.pictures import Pictures
from agent.recorder import Recorder
from agent.settings import AgentSettings
from agent.status import Status
from agent.succession import Succession
from agent.watching import Watching
from bintally.errors import BintallyError, UsageError
from bintally.messages.model import ModelReported
from bintally.signals import stop_on_signal
from bintally.topics import Station

if TYPE_CHECKING:
    from agent.updater.updater import Updater

_PATIENCE_ONCE_S = 30.0


@dataclass(frozen=True)
class Summary:
    """What a run did.

    Attributes:
        counted: counts committed to the outbox.
        refused: files that could not be counted; ``first_refusal`` says why the first one could not.
        waiting: counts that were not acknowledged yet.
        stopped: whether a signal ended the run.
    """

    counted: int
    refused: int
    first_refusal: str
    waiting: int
    stopped: bool


def run(settings: AgentSettings, once: bool) -> Summary:
    """Run the agent.

    Args:
        settings: of this station.
        once: count each image of a folder one time, wait until all are acknowledged, and return.

    Raises:
        InputError: bundle or source are not usable.
        UnavailableError: page or disk cannot be used; with ``once`` or a patience also: the broker does not answer. What was counted is
            in the outbox.
        UsageError: the state folder is another agent's, or settings do not go together.
    """
    with stop_on_signal() as stop, ExitStack() as stack:
        agent = _Agent(settings, once, stop, stack)
        _count(agent, stop)
        if not stop.is_set():
            agent.courier.drain(_PATIENCE_ONCE_S if settings.broker_patience_s is None else 0.0)
        stopped = stop.is_set()
        agent.courier.close()
        if agent.courier.failure is not None:
            raise agent.courier.failure
        snapshot, eyes = agent.status.snapshot(), agent.eyes
        return Summary(snapshot.counted, eyes.refused, eyes.first_refusal, agent.outbox.depth(), stopped)


def _count(agent: _Agent, stop: threading.Event) -> None:
    """Run the loop; an end that a new bundle may have brought about is left for the next start to count as a crash.

    No other is: what is wrong with a source, the disk or the settings must not cost a station its model.
    """
    try:
        agent.loop.run(stop)
    except NotCountedError:
        raise
    except BintallyError:
        agent.end_updates()
        raise
    agent.end_updates()


class _Agent:
    """Everything of one agent, wired; what was opened is closed by ``stack``, the last one first."""

    def __init__(self, settings: AgentSettings, once: bool, stop: threading.Event, stack: ExitStack) -> None:
        station = Station(settings.site, settings.station)
        state_dir = _state_dir(settings)
        self.status, rng = Status(), random.Random()  # noqa: S311 - jitter is no secret
        self.outbox = Outbox(state_dir, station, settings.outbox_max_bytes, settings.outbox_max_age_s)
        stack.callback(self.outbox.close)
        runtime = RuntimeConfig(settings, state_dir)
        link = link_from(settings, station, self.outbox.epoch)
        self.updater = self._open_updater(settings, station, state_dir, link)
        models = Succession(settings, state_dir, runtime, self.updater)
        stack.callback(models.close)
        naming = Naming(runtime.bins, settings.station, settings.read_labels, state_dir)
        evidence = open_evidence(settings, station, state_dir, rng)
        metrics = Metrics(self.status.snapshot, partial(read_sensors, state_dir), evidence.bytes_used)
        self.courier = Courier(self.outbox, link, self.status, settings.acknowledged_by == "broker", _patience_s(settings, once), stop)
        self.eyes = self._open_eyes(settings, once, runtime, naming, metrics)
        clerk = Clerk(
            station,
            self.outbox.epoch,
            link,
            runtime,
            ExpectedBook(),
            naming,
            self.status,
            ask=self.eyes.ask,
            changed=self.eyes.change,
            desire=lambda payload: None if self.updater is None else self.updater.desire(payload),
        )
        recorder = Recorder(self.outbox, station, self.status, evidence, metrics, self.courier.committed, models.found)
        self.loop = Loop(
            station,
            self.outbox.epoch,
            self.eyes,
            models,
            clerk,
            recorder,
            runtime,
            evidence,
            link,
            self.status,
            partial(read_sensors, state_dir),
            Systemd(),
        )
        self._open_page(settings, station, clerk, evidence, metrics, stack)
        evidence.start()
        stack.callback(evidence.close)
        self.courier.start()
        stack.callback(self.courier.close)
        models.start()  # the last, since a start is counted: what fails above is no crash of a new bundle's

    def end_updates(self) -> None:
        """Note an orderly end."""
        if self.updater is not None:
            self.updater.stopped_cleanly()

    def _open_updater(self, settings: AgentSettings, station: Station, state_dir: Path, link: Link) -> Updater | None:
        if settings.updates is None:
            return None
        from agent.updater.updater import open_updater

        def changed(report: ModelReported) -> None:
            self.status.change(update=report)
            link.retain(station.topic("model/reported"), report.model_dump_json().encode())

        return open_updater(settings, state_dir, station.source, self.outbox.epoch, changed)

    def _open_eyes(
        self, settings: AgentSettings, once: bool, runtime: RuntimeConfig, naming: Naming, metrics: Metrics
    ) -> Pictures | Watching:
        folder = str(Path(settings.source).resolve())
        source = open_source(
            settings.source, once, lambda file: self.outbox.was_counted(folder, file), settings.frames_per_s, settings.stale_after_s
        )
        if not isinstance(source, Camera):
            return Pictures(source, folder, settings, once, self.status)
        return Watching(settings.source, source, runtime, naming, self.status, metrics)

    def _open_page(
        self, settings: AgentSettings, station: Station, clerk: Clerk, evidence: Evidence, metrics: Metrics, stack: ExitStack
    ) -> None:
        if settings.page is None:
            return
        host, port = parse_address(settings.page)
        token = None if settings.page_token_file is None else read_token(settings.page_token_file)
        loop, status = self.loop, self.status
        page = PageServer(
            host,
            port,
            token,
            status,
            _Actions(clerk, evidence),
            station,
            metrics.text,
            lambda: healthy(status.snapshot(), time.monotonic(), ticked_at=loop.ticked_at, started_at=loop.started_at),
            settings.stale_after_s,
        )
        page.start()
        stack.callback(page.stop)


class _Actions:
    """What the page's buttons do."""

    def __init__(self, clerk: Clerk, evidence: Evidence) -> None:
        self._clerk, self._evidence = clerk, evidence

    def correct(self, event_id: str, quantity: int, by: str) -> str:
        return self._evidence.correct(event_id, quantity, by).words()

    def recount(self, bin: str | None) -> str:  # noqa: A002 - as in all messages
        self._clerk.recount(bin)
        return "counting as soon as the bin is at rest"


def _patience_s(settings: AgentSettings, once: bool) -> float:
    if settings.broker_patience_s is not None:
        return settings.broker_patience_s
    return _PATIENCE_ONCE_S if once else 0.0


def _state_dir(settings: AgentSettings) -> Path:
    try:
        return settings.state_dir.expanduser()
    except RuntimeError as error:
        raise UsageError(f"{settings.state_dir}: this user has no home folder; give --state-dir") from error
