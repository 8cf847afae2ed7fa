"""A count against the quantity in the books: only what is believed matches, only what is contradicted mismatches."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.counting.verdict import MISMATCH_UP_TO, verify
from bintally.decision import as_shares, decide

shares = st.lists(st.floats(0.001, 1), min_size=7, max_size=7).map(lambda values: [value / sum(values) for value in values])


def _shares(**classes: float) -> list[float]:
    return [classes.get(f"_{place}", 0.0) for place in range(7)]


@pytest.mark.parametrize(
    ("probabilities", "expected", "verdict", "probability"),
    [
        (_shares(_3=0.8, _4=0.2), 3, "match", 0.8),
        (_shares(_3=0.8, _4=0.2), 4, "unsure", 0.2),
        (_shares(_3=0.9, _4=0.1), 4, "mismatch", 0.1),
        (_shares(_3=0.9, _4=0.1), 40, "mismatch", 0.0),
        (_shares(_3=0.5, _4=0.5), 3, "unsure", 0.5),
        (_shares(_3=0.5, _4=0.5), 0, "unsure", 0.0),
        (_shares(_6=0.9, _5=0.1), 6, "match", 0.9),
        (_shares(_6=0.9, _5=0.1), 88, "match", 0.9),
        (_shares(_6=0.9, _5=0.1), 5, "mismatch", 0.1),
    ],
)
def test_the_table(probabilities: list[float], expected: int, verdict: str, probability: float) -> None:
    said = verify(probabilities, decide(probabilities, 0.6), expected, "books", 6)
    assert (said.verdict, said.match_probability, said.expected, said.origin) == (verdict, probability, expected, "books")


def test_a_counter_that_answers_no_numbers_contradicts_nobody() -> None:
    values = [float("nan")] * 7
    assert verify(as_shares(values), decide(values, 0.6), 2, "command", 6).verdict == "unsure"
    assert verify(values, decide(_shares(_3=1.0), 0.6), 2, "command", 6).verdict == "unsure"


@given(shares, st.integers(0, 1_000_000), st.floats(0, 1))
def test_verdicts_follow_decision_and_probability(probabilities: list[float], expected: int, abstain_below: float) -> None:
    decision = decide(probabilities, abstain_below)
    said = verify(probabilities, decision, expected, "books", 6)
    place = min(expected, 6)
    assert said.match_probability == pytest.approx(probabilities[place], abs=1e-4)
    believed = decision.counted if decision.at_least is None else decision.at_least
    if decision.unsure:
        assert said.verdict == "unsure"
    elif believed == place:
        assert said.verdict == "match"
    else:
        assert said.verdict == ("mismatch" if probabilities[place] <= MISMATCH_UP_TO else "unsure")
