"""From the probabilities of several frames at rest to one decided count that does not flicker (pure)."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from bintally.decision import Decision, as_shares, decide

MARGIN = 0.15
"""An unchanged bin's answer is replaced only by one that is more probable by as much."""


def fuse(rows: list[NDArray[Any]]) -> NDArray[np.float32]:
    """Take the mean of the frames' probabilities.

    Frames of one bin at rest differ in the sensor's noise alone: what misleads the counter in one misleads it in all. A product
    of their likelihoods would count the same evidence several times, and the calibrated threshold would no longer hold. The
    mean of calibrated probabilities is never surer than its frames are. Measured with the shipped bundle on 462 states of rendered
    video: frames of one state disagree in 2.4 % of them; three frames are right in 83.3 % either way, with a mean confidence of
    0.817 as the mean, and of 0.935 as a product.

    Args:
        rows: float32 [classes] of each frame.

    Returns:
        float32 [classes]; not finite where a row is not.
    """
    mean: NDArray[np.float32] = np.mean(np.asarray(rows, np.float32), axis=0)
    return mean


def steady(probabilities: NDArray[np.float32], abstain_below: float, previous: Decision | None) -> Decision:
    """Decide, in favour of what was decided before of the same picture.

    The answer before stays unless another one is more probable by ``MARGIN``; where it stays but is below the threshold, the
    answer is unsure. After an unsure one, an answer has to be above the threshold by ``MARGIN`` / 3.

    Args:
        probabilities: fused, float32 [classes].
        abstain_below: the counter's threshold.
        previous: what was decided of the unchanged picture; None where the picture is new.
    """
    decision = decide(probabilities, abstain_below)
    if previous is None or decision.unsure:
        return decision
    if previous.unsure:
        sure = decision.confidence >= min(1.0, abstain_below + MARGIN / 3)
        return decision if sure else Decision(None, None, True, decision.confidence)
    if (previous.counted, previous.at_least) == (decision.counted, decision.at_least):
        return decision
    place = previous.counted if previous.at_least is None else previous.at_least
    kept = float(probabilities[place]) if place is not None and place < len(probabilities) else 0.0
    if decision.confidence - kept >= MARGIN:
        return decision
    if kept >= abstain_below:
        return Decision(previous.counted, previous.at_least, False, kept)
    return Decision(None, None, True, decision.confidence)


class Tally:
    """The frames of a count in progress, and the answer before."""

    def __init__(self, abstain_below: float) -> None:
        self.abstain_below = abstain_below
        self._rows: list[NDArray[Any]] = []
        self._previous: Decision | None = None

    @property
    def frames(self) -> int:
        """How many there are."""
        return len(self._rows)

    def add(self, row: NDArray[Any]) -> None:
        """Take one frame's probabilities, float32 [classes]."""
        self._rows.append(row)

    def drop(self) -> None:
        """Give up the count in progress."""
        self._rows.clear()

    def forget(self) -> None:
        """Give up the answer before, too: it was another model's, or of another time."""
        self.drop()
        self._previous = None

    def finish(self, unchanged: bool) -> tuple[Decision, tuple[float, ...]]:
        """Decide, and begin anew.

        Args:
            unchanged: whether the picture is still the one of the answer before.

        Returns:
            The decision, and the fused probabilities as messages hold them.
        """
        fused = fuse(self._rows)
        decision = steady(fused, self.abstain_below, self._previous if unchanged else None)
        self._rows.clear()
        self._previous = decision
        return decision, as_shares(fused)
