"""The thread that uploads kept pictures and their corrections, one at a time; see ``agent.evidence.transfer`` for the protocol."""

from __future__ import annotations

import random
import threading
import time
from collections import deque
from pathlib import Path

import structlog

from agent.evidence.entry import Kept
from agent.evidence.store import EvidenceStore
from agent.evidence.transfer import Place, RefusedError, Stopped, send
from bintally.errors import UnavailableError

_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 2.0, 300.0
_REFUSED_PAUSE_S = 900.0
_LOOK_AT_TOKEN_S = 20.0
_MAX_TOKEN_BYTES = 8192
_LONGEST_DOUBLING = 30
_AT_A_TIME = 64
"""Chosen at once: to look through tens of thousands for each costs more than to upload it."""
log = structlog.get_logger()


def pause_after(failures: int, first_s: float, rng: random.Random) -> float:
    """Seconds until the next try: twice as long after each failure, at most five minutes, and up to half of it less, at random."""
    return float(min(_LONGEST_PAUSE_S, first_s * 2 ** min(failures - 1, _LONGEST_DOUBLING)) * rng.uniform(0.5, 1.0))


def read_token(path: Path) -> str:
    """The bearer token in a file of one line.

    Raises:
        RefusedError: there is none.
    """
    try:
        with path.open("rb") as file:
            token = file.read(_MAX_TOKEN_BYTES).decode("ascii").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise RefusedError(f"{path}: no token to upload with can be read ({error}); write one line into it", file_only=False) from error
    if not token or not token.isprintable() or " " in token:
        raise RefusedError(f"{path}: holds no token; write one line without spaces into it", file_only=False)
    return token


class Uploader:
    """Uploads what waits in a store, the most valuable first, in its own thread named ``uploader``.

    What fails is tried again, after pauses that grow; what the server will never take is told once and tried again every quarter of an
    hour, or when the token's file has changed. One file that it does not take does not keep the others back.

    Args:
        store: what is to be uploaded.
        place: where to.
        token_file: holds the bearer token; read for each picture.
        rng: draws the jitter.
        first_pause_s: after the first failure.
        refused_pause_s: after a refusal.
    """

    def __init__(
        self,
        store: EvidenceStore,
        place: Place,
        token_file: Path | None,
        rng: random.Random,
        first_pause_s: float = _FIRST_PAUSE_S,
        refused_pause_s: float = _REFUSED_PAUSE_S,
    ) -> None:
        self._store, self._place, self._token_file, self._rng = store, place, token_file, rng
        self._first_pause_s, self._refused_pause_s = first_pause_s, refused_pause_s
        self._work, self._stop = threading.Event(), threading.Event()
        self._aside: dict[str, float] = {}
        self._failures: dict[str, int] = {}
        self._next: deque[str] = deque()
        self._failures_in_a_row = 0
        self._thread = threading.Thread(target=self._run, name="uploader", daemon=True)
        self.problem: str | None = None

    def start(self) -> None:
        """Begin to upload."""
        if self._token_file is not None and not self._place.tls:
            log.warning("the token for uploads travels unencrypted; use https", place=str(self._place))
        self._thread.start()

    def wake(self) -> None:
        """There may be something new in the store."""
        self._work.set()

    def close(self, timeout_s: float = 5.0) -> None:
        """End the thread; a file on its way is cut, and the next start goes on from there."""
        self._stop.set()
        self._work.set()
        if self._thread.ident is not None:
            self._thread.join(timeout_s)

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                self._upload_next()
            except Stopped:
                return
            except RefusedError as error:
                self._tell(str(error))
                self._rest(self._refused_pause_s)
            except UnavailableError as error:
                self._failed(str(error))
            except Exception as error:  # the top of the thread: whatever it is, uploading must go on
                log.exception("uploading failed")
                self._failed(repr(error))

    def _failed(self, words: str) -> None:
        self._tell(words)
        self._next.clear()
        self._failures_in_a_row += 1
        self._rest(pause_after(self._failures_in_a_row, self._first_pause_s, self._rng))

    def _upload_next(self) -> None:
        """Upload one picture, or wait until there is one."""
        if self._work.is_set() or not self._next:
            self._work.clear()
            self._choose()
        if not self._next:
            self._work.wait(max(0.0, min(self._aside.values()) - time.monotonic()) if self._aside else None)
            return
        name = self._next.popleft()
        kept = self._store.read(name)
        if kept is not None:
            self._failures[name] = self._failures.get(name, 0) + 1
            try:
                self._upload(kept)
            except RefusedError as error:
                if not error.file_only:
                    raise
                log.warning("kept picture is not taken", name=name, reason=str(error))
                self._aside[name] = time.monotonic() + self._refused_pause_s
                return
        self._failures.pop(name, None)

    def _choose(self) -> None:
        """Choose some to upload next; what failed goes behind the others, for the fault may lie in it."""
        now = time.monotonic()
        self._aside = {name: until for name, until in self._aside.items() if until > now}
        waiting = [name for name in self._store.waiting() if name not in self._aside]
        self._failures = {name: self._failures[name] for name in waiting if name in self._failures}
        self._next = deque(sorted(waiting, key=lambda name: self._failures.get(name, 0))[:_AT_A_TIME])

    def _upload(self, kept: Kept) -> None:
        token = None if self._token_file is None else read_token(self._token_file)
        connection = self._place.connect()
        try:
            for name, content in ((f"{kept.name}.jpg", kept.jpeg), (f"{kept.name}.json", kept.description)):
                send(connection, self._place, name, content, token, self._stop.is_set)
        finally:
            connection.close()
        self._store.uploaded(kept.name, kept.description)
        self._failures_in_a_row = 0
        if self.problem is not None:
            log.info("uploads go on", place=str(self._place))
        self.problem = None

    def _tell(self, words: str) -> None:
        if self.problem is None or words != self.problem:
            log.warning("uploads wait", reason=words)
        self.problem = words

    def _rest(self, seconds: float) -> None:
        """Wait; a stop and a new token end it early."""
        until, before = time.monotonic() + seconds, self._token_stamp()
        while (left := until - time.monotonic()) > 0 and not self._stop.wait(min(left, _LOOK_AT_TOKEN_S)):
            if self._token_stamp() != before:
                return

    def _token_stamp(self) -> tuple[int, int] | None:
        if self._token_file is None:
            return None
        try:
            found = self._token_file.stat()
        except OSError:
            return None
        return found.st_mtime_ns, found.st_ino
