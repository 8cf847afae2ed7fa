"""What the station's loop and page have of evidence: pictures are encoded, kept, corrected and uploaded behind their back."""

from __future__ import annotations

import random
import threading
from collections import OrderedDict, deque
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import structlog

from agent.evidence.choose import Reason, choose
from agent.evidence.corrections import CorrectionResult
from agent.evidence.store import EvidenceStore
from agent.evidence.transfer import place_for
from agent.evidence.uploader import Uploader
from agent.settings import AgentSettings
from agent.status import RECENT
from bintally.errors import BintallyError, UnavailableError
from bintally.frames import Frame
from bintally.messages import CountData, CountEvent, utc_now
from bintally.topics import Station

_QUALITY = 92
"""The trainer learns from these; below 90, JPEG's own blocks begin to show on edges of items."""
_MAX_RAW = 4
_MAX_QUEUE = 16
log = structlog.get_logger()


@dataclass(eq=False)
class _Picture:
    """A count's picture: first as it was seen, soon as JPEG."""

    event: CountEvent
    frame: Frame | None
    reason: Reason | None
    lock: threading.Lock = field(default_factory=threading.Lock)
    encoded: bytes = b""

    def jpeg(self) -> bytes:
        """The picture's file.

        Raises:
            UnavailableError: OpenCV cannot encode it.
        """
        with self.lock:
            if self.frame is not None:
                self.encoded, self.frame = _encode(self.frame), None
            if not self.encoded:
                raise UnavailableError(f"count {self.event.id}: its picture could not be encoded, so it cannot be kept")
            return self.encoded


class Evidence:
    """Keeps the pictures of doubtful counts; every method may be called from any thread, and none but ``correct`` waits for the disk.

    The pictures of the last twenty counts stay in memory as JPEG, so that each of them can be corrected, kept or not. At most sixteen wait
    to be written; when more come (the disk hangs), the newest of those drawn at random is dropped first, then the oldest unsure one, then
    the oldest; a dropped one can be corrected as long as it is among the last twenty.

    Args:
        store: where they are kept.
        share: of ordinary counts whose picture is kept; may be set at any time.
        uploader: brings them to a server, None for none.
    """

    def __init__(self, store: EvidenceStore, share: float, uploader: Uploader | None = None) -> None:
        self.share = share
        self._store, self._uploader = store, uploader
        self._recent: OrderedDict[str, _Picture] = OrderedDict()
        self._raw: deque[_Picture] = deque()
        self._queue: deque[_Picture] = deque()
        self._change = threading.Condition()
        self._stopping = self._told_dropped = False
        self._thread = threading.Thread(target=self._run, name="evidence", daemon=True)

    def start(self) -> None:
        """Begin to write, and to upload."""
        self._thread.start()
        if self._uploader is not None:
            self._uploader.start()

    def wanted(self, data: CountData, rng: random.Random) -> Reason | None:
        """Say, before a count is committed, why its picture will be kept; ``CountData.evidence`` is then the count's own id."""
        return choose(data, self.share, rng) if self._store.enabled else None

    def keep_later(self, event: CountEvent, picture: Frame, reason: Reason | None) -> None:
        """Remember a committed count's picture, and keep it where there is a reason.

        Args:
            event: the count.
            picture: uint8 [h, w, 3], BGR; never written to afterwards.
            reason: what ``wanted`` said.
        """
        if not self._store.enabled:
            return
        one = _Picture(event, picture, reason)
        with self._change:
            self._recent[event.id] = one
            while len(self._recent) > RECENT:
                self._recent.popitem(last=False)
            self._raw.append(one)
            if reason is not None:
                self._queue.append(one)
                self._drop()
            late = self._raw.popleft() if len(self._raw) > _MAX_RAW else None
            self._change.notify()
        if late is not None:  # the thread hangs at the disk: a few milliseconds of the loop's time cost less than raw pictures in memory
            _try_jpeg(late)

    def correct(self, event_id: str, quantity: int, by: str) -> CorrectionResult:
        """Record what a bin held: for one of the last twenty counts, or one whose picture is kept; on disk when this returns.

        Args:
            event_id: of the count.
            quantity: items in the bin; replaces what was said before.
            by: who says so.

        Raises:
            InputError: the quantity is none, or there is no picture of this count.
            UnavailableError: disk or quota are full.
        """
        if not self._store.enabled:
            raise UnavailableError("pictures of counts are not kept here (evidence_max_bytes is 0), so none can be corrected")
        with self._change:
            one = self._recent.get(event_id)
        result = self._store.correct(event_id, quantity, by, utc_now(), None if one is None else (one.event, one.jpeg()))
        log.info("corrected", count=event_id, quantity=quantity, by=by)
        self._wake_uploader()
        return result

    def bytes_used(self) -> int:
        """Size of all that is kept."""
        return self._store.bytes_used

    @property
    def upload_problem(self) -> str | None:
        """Why pictures are not uploaded now, for people."""
        return None if self._uploader is None else self._uploader.problem

    def close(self, timeout_s: float = 10.0) -> None:
        """Write what waits, and end the threads."""
        with self._change:
            self._stopping = True
            self._change.notify()
        if self._thread.ident is not None:
            self._thread.join(timeout_s)
        if self._uploader is not None:
            self._uploader.close()

    def _drop(self) -> None:
        if len(self._queue) <= _MAX_QUEUE:
            return
        drawn = [one for one in self._queue if one.reason == "random"]
        unsure = [one for one in self._queue if one.reason == "unsure"]
        self._queue.remove(drawn[-1] if drawn else unsure[0] if unsure else self._queue[0])
        if not self._told_dropped:
            log.warning("the disk is slow: some pictures of counts are not kept")
        self._told_dropped = True

    def _run(self) -> None:
        try:
            self._store.load()
        except BintallyError as error:
            log.warning("pictures of counts are not kept for now", reason=str(error))
        self._wake_uploader()
        while (one := self._next()) is not None:
            try:
                self._work_on(one)
            except Exception:  # the top of the thread: one bad picture must not end it
                log.exception("a count's picture could not be kept", count=one.event.id)

    def _next(self) -> _Picture | None:
        """The next picture to encode, or else to write; None at the end."""
        with self._change:
            while not (self._raw or self._queue or self._stopping):
                self._change.wait()
            if self._raw:
                return self._raw.popleft()
            return self._queue[0] if self._queue else None

    def _work_on(self, one: _Picture) -> None:
        if one.frame is not None:
            _try_jpeg(one)
            return
        with self._change:
            if one not in self._queue:
                return
            self._queue.remove(one)
            self._told_dropped = self._told_dropped and bool(self._queue)
        if one.encoded and one.reason is not None and self._store.keep(one.event, one.encoded, one.reason):
            self._wake_uploader()

    def _wake_uploader(self) -> None:
        if self._uploader is not None:
            self._uploader.wake()


def open_evidence(settings: AgentSettings, station: Station, state_dir: Path, rng: random.Random) -> Evidence:
    """Evidence as the settings want it, not started yet.

    Raises:
        UsageError: the address to upload to is none.
    """
    store = EvidenceStore(state_dir / "evidence", settings.evidence_max_bytes)
    uploader = None
    if settings.evidence_url is not None:
        uploader = Uploader(store, place_for(settings.evidence_url, station.source), settings.evidence_token_file, rng)
    return Evidence(store, settings.evidence_share, uploader)


def _encode(frame: Frame) -> bytes:
    try:
        ok, jpeg = cv2.imencode(".jpg", frame, (cv2.IMWRITE_JPEG_QUALITY, _QUALITY))
    except cv2.error:
        return b""
    return jpeg.tobytes() if ok else b""


def _try_jpeg(one: _Picture) -> None:
    try:
        one.jpeg()
    except UnavailableError as error:
        log.warning("a count's picture cannot be kept", reason=str(error))
