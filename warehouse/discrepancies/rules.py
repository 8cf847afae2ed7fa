"""What is done about a belief: at most one open discrepancy a bin (pure). docs/ledger.md has the table."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from bintally.errors import UsageError
from warehouse.discrepancies.belief import Judged

Kind = Literal["mismatch", "unsure"]
"""An alarm, or a task: somebody should look."""
Outcome = Literal["books wrong", "books right", "counted away", "superseded"]
"""How one was settled: by a person, who found another quantity or the expected one; by later counts; or by a change of the books."""


@dataclass(frozen=True)
class Rules:
    """Thresholds of P(wrong), 0 < settle < unsure < mismatch < 1.

    Attributes:
        mismatch: from here on it is an alarm.
        unsure: from here on, if the newest count is unsure, somebody should look.
        settle: below it an open one was counted away. Lower than ``unsure``, so that a bin on the edge does not open and close all day.
        wrong_share: share of bins about which the books are wrong, where a site has no figure of its own; in (0, 1).
    """

    mismatch: float = 0.5
    unsure: float = 0.1
    settle: float = 0.05
    wrong_share: float = 0.03

    def __post_init__(self) -> None:
        """Refuse thresholds that contradict each other.

        Raises:
            UsageError: they are out of order, or a share is none.
        """
        if not 0 < self.settle < self.unsure < self.mismatch < 1:
            raise UsageError(f"{self}: must be 0 < settle < unsure < mismatch < 1")
        if not 0 < self.wrong_share < 1:
            raise UsageError(f"wrong_share = {self.wrong_share}: must be above 0 and below 1, for instance 0.03")


@dataclass(frozen=True)
class Step:
    """What happens to a bin's discrepancy.

    Attributes:
        kind: what it is from now on; one that was not open is opened. None: it is settled.
        outcome: how it is settled.
    """

    kind: Kind | None
    outcome: Outcome | None = None


def step(open_kind: Kind | None, judged: Judged | None, unsure: bool, rules: Rules) -> Step | None:
    """Find what a bin's newest judgement does to its discrepancy.

    Args:
        open_kind: of the one that is open; None: none is.
        judged: the belief against the books; None, or without a probability: nothing was counted, or the books say nothing.
        unsure: whether the newest count is.
        rules: the thresholds.

    Returns:
        None if all stays as it is (its figures follow the belief nevertheless).
    """
    p_wrong = None if judged is None else judged.p_wrong
    if p_wrong is None:
        return None if open_kind is None else Step(None, "superseded")
    if p_wrong >= rules.mismatch:
        return None if open_kind == "mismatch" else Step("mismatch")
    if unsure and p_wrong >= rules.unsure:
        return None if open_kind == "unsure" else Step("unsure")
    return Step(None, "counted away") if open_kind is not None and p_wrong < rules.settle else None
