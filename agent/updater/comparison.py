"""How a new model does beside the one before it, and whether it is worse than its limits allow (pure).

One frame of each count is answered by both, whichever of them counts: in the shadow run the new one looks on, in the probation the old one
does. Light, goods and camera are then the same for both, so nothing but the model makes the difference; and counts, other than the
frames of one count, are independent of each other, as the test of unsure answers asks for.
"""

from __future__ import annotations

import statistics
from collections import deque
from math import comb

from bintally.decision import Decision
from bintally.messages.model import Limits, Trial

CHANCE = 0.001
"""As improbable must it be that a model that is as sure as the other one was unsure so much oftener."""
LEAST_TIMED, LEAST_SLOWER_MS = 5, 5.0
"""Pairs before times are judged; and fewer milliseconds more are noise of the clock, which hold nobody up."""
_TIMES_KEPT = 500


class Comparison:
    """Counts of one trial, from its shadow run to the end of its probation.

    Attributes:
        errors: frames that the new model could not count.
    """

    def __init__(self) -> None:
        self.errors = 0
        self._frames = self._different = 0
        self._unsure, self._unsure_before = 0, 0
        self._only_new_unsure = self._only_old_unsure = 0
        self._counted = self._counted_unsure = 0
        self._times_ms: deque[float] = deque(maxlen=_TIMES_KEPT)
        self._times_before_ms: deque[float] = deque(maxlen=_TIMES_KEPT)
        self._first_at: float | None = None
        self._switched_at: float | None = None

    def pair(self, old: Decision, new: Decision, old_ms: float, new_ms: float, now: float) -> None:
        """Both answered a frame.

        Args:
            old: the answer of the model before.
            new: of the new one.
            old_ms: milliseconds of resize and inference.
            new_ms: the same of the new one.
            now: monotonic seconds.
        """
        self._first_at = now if self._first_at is None else self._first_at
        self._frames += 1
        self._different += _differ(old, new)
        self._unsure += new.unsure
        self._unsure_before += old.unsure
        self._only_new_unsure += new.unsure and not old.unsure
        self._only_old_unsure += old.unsure and not new.unsure
        self._times_before_ms.append(old_ms)
        self._times_ms.append(new_ms)

    def error(self) -> None:
        """The new model could not count a frame."""
        self.errors += 1

    def counted(self, unsure: bool) -> None:
        """The new model made a count, in its probation."""
        self._counted += 1
        self._counted_unsure += unsure

    def switched(self, now: float) -> None:
        """The new model counts since then; said again, it changes nothing."""
        self._switched_at = now if self._switched_at is None else self._switched_at

    def is_over(self, limits: Limits, now: float) -> bool:
        """Whether the shadow run, or after the switch the probation, has lasted long enough."""
        if self._switched_at is not None:
            return now - self._switched_at >= limits.probation_s
        waited = self._first_at is not None and now - self._first_at >= limits.shadow_s
        return self._frames >= limits.shadow_frames or waited

    def fault(self, limits: Limits) -> str | None:
        """What is worse than allowed by now; None where nothing is."""
        return self._too_many_errors(limits) or self._too_slow(limits) or self._too_different(limits) or self._too_unsure(limits)

    def trial(self, crashes: int) -> Trial:
        """The figures, for the report."""
        return Trial(
            frames=self._frames,
            disagreement=_share(self._different, self._frames),
            counted=self._counted,
            unsure=_share(self._counted_unsure, self._counted),
            unsure_before=_share(self._unsure_before, self._frames),
            frame_ms=_median(self._times_ms),
            frame_ms_before=_median(self._times_before_ms),
            errors=self.errors,
            crashes=crashes,
        )

    def _too_many_errors(self, limits: Limits) -> str | None:
        if self.errors <= limits.errors:
            return None
        return f"{self.errors} frames could not be counted; {limits.errors} are allowed"

    def _too_slow(self, limits: Limits) -> str | None:
        if self._frames < LEAST_TIMED:
            return None
        before, now = statistics.median(self._times_before_ms), statistics.median(self._times_ms)
        if now <= limits.slower * before or now - before < LEAST_SLOWER_MS:
            return None
        return f"a frame takes {now:.0f} ms, before {before:.0f}; {limits.slower:g} times as long is allowed"

    def _too_different(self, limits: Limits) -> str | None:
        if self._frames < limits.least_counts or self._different <= limits.disagreement * self._frames:
            return None
        return f"{self._different} of {self._frames} frames have another answer than before; {limits.disagreement:.0%} are allowed"

    def _too_unsure(self, limits: Limits) -> str | None:
        """The sign test of pairs: of those where one alone was unsure, as many the new one as chance would hardly give."""
        new, old = self._only_new_unsure, self._only_old_unsure
        if self._frames < limits.least_counts or new - old <= limits.unsure * self._frames or at_least(new, new + old) > CHANCE:
            return None
        return f"{self._unsure} of {self._frames} frames are unsure, before {self._unsure_before}; {limits.unsure:.0%} more are allowed"


def at_least(heads: int, tosses: int) -> float:
    """Probability of so many heads, or more, of a fair coin."""
    return float(sum(comb(tosses, number) for number in range(heads, tosses + 1)) / 2**tosses)


def _differ(old: Decision, new: Decision) -> bool:
    """Whether two answers contradict each other; that one is unsure is judged by itself.

    Classes may differ between models: «6 or more» is no other answer than 8.
    """
    if old.unsure or new.unsure:
        return False
    if old.at_least is not None:
        return (new.at_least or new.counted or 0) < old.at_least
    if new.at_least is not None:
        return (old.counted or 0) < new.at_least
    return old.counted != new.counted


def _share(part: int, whole: int) -> float | None:
    return round(part / whole, 4) if whole else None


def _median(values: deque[float]) -> float | None:
    return round(statistics.median(values), 2) if values else None
