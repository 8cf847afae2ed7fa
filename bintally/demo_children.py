"""The demo's child processes."""

from __future__ import annotations

import contextlib
import os
import queue
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import IO

from typing_extensions import Self

from bintally.errors import UnavailableError

START_TIMEOUT_S = 30.0
_END_BY_THEMSELVES = frozenset({"renderer", "token"})


class Children:
    """The child processes; all of them end with the demo, the last one started first."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._running: list[tuple[str, subprocess.Popen[str]]] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
        before = [signal.signal(number, signal.SIG_IGN) for number in numbers]  # a second signal must not leave children behind
        for _name, child in reversed(self._running):
            _signal_session(child, signal.SIGTERM)
            try:
                child.wait(10)
            except subprocess.TimeoutExpired:
                _signal_session(child, signal.SIGKILL)
                child.wait()
        for number, handler in zip(numbers, before, strict=True):
            signal.signal(number, handler)

    def start(self, name: str, *arguments: str) -> subprocess.Popen[str]:
        """Start this Python with arguments; its standard error goes to ``<name>.log``."""
        with (self._folder / f"{name}.log").open("w") as log:
            child = subprocess.Popen(  # noqa: S603 - our own programs
                [sys.executable, *arguments],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                start_new_session=True,  # Ctrl-C is ours to handle
                env={key: value for key, value in os.environ.items() if not key.startswith("BINTALLY_")},
            )
        self._running.append((name, child))
        return child

    def first_line(self, child: subprocess.Popen[str]) -> str:
        """Wait for the first line that a child prints."""
        lines = lines_of(child)
        deadline = time.monotonic() + START_TIMEOUT_S
        while time.monotonic() < deadline:
            with contextlib.suppress(queue.Empty):
                return lines.get(timeout=0.1)
            self.check()
        raise UnavailableError(f"the {self._name(child)} said nothing within {START_TIMEOUT_S:.0f} s")

    def _name(self, child: subprocess.Popen[str]) -> str:
        return next(name for name, one in self._running if one is child)

    def check(self) -> None:
        """See that none has failed.

        Raises:
            UnavailableError: one has; with the last line that it wrote.
        """
        for name, child in self._running:
            if child.poll() not in (None, 0) or (child.poll() == 0 and name not in _END_BY_THEMSELVES):
                raise UnavailableError(f"the {name} stopped: {self.last_words(name) or f'exit code {child.returncode}'}")

    def last_words(self, name: str) -> str:
        """The last line that a child wrote to its log."""
        said = (self._folder / f"{name}.log").read_text(errors="replace").strip().splitlines()
        return said[-1] if said else ""

    def wait(self, child: subprocess.Popen[str]) -> None:
        """Wait until a child has done its work.

        Raises:
            UnavailableError: it, or another one, has failed.
        """
        child.wait()
        self.check()
        self._running = [entry for entry in self._running if entry[1] is not child]


def _signal_session(child: subprocess.Popen[str], number: int) -> None:
    """Signal a child and what it started; each child leads a session of its own."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(child.pid, number)


def lines_of(child: subprocess.Popen[str]) -> queue.Queue[str]:
    """The lines that a child prints, read by a thread so that nobody blocks."""
    lines: queue.Queue[str] = queue.Queue()
    stream = child.stdout
    if stream is None:
        raise ValueError("the child has no pipe")

    def read(stream: IO[str]) -> None:
        for line in stream:
            lines.put(line)

    threading.Thread(target=read, args=(stream,), name="lines", daemon=True).start()
    return lines
