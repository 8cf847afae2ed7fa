"""Several frames make one answer that is no surer than they are, and that does not flicker."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from agent.counting.tally import MARGIN, Tally, fuse, steady
from bintally.decision import Decision, decide

ABSTAIN = 0.4
shares = st.lists(st.floats(0.001, 1), min_size=7, max_size=7).map(lambda v: np.array(v, np.float32) / np.float32(sum(v)))


def _row(**classes: float) -> np.ndarray:
    row = np.zeros(7, np.float32)
    for name, share in classes.items():
        row[int(name[1:])] = share
    return row


def _answer(decision: Decision) -> tuple[int | None, int | None]:
    return decision.counted, decision.at_least


@given(st.lists(shares, min_size=1, max_size=9))
def test_the_mean_is_a_distribution_no_surer_than_its_surest_frame(rows: list[np.ndarray]) -> None:
    fused = fuse(rows)
    assert fused.dtype == np.float32
    assert abs(fused.sum() - 1) < 1e-5
    assert fused.max() <= max(row.max() for row in rows) + 1e-6


def test_one_frame_without_numbers_makes_the_count_unsure() -> None:
    tally = Tally(ABSTAIN)
    tally.add(_row(_2=1.0))
    tally.add(np.full(7, np.nan, np.float32))
    decision, probabilities = tally.finish(unchanged=False)
    assert decision.unsure
    assert probabilities == (0.0,) * 7


def test_the_open_class_is_decided_as_at_least() -> None:
    tally = Tally(ABSTAIN)
    tally.add(_row(_6=0.7, _5=0.3))
    assert tally.finish(unchanged=False)[0].at_least == 6


def test_a_heartbeat_does_not_flip_between_neighbours() -> None:
    tally = Tally(ABSTAIN)
    answers = []
    for three in (0.52, 0.49, 0.51, 0.47, 0.53):
        tally.add(_row(_3=three, _4=1 - three))
        answers.append(_answer(tally.finish(unchanged=True)[0]))
    assert answers == [(3, None)] * 5


def test_a_changed_bin_is_decided_without_the_past() -> None:
    tally = Tally(ABSTAIN)
    tally.add(_row(_3=0.52, _4=0.48))
    tally.finish(unchanged=False)
    tally.add(_row(_3=0.48, _4=0.52))
    assert tally.finish(unchanged=False)[0].counted == 4


def test_a_clearly_better_answer_replaces_the_one_before() -> None:
    assert steady(_row(_3=0.4, _4=0.6), ABSTAIN, Decision(3, None, False, 0.6)).counted == 4


def test_what_is_neither_kept_nor_clearly_beaten_is_unsure() -> None:
    assert steady(_row(_3=0.35, _4=0.45, _5=0.2), ABSTAIN, Decision(3, None, False, 0.6)).unsure


def test_an_unsure_answer_becomes_sure_only_clearly_above_the_threshold() -> None:
    unsure = Decision(None, None, True, 0.39)
    assert steady(_row(_3=0.41, _4=0.3, _5=0.29), ABSTAIN, unsure).unsure
    assert steady(_row(_3=0.46, _4=0.3, _5=0.24), ABSTAIN, unsure).counted == 3


@given(shares, st.lists(shares, min_size=1, max_size=3), st.floats(0, 1))
def test_an_answer_is_always_above_the_threshold_and_flips_only_by_the_margin(
    first: np.ndarray, later: list[np.ndarray], abstain_below: float
) -> None:
    previous = decide(first, abstain_below)
    for row in later:
        decision = steady(row, abstain_below, previous)
        assert decision.unsure or decision.confidence >= abstain_below
        if not previous.unsure and not decision.unsure and _answer(decision) != _answer(previous):
            place = previous.counted if previous.at_least is None else previous.at_least
            assert place is not None
            assert row.max() - row[place] >= MARGIN
        previous = decision


def test_a_dropped_count_leaves_nothing_behind() -> None:
    tally = Tally(ABSTAIN)
    tally.add(_row(_1=1.0))
    tally.drop()
    assert tally.frames == 0
    tally.add(_row(_2=1.0))
    assert tally.finish(unchanged=False)[0].counted == 2
    tally.forget()
    tally.add(_row(_2=0.49, _3=0.51))
    assert tally.finish(unchanged=True)[0].counted == 3
