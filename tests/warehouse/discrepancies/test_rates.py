from __future__ import annotations

import math

import numpy as np
import pytest

from bintally.errors import InputError
from warehouse.discrepancies.rates import Stratum, rates, wilson

NOTHING = Stratum(0, 0, 0)


@pytest.mark.parametrize(("hits", "of"), [(0, 1), (0, 20), (1, 20), (7, 9), (20, 20), (300, 1000)])
def test_the_interval_holds_the_shares_that_the_score_test_does_not_refuse(hits: int, of: int) -> None:
    share = wilson(hits, of)
    assert share is not None
    kept = [p for p in np.linspace(0, 1, 100_001) if abs(hits - of * p) <= 1.959964 * math.sqrt(of * p * (1 - p)) + 1e-12]
    assert share.low == pytest.approx(min(kept), abs=2e-5)
    assert share.high == pytest.approx(max(kept), abs=2e-5)


def test_nothing_looked_into_says_nothing() -> None:
    assert wilson(0, 0) is None
    found = rates(Stratum(5, 0, 0), NOTHING, Stratum(95, 0, 0))
    assert (found.false_alarms, found.missed, found.wrong_share) == (None, None, None)


def test_findings_in_alarms_say_nothing_of_what_was_missed() -> None:
    found = rates(Stratum(10, 8, 2), NOTHING, Stratum(990, 0, 0))
    assert found.false_alarms is not None
    assert found.false_alarms.value == pytest.approx(0.2)
    assert found.missed is None
    assert found.wrong_share is None


def test_drawn_bins_stand_for_all_that_were_not_drawn() -> None:
    found = rates(Stratum(20, 8, 2), Stratum(80, 5, 15), Stratum(900, 1, 99))
    assert found.wrong_share is not None
    assert found.missed is not None
    assert found.wrong_share.value == pytest.approx((16 + 20 + 9) / 1000)
    assert found.missed.value == pytest.approx(9 / 45)
    assert found.missed.low < 9 / 45 < found.missed.high


def test_a_site_without_a_wrong_bin_has_no_misses_to_speak_of() -> None:
    found = rates(NOTHING, NOTHING, Stratum(100, 0, 100))
    assert found.missed is None
    assert found.wrong_share is not None
    assert (found.wrong_share.value, found.wrong_share.low) == (0, 0)
    assert 0 < found.wrong_share.high < 0.1


def test_alarms_are_looked_into_and_quiet_bins_are_not_yet_the_estimate_is_unbiased_and_the_plain_share_is_not() -> None:
    random = np.random.default_rng(1)
    estimated, plain, held = [], [], 0
    for _ in range(300):
        wrong = random.random(5000) < 0.04
        alarm = random.random(5000) < np.where(wrong, 0.6, 0.01)
        looked = alarm & (random.random(5000) < 0.9)
        drawn = random.permutation(np.flatnonzero(~alarm))[:400]
        found = rates(
            _stratum(alarm, wrong, looked), NOTHING, Stratum(int((~alarm).sum()), int(wrong[drawn].sum()), int((~wrong[drawn]).sum()))
        )
        truth = (wrong & ~alarm).sum() / wrong.sum()
        assert found.missed is not None
        estimated.append(found.missed.value - truth)
        plain.append(wrong[drawn].sum() / (wrong[drawn].sum() + (wrong & looked).sum()) - truth)
        held += found.missed.low <= truth <= found.missed.high
    assert abs(np.mean(estimated)) < 0.02
    assert np.mean(plain) < -0.25
    assert held >= 0.95 * 300


@pytest.mark.parametrize("numbers", [(1, 1, 1), (5, -1, 0), (5, 0, -1)])
def test_numbers_that_cannot_be_are_refused(numbers: tuple[int, int, int]) -> None:
    with pytest.raises(InputError):
        Stratum(*numbers)


def _stratum(members: np.ndarray, wrong: np.ndarray, looked: np.ndarray) -> Stratum:
    return Stratum(int(members.sum()), int((looked & wrong).sum()), int((looked & ~wrong).sum()))
