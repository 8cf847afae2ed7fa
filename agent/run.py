"""The agent's life: open everything, count until the source ends or a signal comes, stop without losing anything."""

from __future__ import annotations

import signal
import threading
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import structlog

from agent.camera.shot import Shot
from agent.camera.sources import open_source
from agent.counting.counter import Counted, FrameCounter
from agent.counting.warm_up import warm_up
from agent.delivery.courier import Courier
from agent.delivery.outbox import Outbox
from agent.settings import AgentSettings
from bintally import __version__
from bintally.errors import InputError, UsageError
from bintally.messages import CountData, CountEvent, ModelName, State, utc_now
from bintally.topics import Station

_PATIENCE_ONCE_S = 30.0
log = structlog.get_logger()


@dataclass
class Summary:
    """What a run did.

    Attributes:
        counted: counts committed to the outbox.
        refused: files that could not be counted; ``first_refusal`` says why the first one could not.
        waiting: counts that were not acknowledged yet.
        stopped: whether a signal ended the run.
    """

    counted: int = 0
    refused: int = 0
    first_refusal: str = ""
    waiting: int = 0
    stopped: bool = False


def run(settings: AgentSettings, once: bool) -> Summary:
    """Run the agent.

    Args:
        settings: of this station.
        once: count each image of a folder one time, wait until all are acknowledged, and return.

    Raises:
        InputError: bundle or source are not usable.
        UnavailableError: camera, broker or disk do not answer; what was counted is in the outbox.
        UsageError: the state folder is another agent's.
    """
    station = Station(settings.site, settings.station)
    state_dir = _state_dir(settings)
    outbox = Outbox(state_dir, station)
    stop = threading.Event()
    try:
        counter = FrameCounter(warm_up(settings, state_dir))
        folder = str(Path(settings.source).resolve())
        source = open_source(settings.source, settings.interval_s, once, lambda file: outbox.was_counted(folder, file))
        state = State(status="online", session=outbox.epoch, version=__version__, model=counter.model)
        by_broker = settings.acknowledged_by == "broker"
        patience_s = settings.broker_patience_s if settings.broker_patience_s is not None else _PATIENCE_ONCE_S if once else 0.0
        courier = Courier(outbox, settings.broker, station, state, by_broker, patience_s, stop)
        _stop_on_signals(stop)
        courier.start()
        summary = Summary()
        try:
            for shot in source.shots(stop):
                if isinstance(shot, InputError):
                    log.warning("not counted", reason=str(shot))
                    summary.refused += 1
                    summary.first_refusal = summary.first_refusal or str(shot)
                    continue
                counted = counter.count(shot.frame)
                bin_name = settings.bin or shot.bin or settings.station
                make = partial(_event, station, bin_name, shot, counted, counter.model)
                outbox.add(make, folder if once else None, shot.file if once else None)
                courier.committed()
                summary.counted += 1
            if not stop.is_set():
                courier.drain()
            summary.stopped = stop.is_set()
        finally:
            courier.close()
        if courier.failure is not None:
            raise courier.failure
        summary.waiting = outbox.depth()
        return summary
    finally:
        outbox.close()


def _state_dir(settings: AgentSettings) -> Path:
    try:
        return settings.state_dir.expanduser()
    except RuntimeError as error:
        raise UsageError(f"{settings.state_dir}: this user has no home folder; give --state-dir") from error


def _event(station: Station, bin_name: str, shot: Shot, counted: Counted, model: ModelName, event_id: str) -> CountEvent:
    decision = counted.decision
    data = CountData(
        counted=decision.counted,
        at_least=decision.at_least,
        unsure=decision.unsure,
        confidence=round(decision.confidence, 4),
        probabilities=[round(p, 4) for p in counted.probabilities],
        taken_at=shot.taken_at,
        frame_ms=round(counted.frame_ms, 2),
        file=shot.file,
        model=model,
    )
    return CountEvent(source=station.source, id=event_id, subject=bin_name, time=utc_now(), data=data)


def _stop_on_signals(stop: threading.Event) -> None:
    for number in (signal.SIGINT, signal.SIGTERM):
        # Event.set takes a lock that the main thread may hold in wait() when the handler interrupts it
        signal.signal(number, lambda *_: threading.Thread(target=stop.set, name="stop").start())
