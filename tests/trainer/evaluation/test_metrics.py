"""Metrics against plain loops over the definitions."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from trainer.evaluation.metrics import always_the_same, confusion, scores

Answers = tuple[np.ndarray, np.ndarray]


@st.composite
def answers(draw: st.DrawFn, min_size: int = 1) -> Answers:
    """Probabilities float32 [n, 7] and quantities [n]."""
    number = draw(st.integers(min_size, 40))
    weights = draw(arrays(np.float32, (number, 7), elements=st.floats(0.0625, 1, width=32)))
    quantities = draw(arrays(np.int64, number, elements=st.integers(0, 12)))
    return weights / weights.sum(1, keepdims=True), quantities


def challenge(probabilities: np.ndarray, quantities: np.ndarray) -> dict[str, Any]:
    """The ABID challenge in plain Python: images with at most five items, the likeliest of 0 to 5 is the answer."""
    pairs = []
    for row, quantity in zip(probabilities.tolist(), quantities.tolist(), strict=True):
        if quantity <= 5:
            likeliest = max(range(6), key=lambda k: row[k])
            pairs.append((likeliest, quantity))
    if not pairs:
        return {"n": 0, "accuracy": None, "rmse": None, "mae": None, "within_one": None}
    return {
        "n": len(pairs),
        "accuracy": sum(c == q for c, q in pairs) / len(pairs),
        "rmse": math.sqrt(sum((c - q) ** 2 for c, q in pairs) / len(pairs)),
        "mae": sum(abs(c - q) for c, q in pairs) / len(pairs),
        "within_one": sum(abs(c - q) <= 1 for c, q in pairs) / len(pairs),
    }


@given(answers())
def test_scores_follow_the_challenge(given_: Answers) -> None:
    probabilities, quantities = given_
    found = scores(probabilities, quantities)
    for name, value in challenge(probabilities, quantities).items():
        assert found[name] == (value if value is None else pytest.approx(value)), name


@given(answers())
def test_figures_per_class_are_the_challenge_on_that_class_alone(given_: Answers) -> None:
    probabilities, quantities = given_
    per_class = scores(probabilities, quantities)["per_class"]
    assert list(per_class) == ["0", "1", "2", "3", "4", "5"]
    for k in range(6):
        here = quantities == k
        expected = challenge(probabilities[here], quantities[here])
        assert per_class[str(k)]["n"] == expected["n"]
        for name in ("accuracy", "rmse", "within_one"):
            value = expected[name]
            assert per_class[str(k)][name] == (value if value is None else pytest.approx(value))


@given(answers())
def test_accuracy_over_all_classes_counts_six_or_more_as_one(given_: Answers) -> None:
    probabilities, quantities = given_
    found = scores(probabilities, quantities)
    right = [max(range(7), key=lambda k: row[k]) == min(q, 6) for row, q in zip(probabilities.tolist(), quantities.tolist(), strict=True)]
    assert found["n_all"] == len(quantities)
    assert found["accuracy_all"] == pytest.approx(sum(right) / len(right))
    several = [ok for ok, q in zip(right, quantities.tolist(), strict=True) if q >= 6]
    assert found["per_class_all"]["6+"]["n"] == len(several)
    assert found["per_class_all"]["6+"]["accuracy"] == (pytest.approx(sum(several) / len(several)) if several else None)


def test_the_open_class_never_answers_a_question_about_at_most_five() -> None:
    probabilities = np.array([[0.0, 0.0, 0.1, 0.2, 0.0, 0.0, 0.7]])
    found = scores(probabilities, np.array([3]))
    assert (found["accuracy"], found["rmse"], found["accuracy_all"]) == (1.0, 0.0, 0.0)


def test_images_with_six_or_more_do_not_change_the_challenge_figures() -> None:
    few = np.eye(7)[[2, 3]]
    many = np.eye(7)[[0, 0]]
    alone = scores(few, np.array([2, 4]))
    mixed = scores(np.concatenate((few, many)), np.array([2, 4, 6, 11]))
    assert {k: alone[k] for k in ("n", "accuracy", "rmse", "mae", "per_class")} == {
        k: mixed[k] for k in ("n", "accuracy", "rmse", "mae", "per_class")
    }
    assert (mixed["n_all"], mixed["accuracy_all"]) == (4, 0.25)


def test_no_image_gives_no_figure() -> None:
    found = scores(np.zeros((0, 7)), np.zeros(0, int))
    assert (found["n"], found["n_all"]) == (0, 0)
    assert all(found[name] is None for name in ("accuracy", "rmse", "mae", "accuracy_all", "ece"))
    assert found["per_class"]["3"] == {"accuracy": None, "rmse": None, "within_one": None, "n": 0}


def test_only_large_bins_give_no_challenge_figure() -> None:
    found = scores(np.eye(7)[[6, 6, 1]], np.array([6, 9, 7]))
    assert (found["n"], found["accuracy"], found["rmse"], found["mae"]) == (0, None, None, None)
    assert found["accuracy_all"] == pytest.approx(2 / 3)


@pytest.mark.parametrize(("shape", "number"), [((3, 6), 3), ((3, 8), 3), ((2, 7), 3), ((7,), 7), ((3, 7, 1), 3), ((0, 7), 1)])
def test_shapes_that_do_not_fit_are_refused(shape: tuple[int, ...], number: int) -> None:
    with pytest.raises(ValueError, match="do not fit"):
        scores(np.zeros(shape), np.zeros(number, int))


@given(answers())
def test_the_confusion_matrix_counts_every_image_once_and_its_diagonal_is_the_accuracy(given_: Answers) -> None:
    probabilities, quantities = given_
    expected = np.zeros((7, 7), int)
    for row, quantity in zip(probabilities.tolist(), quantities.tolist(), strict=True):
        expected[min(quantity, 6), max(range(7), key=lambda k: row[k])] += 1
    found = confusion(probabilities, quantities)
    np.testing.assert_array_equal(found, expected)
    assert found.trace() / found.sum() == pytest.approx(scores(probabilities, quantities)["accuracy_all"])


@given(st.lists(st.integers(0, 12), max_size=30))
def test_no_constant_answer_beats_the_baseline(quantities: list[int]) -> None:
    found = always_the_same(np.array(quantities, int))
    few = [q for q in quantities if q <= 5]
    if not few:
        assert found is None
        return
    assert found is not None
    assert found["accuracy"] == pytest.approx(max(few.count(k) for k in range(6)) / len(few))
    assert found["rmse"] == pytest.approx(math.sqrt(sum((q - found["answer"]) ** 2 for q in few) / len(few)))
