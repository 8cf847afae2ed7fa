"""A camera that is watched: its newest frame, or none at all while it hangs."""

from __future__ import annotations

import random
import time
from pathlib import Path

import structlog

from agent.camera.child import Child
from agent.camera.kind import FROZEN_AFTER_S, kind_of, repeats, shown
from agent.camera.shared import Header
from agent.camera.shot import Shot
from agent.camera.watch import Limits, Watch
from bintally.errors import InputError, UnavailableError
from bintally.messages import CameraHealth

log = structlog.get_logger()


class Camera:
    """A V4L2 index, URL, GStreamer pipeline or video file, read by a process of its own that is restarted when it hangs.

    It has no thread: ``newest`` starts, watches and kills the process. All methods are for one thread, which must live as long
    as the camera is wanted: the process is killed with it.
    """

    def __init__(
        self, source: str, frames_per_s: float, stale_after_s: float, rng: random.Random | None = None, limits: Limits | None = None
    ) -> None:
        """Prepare.

        Args:
            source: its name.
            frames_per_s: how many frames are decoded and handed over, at most.
            stale_after_s: an older frame is never given, and the camera restarted.
            rng: jitter of the restarts.
            limits: other than those of its kind.
        """
        self._source, self._kind = source, kind_of(source)
        self._frames_per_s, self._stale_after_s = frames_per_s, stale_after_s
        self._file = Path(source).name if self._kind == "recording" else None
        self._watch = Watch(limits or self._limits(), rng or random.Random())  # noqa: S311 - jitter is no secret
        self._child: Child | None = None
        self._header: Header | None = None
        self._given = 0
        self._told: str | None = None

    def _limits(self) -> Limits:
        frozen_after_s = FROZEN_AFTER_S[self._kind]
        dark_after_s = None if self._kind == "recording" else Limits.dark_after_s
        # Frames are handed over at their rate, so that the newest may be older than the camera's by one period.
        silent_after_s = self._stale_after_s + 1 / self._frames_per_s
        return Limits(silent_after_s=silent_after_s, frozen_after_s=frozen_after_s, dark_after_s=dark_after_s)

    @property
    def recording(self) -> bool:
        """Whether it is a video file: it begins to be played at ``start`` or at the first ``newest``."""
        return self._kind == "recording"

    @property
    def repeats(self) -> bool:
        """Whether it may rightly give the same picture twice."""
        return repeats(self._kind)

    @property
    def pid(self) -> int | None:
        """Of its process, None while there is none."""
        return self._child.pid if self._child else None

    @property
    def ended(self) -> bool:
        """Whether a recording was played to its end and its last frame given."""
        header = self._header
        waits = header is not None and header.number > self._given and self._age_s(header) <= self._stale_after_s
        return self._watch.state == "ended" and not waits

    def start(self) -> None:
        """Start its process; it begins to be read."""
        self._turn()

    def check(self, timeout_s: float = Limits.first_frame_s) -> None:
        """Wait until the source is open, after ``start``; one that fails is tried again for ever by ``newest`` all the same.

        Raises:
            InputError: the recording is not one.
            UnavailableError: the camera cannot be opened; says why.
        """
        deadline = time.monotonic() + timeout_s
        while time.monotonic() < deadline:
            self._turn()
            if self._watch.state == "lost":
                raise UnavailableError(f"camera {shown(self._source)}: {self._watch.reason}")
            if self._watch.state == "ended" and self._watch.reason:
                raise InputError(f"{self._source}: {self._watch.reason}")
            if self._child is None or self._child.opened:
                return
            self._child.wait(deadline - time.monotonic())

    def newest(self, after: int, timeout_s: float) -> Shot | None:
        """The newest frame.

        Args:
            after: number of the last one that was looked at; 0 before the first.
            timeout_s: how long a newer one is waited for.

        Returns:
            A shot with a frame of its own, or None: there is no newer one that is not stale.
        """
        deadline = time.monotonic() + timeout_s
        while True:
            self._turn()
            shot = self._take(after)
            now = time.monotonic()
            if shot is not None or self._watch.state == "ended" or now >= deadline:
                return shot
            self._wait(min(deadline, self._watch.wake_at) - now)

    def _take(self, after: int) -> Shot | None:
        header, child = self._header, self._child
        if header is None or child is None or header.number <= after:
            return None
        shot = child.shot(header, self._file)
        if shot is None or self._age_s(header) > self._stale_after_s:
            return None
        self._given = header.number
        return shot

    def _wait(self, timeout_s: float) -> None:
        if self._child is None:
            time.sleep(max(0.0, timeout_s))
        else:
            self._child.wait(timeout_s)

    def _turn(self) -> None:
        now = time.monotonic()
        if self._watch.due(now):
            self._start(now)
        if self._child is not None and self._watch.state != "ended":
            self._follow(self._child)

    def _start(self, now: float) -> None:
        self._watch.started(now)
        try:
            self._child = Child(self._source, self._frames_per_s, self._watch.number + 1)
        except OSError as error:  # no memory or no process left for a moment
            self._lose(now, f"its process cannot be started ({error.strerror or error})")

    def _lose(self, now: float, failure: str | None) -> None:
        reason = self._watch.lost(now, failure)
        if reason is None:
            return
        self._header = None
        self.close()
        if reason != self._told:  # once, however long it stays away
            log.warning("camera lost", source=shown(self._source), reason=reason, again_in_s=round(self._watch.wake_at - now, 1))
        self._told = reason

    def _follow(self, child: Child) -> None:
        child.hear()
        header, before = child.newest(), self._watch.state
        now = time.monotonic()
        if header is not None and header.number > self._watch.number:
            self._header = header if self._watch.frame(header, now) else None
        if self._watch.state != before:
            self._told = None
            log.info("camera live", source=shown(self._source))
        if child.end == "ended" or (child.end == "failed" and self._kind == "recording"):
            self._watch.ended(child.reason or None)
            return
        self._lose(now, child.reason or None)

    @staticmethod
    def _age_s(header: Header) -> float:
        return time.monotonic() - header.grabbed_at

    def health(self) -> CameraHealth:
        """How it does."""
        watch = self._watch
        age_s = None if watch.newest_at is None else max(0.0, time.monotonic() - watch.newest_at)
        return CameraHealth(
            state=watch.state,
            reason=watch.reason,
            frame_age_s=age_s,
            frames_per_s=round(watch.frames_per_s(), 2),
            restarts=max(0, watch.restarts),
        )

    def close(self) -> None:
        """End its process."""
        if self._child is not None:
            self._child.kill()
        self._child = None
