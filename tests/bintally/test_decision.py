"""What probabilities mean."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bintally.decision import Decision, as_shares, decide


def shares(*values: float) -> np.ndarray:
    return np.array(values, np.float32)


@pytest.mark.parametrize(
    ("probabilities", "abstain_below", "decision", "words"),
    [
        (shares(0.1, 0.7, 0.2), 0.5, Decision(1, None, False, 0.7), "1"),
        (shares(0.9, 0.1, 0.0), 0.5, Decision(0, None, False, 0.9), "0"),
        (shares(0.1, 0.2, 0.7), 0.5, Decision(None, 2, False, 0.7), "2 or more"),
        (shares(0.4, 0.35, 0.25), 0.5, Decision(None, None, True, 0.4), "unsure"),
        (shares(0.5, 0.25, 0.25), 0.5, Decision(0, None, False, 0.5), "0"),
        (shares(0.4, 0.3, 0.3), 0.0, Decision(0, None, False, 0.4), "0"),
        (shares(1.0000001, 0, 0), 0.99, Decision(0, None, False, 1.0), "0"),
        (shares(1, 0, 0), 1.0, Decision(None, None, True, 1.0), "unsure"),
    ],
)
def test_the_most_probable_class_is_the_answer(probabilities: np.ndarray, abstain_below: float, decision: Decision, words: str) -> None:
    decided = decide(probabilities, abstain_below)
    assert (decided.counted, decided.at_least, decided.unsure) == (decision.counted, decision.at_least, decision.unsure)
    assert decided.confidence == pytest.approx(decision.confidence)
    assert decided.confidence <= 1
    assert decided.words() == words


def test_probabilities_that_are_no_numbers_are_never_an_answer() -> None:
    assert decide(shares(np.nan, 0.9, 0.1), 0.0).unsure
    assert decide(shares(0.9, np.nan, 0.1), 0.5).unsure


@given(st.lists(st.floats(0, 1, width=32), min_size=2, max_size=9), st.floats(0, 1))
def test_there_is_exactly_one_answer_and_it_keeps_its_threshold(values: list[float], abstain_below: float) -> None:
    decided = decide(np.array(values, np.float32), abstain_below)
    assert [decided.counted is not None, decided.at_least is not None, decided.unsure].count(True) == 1
    assert decided.confidence == max(values)
    assert decided.unsure == (decided.confidence < abstain_below or abstain_below == 1)
    if not decided.unsure:
        best = decided.counted if decided.counted is not None else decided.at_least
        assert best is not None
        assert values[best] == max(values)
        assert (decided.at_least is not None) == (best == len(values) - 1)


def test_shares_fit_into_a_message() -> None:
    assert as_shares(shares(0.25, 1.0000001, -1e-9)) == (0.25, 1.0, 0.0)
    assert as_shares(shares(np.nan, np.inf, -np.inf)) == (0.0, 0.0, 0.0)
