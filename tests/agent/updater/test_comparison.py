"""Whether a new model is worse than its limits allow: plain figures, and how often chance alone decides."""

from __future__ import annotations

import random
from itertools import product

import pytest

from agent.updater.comparison import LEAST_TIMED, Comparison, at_least
from bintally.decision import Decision
from bintally.messages.model import Limits

UNSURE = Decision(None, None, True, 0.4)
AT_ONCE = Limits(
    shadow_frames=0, shadow_s=0, probation_s=0, crashes=1000, errors=1000, slower=100, unsure=1, disagreement=1, least_counts=100_000
)


def counted(number: int) -> Decision:
    return Decision(number, None, False, 0.9)


def or_more(number: int) -> Decision:
    return Decision(None, number, False, 0.9)


def compared(*pairs: tuple[Decision, Decision], old_ms: float = 20.0, new_ms: float = 20.0, at: float = 0.0) -> Comparison:
    comparison = Comparison()
    for old, new in pairs:
        comparison.pair(old, new, old_ms, new_ms, at)
    return comparison


@pytest.mark.parametrize(
    ("old", "new", "differ"),
    [
        (counted(3), counted(3), False),
        (counted(3), counted(4), True),
        (or_more(6), or_more(6), False),
        (or_more(6), counted(8), False),
        (or_more(6), or_more(9), False),
        (or_more(6), counted(5), True),
        (counted(8), or_more(6), False),
        (counted(2), or_more(6), True),
        (UNSURE, counted(2), False),
        (counted(2), UNSURE, False),
        (counted(0), counted(0), False),
    ],
)
def test_answers_differ_where_they_contradict_each_other(old: Decision, new: Decision, differ: bool) -> None:
    assert compared((old, new)).trial(0).disagreement == float(differ)


def test_a_model_that_does_as_the_one_before_has_no_fault_and_its_figures_are_told() -> None:
    comparison = compared(*[(counted(1), counted(1))] * 30, (counted(2), counted(3)), (UNSURE, counted(3)))
    for unsure in (False, False, False, True):
        comparison.counted(unsure)
    assert comparison.fault(Limits()) is None
    told = comparison.trial(1)
    assert (told.frames, told.disagreement, told.counted, told.unsure, told.unsure_before) == (32, 0.0312, 4, 0.25, 0.0312)
    assert (told.frame_ms, told.frame_ms_before, told.errors, told.crashes) == (20.0, 20.0, 0, 1)


def test_one_error_more_than_allowed_is_a_fault() -> None:
    comparison = Comparison()
    for _ in range(3):
        comparison.error()
    assert comparison.fault(Limits(errors=3)) is None
    comparison.error()
    assert comparison.fault(Limits(errors=3)) == "4 frames could not be counted; 3 are allowed"


@pytest.mark.parametrize(
    ("old_ms", "new_ms", "frames", "slow"),
    [(20, 41, LEAST_TIMED, True), (20, 39, 30, False), (20, 90, LEAST_TIMED - 1, False), (0.2, 4, 30, False)],
)
def test_a_slow_model_is_a_fault_after_a_few_frames_unless_nobody_would_notice(
    old_ms: float, new_ms: float, frames: int, slow: bool
) -> None:
    fault = compared(*[(counted(1), counted(1))] * frames, old_ms=old_ms, new_ms=new_ms).fault(Limits())
    assert fault == ("a frame takes 41 ms, before 20; 2 times as long is allowed" if slow else None)


def test_another_answer_too_often_is_a_fault_after_enough_counts() -> None:
    other = [(counted(1), counted(2))] * 3 + [(counted(1), counted(1))]
    assert compared(*other * 4).fault(Limits(disagreement=0.5)) is None
    assert "15 of 20 frames have another answer" in (compared(*other * 5).fault(Limits(disagreement=0.5)) or "")
    assert compared(*other * 5).fault(Limits(disagreement=0.75)) is None


def test_a_model_that_abstains_always_is_a_fault_after_the_least_counts() -> None:
    assert compared(*[(counted(1), UNSURE)] * 19).fault(Limits()) is None
    assert compared(*[(counted(1), UNSURE)] * 20).fault(Limits()) == "20 of 20 frames are unsure, before 0; 10% more are allowed"
    assert compared(*[(UNSURE, UNSURE)] * 50).fault(Limits()) is None, "it is the goods"
    assert compared(*[(counted(1), UNSURE)] * 3, *[(counted(1), counted(1))] * 17).fault(Limits()) is None, "it may be chance"


def test_the_tail_of_a_fair_coin_is_what_counting_all_tosses_gives() -> None:
    for tosses in range(9):
        for heads in range(tosses + 1):
            plain = sum(sum(one) >= heads for one in product((0, 1), repeat=tosses)) / 2**tosses
            assert at_least(heads, tosses) == plain


@pytest.mark.parametrize(("worse", "least", "most"), [(0.0, 0.0, 0.01), (0.3, 0.95, 1.0)])
def test_chance_rolls_few_good_models_back_and_saves_few_bad_ones(worse: float, least: float, most: float) -> None:
    """Both are unsure in 8 % of frames, each in its own; the new one in more of them. Judged after each of 100 counts."""
    rng = random.Random(8)  # noqa: S311 - repeatable
    found = 0
    for _ in range(200):
        comparison = Comparison()
        for _ in range(100):
            old, new = (UNSURE if rng.random() < share else counted(1) for share in (0.08, 0.08 + worse))
            comparison.pair(old, new, 20.0, 20.0, 0.0)
            if comparison.fault(Limits()):
                found += 1
                break
    assert least <= found / 200 <= most


def test_the_shadow_run_ends_by_frames_or_by_time_after_the_first_of_them() -> None:
    limits = Limits(shadow_frames=3, shadow_s=60.0)
    assert not Comparison().is_over(limits, 1e9)
    assert not compared((counted(1), counted(1)), at=5.0).is_over(limits, 64.9)
    assert compared((counted(1), counted(1)), at=5.0).is_over(limits, 65.0)
    assert compared(*[(counted(1), counted(1))] * 3, at=5.0).is_over(limits, 5.0)
    assert Comparison().is_over(AT_ONCE, 0.0)


def test_the_probation_lasts_from_the_switch_however_often_that_is_told() -> None:
    comparison = compared(*[(counted(1), counted(1))] * 30)
    comparison.switched(100.0)
    comparison.switched(500.0)
    assert not comparison.is_over(Limits(probation_s=900.0), 999.9)
    assert comparison.is_over(Limits(probation_s=900.0), 1000.0)


def test_the_way_back_is_open_at_once_whatever_the_old_model_did() -> None:
    comparison = compared(*[(counted(1), UNSURE)] * 100, old_ms=1.0, new_ms=90.0)
    comparison.switched(0.0)
    assert comparison.fault(AT_ONCE) is None
    assert comparison.is_over(AT_ONCE, 0.0)
