"""The agent's end of the camera's process: starts it, hears it, takes frames from it, kills it."""

from __future__ import annotations

import json
import os
import select
import subprocess
import sys
from contextlib import suppress
from datetime import datetime, timezone
from typing import Literal

from agent.camera.kind import kind_of
from agent.camera.shared import Header, Ring
from agent.camera.shot import Shot
from bintally.errors import UnavailableError

_ENVIRONMENT = {
    "OPENCV_FFMPEG_LOGLEVEL": "-8",  # the reason is told once, by the process's last line
    "OPENCV_FFMPEG_CAPTURE_OPTIONS": "rtsp_transport;tcp",
    "OPENCV_FFMPEG_THREADS": "1",  # each further thread holds a frame back
    "OPENBLAS_NUM_THREADS": "1",
}
_DIES_WITHIN_S = 1.0


class Child:
    """One process with its own shared memory, so that nothing of an earlier one can be taken for its frame.

    It is killed with the thread that makes it: that must be one that lives as long as the camera is wanted.
    """

    def __init__(self, source: str, frames_per_s: float, first: int) -> None:
        """Start the process; ``first`` is the number of its first frame.

        Raises:
            OSError: there is no memory or no room for a process now.
        """
        self._ring = Ring.create()
        self._poke = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        try:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "agent.camera.process"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                pass_fds=(self._ring.fileno(), self._poke),
                env=_ENVIRONMENT | os.environ,
                start_new_session=True,  # Ctrl-C is for the agent, which ends this one
            )
        except OSError:
            self._close()
            raise
        if self._process.stdin is None or self._process.stdout is None:  # both were asked for
            raise UnavailableError("the camera's process has no pipes")
        self._stdin, self._stdout = self._process.stdin, self._process.stdout
        self.pid = self._process.pid
        self._said = b""
        task = {
            "source": source,
            "kind": kind_of(source),
            "frames_per_s": frames_per_s,
            "first": first,
            "ring": self._ring.fileno(),
            "poke": self._poke,
            "parent": os.getpid(),
        }
        with suppress(BrokenPipeError), self._stdin:  # it died at once; ``hear`` tells
            # Not on the command line, which everyone may read: a URL may hold a password. A task fits into the pipe.
            self._stdin.write(json.dumps(task).encode() + b"\n")
        self.opened = False
        self.end: Literal["ended", "failed", "died"] | None = None
        self.reason = ""

    def hear(self) -> None:
        """Take in what it said: ``opened``, ``end`` and ``reason``."""
        while self.end is None and select.select([self._stdout], [], [], 0)[0]:
            text = os.read(self._stdout.fileno(), 65_536)
            if not text:
                self._ended()
            self._said += text
        self.opened = self.opened or self._said.startswith(b"opened\n")

    def _ended(self) -> None:
        lines = self._said.decode("utf-8", "replace").splitlines()
        self.opened = "opened" in lines
        word, _, self.reason = (lines[-1] if lines else "").partition(" ")
        if word == "ended":
            self.end = "ended"
        elif word == "failed":
            self.end = "failed"
        else:
            self.end, self.reason = "died", "the camera's process died"

    def wait(self, timeout_s: float) -> None:
        """Wait until it has a new frame or says something."""
        files = [self._poke, *([] if self.end else [self._stdout.fileno()])]
        if self._poke in select.select(files, [], [], max(0.0, timeout_s))[0]:
            os.eventfd_read(self._poke)

    def newest(self) -> Header | None:
        """What is known of its newest frame."""
        return self._ring.newest()

    def shot(self, header: Header, file: str | None) -> Shot | None:
        """A copy of a frame, or None where a newer one took its place."""
        frame = self._ring.read(header)
        if frame is None:
            return None
        taken_at = datetime.fromtimestamp(header.wall_ns / 1e9, timezone.utc)
        return Shot(frame, taken_at, header.grabbed_at, header.number, file)

    def kill(self) -> None:
        """End it at once; one that hangs in a driver, where even a kill waits, is left behind."""
        self._process.kill()
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(_DIES_WITHIN_S)
        self._stdout.close()
        self._close()

    def _close(self) -> None:
        self._ring.close()
        os.close(self._poke)
