"""What can be taken from a bin, by books and counts."""

from __future__ import annotations

import numpy as np
import pytest

from bintally.errors import InputError
from bintally.layouts.files import parse_layout
from warehouse.discrepancies.belief import Belief, judge, posterior, take
from warehouse.ledger.fold import View
from warehouse.ledger.places import Place
from warehouse.walks.stock import bins_of, sure_of

HALL = parse_layout(
    '[layout]\naisles = 4\naisle_pitch_m = 3.0\nblocks = [{ length_m = 12.0 }]\ndepot = { aisle = 0, cross_aisle = "front" }\nentry_m = 1.0',
    "hall",
)
SHARE = 0.03


def seen(counted: int, sure: float = 0.97, times: int = 1, classes: int = 7) -> Belief:
    """So many pictures, each after a movement, each as sure."""
    belief = None
    for _ in range(times):
        belief = take(belief, [sure if one == counted else (1 - sure) / (classes - 1) for one in range(classes)], "settled")
    assert belief is not None
    return belief


def at_least(belief: Belief, expected: int, wanted: int) -> float:
    """P(quantity >= wanted), class by class; the open class promises its lower bound only."""
    right, wrong = posterior(belief, expected, SHARE)
    total = right if expected >= wanted else 0.0
    for quantity, probability in enumerate(wrong):
        if quantity >= wanted:
            total += probability
    return total


def test_the_posterior_is_that_of_the_judgement():
    for expected in (0, 3, 6, 40):
        belief = seen(3, 0.6)
        right, wrong = posterior(belief, expected, SHARE)
        assert right + sum(wrong) == pytest.approx(1)
        assert sum(wrong) == pytest.approx(judge(belief, expected, 1.0, SHARE).p_wrong)


def test_the_largest_quantity_is_taken_that_is_sure_enough():
    rng = np.random.default_rng(1)
    for _ in range(300):
        belief = seen(int(rng.integers(7)), float(rng.uniform(0.2, 0.99)), int(rng.integers(1, 4)))
        expected, confidence = int(rng.integers(12)), float(rng.choice([0.5, 0.8, 0.9, 0.99]))
        most = max(wanted for wanted in range(50) if at_least(belief, expected, wanted) >= confidence - 1e-9)
        assert sure_of(belief, expected, SHARE, confidence) == most


@pytest.mark.parametrize(
    ("expected", "counted", "sure"),
    [
        (5, 5, 5),  # confirmed
        (5, 0, 0),  # known to be empty
        (5, 2, 2),  # known to be short
        (2, 5, 5),  # more than the books say, and seen often enough
        (40, 6, 40),  # the open class confirms the books
        (40, 3, 3),
        (3, 6, 6),  # six or more are seen: six are promised
    ],
)
def test_books_hold_where_counts_confirm_them_and_counts_where_they_do_not(expected: int, counted: int, sure: int) -> None:
    assert sure_of(seen(counted, times=6), expected, SHARE, 0.9) == sure


def test_an_unsure_count_lowers_what_is_promised_and_not_what_is_likely():
    belief = take(None, [0.0, 0.0, 0.2, 0.5, 0.1, 0.2, 0.0], "settled")
    view = View("s", "A", expected=5, article="bolt", belief=belief, likely=judge(belief, 5, 1.0, 0.3).likely)
    (found,) = bins_of([(view, Place("s", "A", 1, 2.0))], HALL, 0.3)
    assert (found.sure, found.likely) == (3, 5)


def test_a_bin_that_was_never_counted_holds_what_the_books_say():
    (found,) = bins_of([(View("s", "A", expected=5, article="bolt"), Place("s", "A", 1, 2.0))], HALL, SHARE, 0.99)
    assert (found.sure, found.likely, found.article) == (5, 5, "bolt")
    assert found.shelf is not None
    assert (found.shelf.column, found.shelf.y_m) == (1, 3.0)


def test_a_bin_whose_place_is_not_in_the_layout_has_none():
    known = [(View("s", name, expected=5, article="bolt"), place) for name, place in (("A", None), ("B", Place("s", "B", 9, 2.0)))]
    assert [one.shelf for one in bins_of(known, HALL, SHARE)] == [None, None]


@pytest.mark.parametrize("confidence", [0.49, 1.0, float("nan")])
def test_a_confidence_that_is_none_is_refused(confidence: float) -> None:
    with pytest.raises(InputError, match="confidence"):
        list(bins_of([], HALL, SHARE, confidence))
