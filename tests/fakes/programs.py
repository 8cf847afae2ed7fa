"""Child processes for tests: their output is read with a time limit, and they end with the test."""

from __future__ import annotations

import os
import queue
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO

BINTALLY = (sys.executable, "-m", "bintally.cli")
PATIENCE_S = 60.0


class Program:
    """A running program whose lines are collected by threads."""

    def __init__(self, command: Sequence[str], env: dict[str, str] | None = None) -> None:
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env={**os.environ, **(env or {})}
        )
        self.pid = self._process.pid
        self._lines: queue.Queue[str] = queue.Queue()
        self._errors: list[str] = []
        self._readers = [
            _reader(self._process.stdout, self._lines.put),
            _reader(self._process.stderr, self._errors.append),
        ]

    @property
    def stderr(self) -> str:
        """What it said on standard error so far; all of it after ``wait``."""
        return "".join(self._errors)

    @property
    def running(self) -> bool:
        return self._process.poll() is None

    def line(self, timeout_s: float = PATIENCE_S) -> str:
        """The next line of its output."""
        deadline = time.monotonic() + timeout_s
        while True:
            try:
                return self._lines.get(timeout=0.1)
            except queue.Empty:
                ended = not self.running and not self._readers[0].is_alive() and self._lines.empty()
                if ended or time.monotonic() > deadline:
                    raise AssertionError(f"no line within {timeout_s} s (running: {self.running}); it said: {self.stderr}") from None

    def lines(self) -> list[str]:
        """The lines that wait to be read."""
        found = []
        while not self._lines.empty():
            found.append(self._lines.get_nowait())
        return found

    def wait(self, timeout_s: float = PATIENCE_S) -> int:
        """Its exit code, after it ended by itself."""
        code = self._process.wait(timeout_s)
        for reader in self._readers:
            reader.join(timeout_s)
        return code

    def signal(self, number: signal.Signals) -> None:
        if self.running:
            self._process.send_signal(number)

    def end(self) -> None:
        """Stop it, kindly first."""
        self.signal(signal.SIGTERM)
        try:
            self.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait(10)
        for pipe in (self._process.stdin, self._process.stdout, self._process.stderr):
            if pipe is not None:
                pipe.close()


Start = Callable[..., Program]


@contextmanager
def programs() -> Iterator[Start]:
    """Gives a function that starts programs; all of them end with the block, the last one first."""
    started: list[Program] = []

    def start(*command: str, env: dict[str, str] | None = None) -> Program:
        started.append(Program(command, env))
        return started[-1]

    try:
        yield start
    finally:
        for program in reversed(started):
            program.end()


def wait_until(condition: Callable[[], bool], what: str, timeout_s: float = PATIENCE_S) -> None:
    """Poll until something holds."""
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline, f"not within {timeout_s} s: {what}"
        time.sleep(0.01)


def survivors(token: str) -> list[int]:
    """The processes of this machine whose environment holds a token."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            if token.encode() in (entry / "environ").read_bytes() and "State:\tZ" not in (entry / "status").read_text():
                found.append(int(entry.name))
        except OSError:
            continue
    return found


def _reader(stream: IO[str] | None, take: Callable[[str], None]) -> threading.Thread:
    assert stream is not None

    def read(stream: IO[str]) -> None:
        for line in stream:
            take(line)

    thread = threading.Thread(target=read, args=(stream,), daemon=True)
    thread.start()
    return thread
