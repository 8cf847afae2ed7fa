"""A folder of images instead of a camera: each image is a bin of its own, counted as it stands."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import structlog

from agent.camera.shot import Shot
from agent.camera.sources import FolderSource
from agent.clerk import Clerk
from agent.commands.bins import check_bin
from agent.counting.counter import FrameCounter
from agent.recorder import Finding, Recorder
from agent.settings import AgentSettings
from agent.status import Status, View
from bintally.errors import InputError
from bintally.messages import CameraHealth, Region

log = structlog.get_logger()


class Pictures:
    """Counts the images of a folder, one every ``interval_s``.

    Attributes:
        ended: whether every image was counted, with ``once``.
        refused: images that could not be counted; ``first_refusal`` says why the first one could not.
    """

    def __init__(self, source: FolderSource, folder: str, settings: AgentSettings, once: bool, status: Status) -> None:
        self._folder, self._settings, self._once, self._status = folder, settings, once, status
        self._stop = threading.Event()
        self._shots: Iterator[Shot | InputError | None] = source.shots(self._stop)
        self._again: Shot | None = None
        self._next_at = 0.0
        self.ended = False
        self.refused, self.first_refusal = 0, ""
        status.change(camera=CameraHealth(state="live"), views=(View(settings.bin or settings.station, Region()),))

    def ask(self, _: int, wanted: bool) -> None:
        """Refuse a recount.

        Raises:
            InputError: always.
        """
        if wanted:
            raise InputError("this station counts the images of a folder; put a new image there instead")

    def change(self) -> None:
        """Settings changed; none of them matters here."""

    def turn(self, counter: FrameCounter | None, recorder: Recorder, clerk: Clerk, now: float) -> bool:
        """Count the next image, where its time has come; says whether there was something to do.

        Raises:
            NotCountedError: the counter failed; the next turn has the same image.
        """
        if counter is None or now < self._next_at:
            return False
        try:
            shot = self._again or next(self._shots)
        except StopIteration:
            self.ended = True
            return True
        if shot is None:
            if not self._once:
                self._status.view(0, scene="waiting", waits_for="an image: the folder is empty")
            return self._once
        self._next_at = now + (0.0 if self._once else self._settings.interval_s)
        if isinstance(shot, InputError):
            self._refuse(shot)
            return True
        self._again = shot
        try:
            self._count(shot, counter, recorder, clerk, now)
        except InputError as error:
            self._refuse(error)
        self._again = None
        return True

    def close(self) -> None:
        """Show no further image."""
        self._stop.set()

    def _refuse(self, reason: InputError) -> None:
        log.warning("not counted", reason=str(reason))
        self.refused += 1
        self.first_refusal = self.first_refusal or str(reason)

    def _count(self, shot: Shot, counter: FrameCounter, recorder: Recorder, clerk: Clerk, now: float) -> None:
        bin_name = self._settings.bin or shot.bin or self._settings.station
        check_bin(bin_name)  # no file's name may become an event that cannot travel
        self._status.change(frame=shot.frame, taken_at=shot.taken_at, grabbed_at=now)
        counted = counter.count(shot.frame)
        finding = Finding(
            bin=bin_name,
            trigger="image",
            decision=counted.decision,
            probabilities=counted.probabilities,
            frames=1,
            frame_ms=counted.frame_ms,
            picture=shot.frame,
            taken_at=shot.taken_at,
            model=counter.model,
            expected=clerk.expected(0, bin_name),
            folder=self._folder,
            file=shot.file,
            remember_file=self._once,
            committed=lambda event: self._status.view(0, bin=event.subject, newest=event, scene="image", waits_for=""),
        )
        recorder.record(finding, now)
