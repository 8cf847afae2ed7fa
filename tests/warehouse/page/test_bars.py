"""The bars of a belief, beside Bayes' rule written out."""

from __future__ import annotations

import math

import pytest

from warehouse.discrepancies.belief import Belief, posterior, take
from warehouse.ledger.fold import View
from warehouse.page.bars import bars, shares

LOOK = [0.01, 0.02, 0.9, 0.03, 0.02, 0.01, 0.01]


def belief(looks: int = 1) -> Belief:
    found = None
    for _ in range(looks):
        found = take(found, LOOK, "settled")
    assert found
    return found


@pytest.mark.parametrize("expected", [None, 0, 2, 5, 6, 40])
def test_the_shares_are_a_distribution(expected: int | None) -> None:
    found = shares(belief(), expected, 0.03)
    assert len(found) == 7
    assert sum(found) == pytest.approx(1)
    assert all(share >= 0 for share in found)


def test_without_books_the_shares_are_the_likelihoods_scaled() -> None:
    likelihoods = [math.exp(log) for log in belief().logs()]
    assert shares(belief(), None, 0.03) == pytest.approx([one / sum(likelihoods) for one in likelihoods])


@pytest.mark.parametrize(("expected", "bar"), [(2, 2), (4, 4), (6, 6), (40, 6)])
def test_what_the_books_say_is_in_the_bar_of_its_quantity(expected: int, bar: int) -> None:
    right, wrong = posterior(belief(), expected, 0.03)
    found = shares(belief(), expected, 0.03)
    assert found[bar] == pytest.approx(right + wrong[bar])
    assert sum(found) - found[bar] == pytest.approx(sum(wrong) - wrong[bar])


def test_the_bars_name_the_open_class_and_mark_the_books() -> None:
    drawn = bars(View("s", "b", expected=40, belief=belief()), 0.03)
    assert drawn
    assert 'class="booked">6+<' in drawn
    assert drawn.count("<rect") == 7
    assert bars(View("s", "b"), 0.03) is None
