"""The belief beside a slow filter over a long row of quantities, written from the definition alone."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bintally.messages.events import Trigger
from warehouse.discrepancies.belief import Belief, carried, judge, take

LONG = 400
"""Quantities of the reference: what lies beyond has a probability below 2^-300."""
Count = tuple[list[float], Trigger]
SURE_3 = [0.001, 0.002, 0.01, 0.9, 0.06, 0.02, 0.007]
SURE_6 = [0.0, 0.0, 0.0, 0.0, 0.01, 0.02, 0.97]
LOOK_3: Count = (SURE_3, "settled")
HEARTBEAT_3: Count = (SURE_3, "heartbeat")
LOOK_6: Count = (SURE_6, "settled")
FLAT = [1 / 7] * 7
PROBABILITIES = st.lists(st.floats(0, 1), min_size=2, max_size=9).filter(lambda given: sum(given) > 0.01)
HISTORIES = st.lists(st.tuples(PROBABILITIES, st.sampled_from(["image", "settled", "heartbeat", "command"])), min_size=1, max_size=6)


def believed(*counts: Count) -> Belief:
    belief = None
    for probabilities, trigger in counts:
        belief = take(belief, probabilities, trigger)
    assert belief is not None
    return belief


def reference(counts: list[Count], expected: int, wrong_share: float) -> tuple[float, float]:
    """P(wrong) and the expected error, class by class where the filter works with classes, quantity by quantity at the end."""
    before, scene, pictures = np.ones(1), np.ones(1), 0
    for number, (probabilities, trigger) in enumerate(counts):
        k, classes = len(probabilities), max(len(scene), len(probabilities))
        seen = [0.98 * p / sum(probabilities) * k + 0.02 for p in probabilities]
        before, scene, likelihood = (np.array([*row, *[row[-1]] * (classes - len(row))]) for row in (before, scene, seen))
        if number and trigger in ("image", "settled"):
            now = (before * scene ** (1 / (1 + (pictures - 1) * 0.9))) ** 0.6
            for q in range(classes):
                weights = [2.0 ** -abs(q - other) * (other != q) for other in range(classes)]
                before[q] = 0.95 * now[q] + 0.05 * np.dot(weights, now) / sum(weights)
            scene, pictures = np.ones(classes), 0
        scene, pictures = scene * likelihood, pictures + 1
    total = before * scene ** (1 / (1 + (pictures - 1) * 0.9))
    return against_books(total, expected, wrong_share)


def against_books(likelihood: np.ndarray, expected: int, wrong_share: float) -> tuple[float, float]:
    classes = len(likelihood)
    quantities = np.arange(LONG)
    held = np.minimum(quantities, classes - 1)
    prior = np.where(quantities == expected, 0.0, 2.0 ** -np.abs(quantities - expected))
    prior *= 0.75 * wrong_share / prior.sum()
    elsewhere = [q for q in range(classes - 1) if q != expected] + [-1]
    for q in elsewhere:  # of the open class, the nearest quantity that is not the expected one
        nearest = q if q >= 0 else classes - 1 if expected < classes - 1 else expected + 1
        prior[nearest] += 0.25 * wrong_share / len(elsewhere)
    prior[expected] = 1 - wrong_share
    posterior = prior * likelihood[held]
    posterior /= posterior.sum()
    return 1 - posterior[expected], float(posterior @ np.abs(quantities - expected))


@given(HISTORIES, st.integers(0, 15), st.floats(0.005, 0.5))
def test_agrees_with_a_filter_written_out(counts: list[Count], expected: int, wrong_share: float) -> None:
    judged = judge(believed(*counts), expected, 2.5, wrong_share)
    p_wrong, error = reference(counts, expected, wrong_share)
    assert judged.p_wrong == pytest.approx(p_wrong, rel=5e-3, abs=1e-9)  # logarithms are kept with four decimals
    assert judged.cost == pytest.approx(2.5 * error, rel=5e-3, abs=1e-9)


def test_a_count_of_what_is_expected_lowers_the_doubt_and_another_raises_it() -> None:
    belief = believed(LOOK_3)
    match, mismatch = judge(belief, 3, 1.0, 0.03), judge(belief, 5, 1.0, 0.03)
    assert match.p_wrong is not None
    assert mismatch.p_wrong is not None
    assert match.p_wrong < 0.03 < mismatch.p_wrong
    assert match.likely == 3


def test_independent_mismatches_add_up_to_an_alarm() -> None:
    found = [judge(believed(*[LOOK_3] * times), 4, 1.0, 0.03).p_wrong or 0.0 for times in (1, 2, 3)]
    assert found == sorted(found)
    assert found[0] < 0.5 < found[2]


def test_a_bin_that_stands_still_all_night_proves_no_more_than_its_picture() -> None:
    once = judge(believed(LOOK_3), 4, 1.0, 0.03).p_wrong
    all_night = judge(believed(LOOK_3, *[HEARTBEAT_3] * 1000), 4, 1.0, 0.03).p_wrong
    two_looks = judge(believed(*[LOOK_3] * 2), 4, 1.0, 0.03).p_wrong
    assert once is not None
    assert all_night is not None
    assert two_looks is not None
    assert once < all_night < two_looks


def test_no_picture_decides_more_than_one_that_can_be_of_something_else() -> None:
    certain = believed(([0, 0, 0, 1, 0, 0, 0], "settled"))
    assert max(certain.logs()) - min(certain.logs()) == pytest.approx(math.log((0.98 * 7 + 0.02) / 0.02), abs=1e-3)


def test_after_a_movement_old_pictures_prove_less() -> None:
    seen = [LOOK_3] * 5
    then_flat = believed(*seen, (FLAT, "settled"))
    sure, less = judge(believed(*seen), 3, 1.0, 0.03).p_wrong, judge(then_flat, 3, 1.0, 0.03).p_wrong
    assert sure is not None
    assert less is not None
    assert sure < less


def test_the_open_class_confirms_a_large_quantity_but_cannot_prove_it() -> None:
    confirmed = judge(believed(*[LOOK_6] * 20), 9, 1.0, 0.03)
    assert confirmed.p_wrong is not None
    assert 0.01 < confirmed.p_wrong < 0.03
    assert confirmed.likely == 9


def test_the_open_class_speaks_against_a_small_quantity() -> None:
    judged = judge(believed(*[LOOK_6] * 3), 2, 1.0, 0.03)
    assert judged.p_wrong is not None
    assert judged.p_wrong > 0.9
    assert judged.likely == 6


def test_an_empty_bin_of_which_the_books_expect_a_thousand_is_found() -> None:
    nothing = [0.97, 0.01, 0.01, 0.01, 0, 0, 0]
    judged = judge(believed((nothing, "settled"), (nothing, "settled")), 1000, 1.0, 0.03)
    assert judged.p_wrong is not None
    assert judged.p_wrong > 0.5
    assert judged.likely == 0
    assert judged.cost > 500


def test_an_error_of_the_books_is_still_there_after_a_pick_that_they_are_told_of() -> None:
    error = believed(LOOK_3, LOOK_3)
    found = take(carried(error, -1), [0.001, 0.01, 0.9, 0.08, 0.007, 0.001, 0.001], "settled")
    anew = believed(([0.001, 0.01, 0.9, 0.08, 0.007, 0.001, 0.001], "settled"))
    assert (judge(found, 3, 1.0, 0.03).p_wrong or 0) > 2 * (judge(anew, 3, 1.0, 0.03).p_wrong or 0)


def test_books_that_are_put_right_raise_no_alarm() -> None:
    after = carried(believed(*[LOOK_3] * 10), -1)
    assert (judge(after, 3, 1.0, 0.03).p_wrong or 0) < 0.2, "4 were expected, 3 counted, and 3 are expected now"
    assert (judge(take(after, SURE_3, "settled"), 3, 1.0, 0.03).p_wrong or 0) < 0.05


@pytest.mark.parametrize("items", [-100, -3, 0, 2, 100])
def test_what_is_carried_over_a_change_of_the_books_stays_a_belief(items: int) -> None:
    after = carried(believed(LOOK_3, HEARTBEAT_3), items)
    expected = max(0, 3 + items)
    found = judge(take(after, FLAT, "settled"), expected, 1.0, 0.03).p_wrong
    assert found is not None
    assert found < 0.1, "the books were right, and are"


def test_books_that_say_nothing_leave_the_most_probable_quantity() -> None:
    judged = judge(believed(LOOK_3), None, 1.0, 0.03)
    assert (judged.p_wrong, judged.likely, judged.cost) == (None, 3, 0.0)


@pytest.mark.parametrize("nothing", [[0.0] * 7, [math.nan] * 7, [-1.0, -math.inf, math.nan], FLAT])
def test_a_picture_that_says_nothing_leaves_the_prior(nothing: list[float]) -> None:
    assert judge(believed((nothing, "settled")), 2, 1.0, 0.03).p_wrong == pytest.approx(0.03)


def test_counters_with_other_classes_speak_of_the_same_bin() -> None:
    more_classes = [0.0, 0, 0, 0, 0, 0, 0, 0.95, 0.05]
    belief = believed((SURE_6, "settled"), (more_classes, "settled"), (SURE_6, "heartbeat"))
    judged = judge(belief, 7, 1.0, 0.03)
    assert judged.likely == 7
    assert judged.p_wrong is not None
    assert judged.p_wrong < 0.03


def test_shares_of_the_calibration_data_are_taken_out() -> None:
    shares = [0.1, 0.8, 0.1]
    belief = take(None, shares, "settled", shares)
    assert belief.logs() == (0.0, 0.0, 0.0), "a counter that says the shares has seen nothing"


def test_a_thousand_classes_do_not_fill_the_ledger() -> None:
    belief = believed(([0.001] * 1000, "settled"), ([1.0] + [0.0] * 999, "settled"))
    assert len(belief.logs()) == 64
    assert judge(belief, 0, 1.0, 0.03).likely == 0


@given(HISTORIES)
def test_survives_json(counts: list[Count]) -> None:
    belief = believed(*counts)
    assert Belief.from_json(json.loads(json.dumps(belief.as_json()))) == belief
