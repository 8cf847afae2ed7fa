"""Make a finished count an event: compare it with what is expected, commit it, show it, keep its picture."""

from __future__ import annotations

import math
import random
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

import structlog

from agent.counting.verdict import verify
from agent.delivery.outbox import Outbox
from agent.evidence.choose import Reason
from agent.evidence.evidence import Evidence
from agent.health.metrics import Metrics
from agent.status import Status
from bintally.decision import Decision
from bintally.errors import UnavailableError
from bintally.frames import Frame
from bintally.messages import CountData, CountEvent, ModelName, Trigger, utc_now
from bintally.topics import Station

RETRY_S = 2.0
"""Until a count that could not be committed is tried again."""
log = structlog.get_logger()


@dataclass(frozen=True)
class Finding:
    """What was counted, before it is an event.

    Attributes:
        bin: which bin.
        trigger: why it was counted.
        decision: what was decided.
        probabilities: of the classes; the last one is open.
        frames: how many were fused.
        frame_ms: milliseconds of a frame's resize, inference and decision.
        picture: the newest of them, uint8 [h, w, 3], BGR.
        taken_at: when that one was grabbed.
        model: what counted.
        expected: a quantity to compare with, and who expects it.
        folder: with ``file``, the image that it was counted from.
        file: see ``folder``.
        remember_file: whether this image is never to be counted again.
        committed: called with the event when it is safe.
    """

    bin: str
    trigger: Trigger
    decision: Decision
    probabilities: tuple[float, ...]
    frames: int
    frame_ms: float
    picture: Frame
    taken_at: datetime
    model: ModelName
    expected: tuple[int, Literal["books", "command"]] | None = None
    folder: str | None = None
    file: str | None = None
    remember_file: bool = False
    committed: Callable[[CountEvent], None] = lambda _: None


class Recorder:
    """Commits findings in order; used by the loop's thread.

    While the disk is full they wait here (``blocked``), the loop counts nothing further, and nothing is lost.

    Args:
        outbox: where to.
        station: whose counts.
        status: shows them.
        evidence: keeps pictures.
        metrics: hears how long a commit took.
        wake: tells the courier that there is something to publish.
        found: is told each finding, at once.
    """

    def __init__(
        self,
        outbox: Outbox,
        station: Station,
        status: Status,
        evidence: Evidence,
        metrics: Metrics,
        wake: Callable[[], None],
        found: Callable[[Finding], None] = lambda _: None,
    ) -> None:
        self._outbox, self._station, self._status, self._evidence = outbox, station, status, evidence
        self._metrics, self._wake, self._found = metrics, wake, found
        self._rng = random.Random()  # noqa: S311 - which ordinary pictures are kept is no secret
        self._waiting: deque[Finding] = deque()
        self._again_at = 0.0
        self.problem: str | None = None

    @property
    def blocked(self) -> bool:
        """Whether findings wait for the disk."""
        return bool(self._waiting)

    def record(self, finding: Finding, now: float) -> None:
        """Commit a finding, or keep it until that works.

        Args:
            finding: what was counted.
            now: monotonic seconds.
        """
        self._found(finding)
        self._waiting.append(finding)
        if len(self._waiting) == 1:
            self._again_at = now
        self.retry(now)

    def retry(self, now: float) -> None:
        """Commit what waits, when its time has come."""
        while self._waiting and now >= self._again_at:
            try:
                event, reason = self._commit(self._waiting[0])
            except UnavailableError as error:
                if self.problem is None:
                    log.error("counting stops", reason=str(error))  # noqa: TRY400 - the text says it all
                self.problem, self._again_at = str(error), now + RETRY_S
                return
            self._tell(event, self._waiting.popleft(), reason)  # taken out first: whatever comes now, it is not committed twice
        if self.problem is not None and not self._waiting:
            log.info("counting goes on")
            self.problem = None

    def close(self) -> None:
        """Try a last time; what still cannot be committed is lost, and told."""
        self.retry(math.inf)
        if self._waiting:
            log.error("counts lost", number=len(self._waiting), reason=self.problem)

    def _commit(self, finding: Finding) -> tuple[CountEvent, Reason | None]:
        data = self._data(finding)
        reason = self._evidence.wanted(data, self._rng)

        def make(event_id: str) -> CountEvent:
            kept = data if reason is None else data.model_copy(update={"evidence": event_id})
            return CountEvent(source=self._station.source, id=event_id, subject=finding.bin, time=utc_now(), data=kept)

        started = time.perf_counter()
        remembered = finding.file if finding.remember_file else None
        event = self._outbox.add(make, finding.folder if remembered is not None else None, remembered)
        self._metrics.observe("commit", time.perf_counter() - started)
        return event, reason

    def _tell(self, event: CountEvent, finding: Finding, reason: Reason | None) -> None:
        self._wake()
        self._status.counted(event)
        self._evidence.keep_later(event, finding.picture, reason)
        finding.committed(event)

    @staticmethod
    def _data(finding: Finding) -> CountData:
        decision, open_class = finding.decision, len(finding.probabilities) - 1
        verification = None
        if finding.expected is not None:
            quantity, origin = finding.expected
            verification = verify(finding.probabilities, decision, quantity, origin, open_class)
        return CountData(
            counted=decision.counted,
            at_least=decision.at_least,
            unsure=decision.unsure,
            confidence=round(decision.confidence, 4),
            probabilities=[round(p, 4) for p in finding.probabilities],
            taken_at=finding.taken_at,
            frame_ms=round(finding.frame_ms, 2),
            file=finding.file,
            model=finding.model,
            trigger=finding.trigger,
            frames=finding.frames,
            verification=verification,
        )
