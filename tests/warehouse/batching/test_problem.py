"""What a batching problem must be."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pytest

from bintally.errors import InputError
from bintally.layouts import Shelf
from bintally.layouts.generate import regular_ladder
from warehouse.batching.problem import BatchProblem, batch_problem

LADDER = regular_ladder(3, 2)
SHELVES = (Shelf("nut", 2, 0, 5.0), Shelf("bolt", 0, 0, 7.0), Shelf("gear", 2, 0, 5.0))
LOADS: Mapping[str, Sequence[float]] = {"nut": (1, 0.5), "bolt": (1, 2.5), "gear": (1, 4.0)}


def _problem(**changes: Any) -> BatchProblem:
    given: dict[str, Any] = {
        "ladder": LADDER,
        "shelves": SHELVES,
        "orders": [("first", {"nut": 2, "gear": 1}), ("second", {"bolt": 1, "nut": 1})],
        "loads": LOADS,
        "limits": (4, 6.0),
    }
    return batch_problem(**{**given, **changes})


def test_places_are_sorted_and_articles_at_one_place_are_one() -> None:
    problem = _problem()
    assert problem.columns.tolist() == [0, 2]
    assert problem.y_m.tolist() == [7.0, 5.0]
    assert problem.first.tolist() == [0, 1, 3]
    assert problem.places.tolist() == [1, 0, 1]
    assert problem.names == ("first", "second")


def test_loads_are_summed_for_each_limit() -> None:
    assert _problem().loads.tolist() == [[3.0, 5.0], [2.0, 3.0]]
    assert not _problem().fits([0, 1])
    assert _problem(limits=(5, 8.0)).fits([0, 1])
    assert not _problem(limits=(5, 7.9)).fits([0, 1])


def test_a_limit_that_is_met_by_decimal_fractions_is_met() -> None:
    loads = dict.fromkeys(("nut", "bolt", "gear"), (0.1,))
    problem = _problem(orders=[("one", {"nut": 1}), ("two", {"bolt": 2})], loads=loads, limits=(0.3,))
    assert 0.1 + 0.2 > 0.3
    assert problem.fits([0, 1])


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"orders": []}, "no orders"),
        ({"orders": [("a", {"nut": 1}), ("a", {"bolt": 1})]}, "order a comes twice"),
        ({"orders": [("a", {})]}, "order a wants nothing"),
        ({"orders": [("a", {"nut": 0})]}, "order a: 0 of nut"),
        ({"orders": [("a", {"nut": -3})]}, "order a: -3 of nut"),
        ({"orders": [("a", {"screw": 1})]}, "order a: article screw lies nowhere"),
        ({"orders": [("heavy", {"gear": 2})]}, r"order heavy takes up 8, but no cart takes more than 6 \(limit 2\)"),
        ({"shelves": (*SHELVES, Shelf("nut", 0, 0, 1.0))}, "nut lies in several places"),
        ({"shelves": (Shelf("nut", 7, 0, 5.0), *SHELVES)}, "column 7 is no aisle"),
        ({"loads": {**LOADS, "nut": (1, float("nan"))}}, "one nut loads a cart by"),
        ({"loads": {**LOADS, "nut": (1,)}}, "give 2 numbers"),
        ({"limits": (0, 6.0)}, "each above 0"),
        ({"limits": ()}, "at least one limit"),
        ({"carts": 0}, "0 carts"),
        ({"carts": 1}, r"the orders take up 5, more than 1 carts of 4 can take \(limit 1\)"),
    ],
)
def test_bad_input_is_told(changes: dict[str, Any], text: str) -> None:
    with pytest.raises(InputError, match=text):
        _problem(**changes)


def test_the_arrays_have_the_types_that_compiled_code_is_made_for() -> None:
    problem = _problem()
    kinds = [
        one.dtype for one in (problem.columns, problem.blocks, problem.first, problem.places, problem.y_m, problem.loads, problem.limits)
    ]
    assert kinds == [np.int64] * 4 + [np.float64] * 3
