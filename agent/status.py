"""What the agent is doing now, for the page, the health messages and the metrics: written by its threads, read as one snapshot."""

from __future__ import annotations

import threading
from collections import deque
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from bintally.frames import Frame
from bintally.messages import CameraHealth, CountEvent, ModelName, Phase, Region
from bintally.messages.model import ModelReported

RECENT = 20
"""Counts that the page shows."""


@dataclass(frozen=True)
class View:
    """One bin's part of the picture.

    Attributes:
        bin: its name.
        region: where it is seen.
        scene: state of the scene, as ``agent.counting.scene`` names it.
        waits_for: what has to happen before the next count, for people.
        newest: its latest count, None before the first.
    """

    bin: str
    region: Region
    scene: str = "starting"
    waits_for: str = ""
    newest: CountEvent | None = None


@dataclass(frozen=True)
class Snapshot:
    """Everything at one moment.

    Attributes:
        phase: of the agent as a whole.
        note: what it waits for, for people.
        camera: how the camera does; ``frame_age_s`` is that of the last look, see ``grabbed_at``.
        grabbed_at: monotonic seconds when the newest frame was grabbed.
        taken_at: time of day then.
        frame: the newest frame, uint8 [h, w, 3], BGR; never written to.
        views: one for each region.
        model: what counts, None while nothing does.
        providers: ONNX Runtime's.
        update: how far the station is with what is desired; None where it takes no updates.
        counted: counts since the start.
        unsure: of them without an answer.
        frame_ms: of the last counted frame.
        connected: whether there is a connection to the broker.
        link_problem: why not, for people.
        outbox_depth: events that wait.
        outbox_oldest_s: how long the oldest waits.
        ack_lag_s: from the first publish of the event that was acknowledged last to its acknowledgement.
        recent: the last counts, newest first.
        identify_until: monotonic seconds until which the page shows itself.
    """

    phase: Phase = "starting"
    note: str | None = None
    camera: CameraHealth = field(default_factory=lambda: CameraHealth(state="starting"))
    grabbed_at: float | None = None
    taken_at: datetime | None = None
    frame: Frame | None = None
    views: tuple[View, ...] = ()
    model: ModelName | None = None
    providers: tuple[str, ...] = ()
    update: ModelReported | None = None
    counted: int = 0
    unsure: int = 0
    frame_ms: float | None = None
    connected: bool = False
    link_problem: str | None = None
    outbox_depth: int = 0
    outbox_oldest_s: float | None = None
    ack_lag_s: float | None = None
    recent: tuple[CountEvent, ...] = ()
    identify_until: float = 0.0


class Status:
    """Holds the snapshot; every method may be called from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._now = Snapshot()
        self._recent: deque[CountEvent] = deque(maxlen=RECENT)

    def snapshot(self) -> Snapshot:
        """The state now."""
        with self._lock:
            return self._now

    def change(self, **fields: Any) -> None:
        """Replace some fields of the snapshot."""
        with self._lock:
            self._now = replace(self._now, **fields)

    def view(self, number: int, **fields: Any) -> None:
        """Replace some fields of one region's view."""
        with self._lock:
            views = list(self._now.views)
            views[number] = replace(views[number], **fields)
            self._now = replace(self._now, views=tuple(views))

    def counted(self, event: CountEvent) -> None:
        """A count was committed."""
        with self._lock:
            self._recent.appendleft(event)
            self._now = replace(
                self._now,
                counted=self._now.counted + 1,
                unsure=self._now.unsure + event.data.unsure,
                frame_ms=event.data.frame_ms,
                recent=tuple(self._recent),
            )
