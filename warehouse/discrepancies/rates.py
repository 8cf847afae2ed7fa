"""How often alarms are false, how many wrong bins have none, and how many bins are wrong at all, from what people found (pure).

Nobody looks into every bin, and alarms are looked at much more often than bins that have none: among the bins that people happened to look
into, nearly every wrong one had an alarm, whatever the counter misses (*verification bias*). So the bins are taken apart by what the system said
of them, a share is estimated in each stratum from the bins of it that were looked into, and each stratum weighs as much as it has bins:

    wrong bins = sum over strata of bins x wrong / looked into

Which is right where the bins that were looked into are like the others of their stratum. Of bins without an alarm that is so only if they were
drawn at random (``bintally wms rates --draw``), and then it is the estimator with inverse-probability weights: each drawn bin stands for
bins / looked into of them. Who looked because something seemed wrong to him is no sample; his findings are not counted here. Alarms are looked
into the costliest first, and cost goes with the probability of being wrong: where many are left, the share of false ones is estimated too low.

Source:
    Begg, Greenes, Assessment of Diagnostic Tests when Disease Verification is Subject to Selection Bias, Biometrics 39 (1983), section 3.
    Wilson, Probable Inference (1927); Brown, Cai, DasGupta, Interval Estimation for a Binomial Proportion (2001), section 3.1.1.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import NormalDist

from bintally.errors import InputError

FEWEST_DRAWN = 50
"""Drawn bins below which a site's ``wrong_share`` is not replaced: with 50, all of them right, the share may still be 7 %."""
_CONFIDENCE = 0.95
_SMALLEST, _LARGEST = 0.002, 0.3


@dataclass(frozen=True)
class Stratum:
    """Bins of which the system said the same.

    Attributes:
        bins: how many.
        wrong: of those that somebody looked into, the books were wrong about so many.
        right: likewise.
    """

    bins: int
    wrong: int
    right: int

    def __post_init__(self) -> None:
        """Refuse numbers that can't be.

        Raises:
            InputError: one is negative, or more bins were looked into than there are.
        """
        if min(self.wrong, self.right) < 0 or self.looked > self.bins:
            raise InputError(f"{self}: must be 0 <= wrong, 0 <= right, wrong + right <= bins")

    @property
    def looked(self) -> int:
        """How many were looked into."""
        return self.wrong + self.right


@dataclass(frozen=True)
class Share:
    """An estimated share with a 95 % interval (or wider)."""

    value: float
    low: float
    high: float

    def words(self) -> str:
        """For people."""
        return f"{self.value:.1%} ({self.low:.1%} to {self.high:.1%})"


@dataclass(frozen=True)
class Rates:
    """What people's findings say of the alarms; None: nothing.

    Attributes:
        false_alarms: share of alarms about bins of which the books were right.
        missed: share of wrong bins that had neither an alarm nor a task.
        wrong_share: share of all bins about which the books were wrong.
    """

    false_alarms: Share | None
    missed: Share | None
    wrong_share: Share | None


def rates(alarms: Stratum, tasks: Stratum, quiet: Stratum) -> Rates:
    """Estimate the rates of a site and a time.

    Args:
        alarms: bins that had a mismatch, and what was found in them.
        tasks: bins that were unsure and had no mismatch.
        quiet: bins that had neither; only those that were drawn at random count as looked into.

    Returns:
        The rates. Of quiet bins nothing is known without a draw, and of the wrong ones among all then neither.
    """
    false_alarms = wilson(alarms.right, alarms.looked)
    alarmed, unsure, silent = (_wrong_bins(stratum) for stratum in (alarms, tasks, quiet))
    if alarmed is None or unsure is None or silent is None:
        return Rates(false_alarms, None, None)
    parts, bins = (alarmed, unsure, silent), alarms.bins + tasks.bins + quiet.bins
    value, low, high = (sum(getattr(part, name) for part in parts) for name in ("value", "low", "high"))
    if not value:
        return Rates(false_alarms, None, Share(0.0, low / bins, high / bins) if bins else None)
    # the fewer of the others are wrong, the larger is the quiet ones' part
    missed = Share(silent.value / value, _part(silent.low, high - silent.high), _part(silent.high, low - silent.low))
    return Rates(false_alarms, missed, Share(value / bins, low / bins, high / bins))


def kept(wrong_share: Share) -> float:
    """The share to reckon with from now on: estimated, but not so small or large that no count could prove the contrary."""
    return min(_LARGEST, max(_SMALLEST, wrong_share.value))


def wilson(hits: int, of: int, confidence: float = _CONFIDENCE) -> Share | None:
    """A share with Wilson's score interval: the shares p for which ``hits`` is within z standard deviations of ``of`` p; None if of = 0."""
    if of == 0:
        return None
    z2 = NormalDist().inv_cdf((1 + confidence) / 2) ** 2
    value = hits / of
    middle = (value + z2 / (2 * of)) / (1 + z2 / of)
    half = math.sqrt(z2 * (value * (1 - value) / of + z2 / (4 * of * of))) / (1 + z2 / of)
    return Share(value, 0.0 if hits == 0 else middle - half, 1.0 if hits == of else middle + half)


def _wrong_bins(stratum: Stratum) -> Share | None:
    """How many bins of a stratum are wrong; None if nobody looked. Bonferroni: the three intervals hold together, so ends can be added up."""
    share = wilson(stratum.wrong, stratum.looked, 1 - (1 - _CONFIDENCE) / 3)
    if share is None:
        return None if stratum.bins else Share(0.0, 0.0, 0.0)
    return Share(stratum.bins * share.value, stratum.bins * share.low, stratum.bins * share.high)


def _part(one: float, others: float) -> float:
    return one / (one + others) if one else 0.0
