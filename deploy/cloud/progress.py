"""How far a transfer is, on standard error."""

from __future__ import annotations

import sys
import threading
import time

_EVERY_S = (0.2, 10.0)  # a terminal's line is written over; in a log file each one stays


class Progress:
    """Counts bytes and files, from any thread.

    Args:
        word: what is done.
        total_bytes: of the whole transfer.
    """

    def __init__(self, word: str, total_bytes: int) -> None:
        self._word, self._total = word, total_bytes
        self._bytes, self._written_at = 0, time.monotonic()
        self._live = sys.stderr.isatty()
        self._lock = threading.Lock()

    def add(self, size_bytes: int) -> None:
        """So much more is done; less than nothing where a part is sent again."""
        with self._lock:
            self._bytes += size_bytes
            now = time.monotonic()
            if now - self._written_at >= _EVERY_S[not self._live]:
                self._written_at = now
                self._write()

    def end(self) -> None:
        """The last line."""
        self._write()
        if self._live:
            sys.stderr.write("\n")

    def _write(self) -> None:
        share = self._bytes / self._total if self._total else 1.0
        line = f"{self._word} {self._bytes / 1e6:,.1f} of {self._total / 1e6:,.1f} MB ({share:.0%})"
        sys.stderr.write(f"\r{line}" if self._live else f"{line}\n")
        sys.stderr.flush()
