from __future__ import annotations

import pytest

from bintally.errors import UsageError
from warehouse.discrepancies.belief import Judged
from warehouse.discrepancies.rules import Kind, Rules, Step, step

RULES = Rules()


def judged(p_wrong: float | None) -> Judged:
    return Judged(p_wrong, 3, 1.0)


@pytest.mark.parametrize(
    ("was", "p_wrong", "unsure", "expected"),
    [
        (None, 0.03, False, None),
        (None, 0.3, False, None),
        (None, 0.3, True, Step("unsure")),
        (None, 0.09, True, None),
        (None, 0.5, False, Step("mismatch")),
        (None, 0.5, True, Step("mismatch")),
        ("unsure", 0.3, True, None),
        ("unsure", 0.3, False, None),
        ("unsure", 0.6, True, Step("mismatch")),
        ("unsure", 0.04, True, Step(None, "counted away")),
        ("mismatch", 0.9, False, None),
        ("mismatch", 0.3, False, None),
        ("mismatch", 0.3, True, Step("unsure")),
        ("mismatch", 0.05, False, None),
        ("mismatch", 0.049, False, Step(None, "counted away")),
    ],
)
def test_follows_the_table(was: Kind | None, p_wrong: float, unsure: bool, expected: Step | None) -> None:
    assert step(was, judged(p_wrong), unsure, RULES) == expected


@pytest.mark.parametrize("silent", [None, judged(None)])
def test_books_that_say_nothing_supersede_what_is_open_and_open_nothing(silent: Judged | None) -> None:
    assert step("mismatch", silent, True, RULES) == Step(None, "superseded")
    assert step(None, silent, True, RULES) is None


@pytest.mark.parametrize("was", [None, "unsure", "mismatch"])
@pytest.mark.parametrize("unsure", [False, True])
def test_the_same_judgement_twice_changes_nothing_more(was: Kind | None, unsure: bool) -> None:
    for percent in range(1, 100):
        first = step(was, judged(percent / 100), unsure, RULES)
        kind = was if first is None else first.kind
        assert step(kind, judged(percent / 100), unsure, RULES) is None


@pytest.mark.parametrize("wrong", [{"settle": 0.1}, {"mismatch": 1.0}, {"unsure": 0.6}, {"wrong_share": 0.0}, {"settle": float("nan")}])
def test_contradicting_thresholds_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(UsageError):
        Rules(**wrong)
