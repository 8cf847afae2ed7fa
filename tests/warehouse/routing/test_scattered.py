"""Stock that lies in several places."""

from __future__ import annotations

import dataclasses
import itertools
import math

import numpy as np
import pytest

from bintally.errors import InputError, UsageError
from bintally.layouts import Ladder, PickList, Request, Shelf
from bintally.layouts.generate import regular_ladder
from warehouse.routing.exact.solve import optimal_length_m
from warehouse.routing.scattered import Choice, choose

LADDER = regular_ladder(5, 3)


def shelf(article: str, column: int, y_m: float, quantity: int | None = None) -> Shelf:
    return Shelf(article, column, min(int(y_m // 16), 1), y_m, quantity)


def any_request(rng: np.random.Generator, articles: int, places: int, *, ladder: Ladder = LADDER) -> Request:
    """Some articles lie in one place, some in several, with and without limits; some places are shared; one article is not wanted."""
    shelves = []
    for article in range(articles + 1):
        for _ in range(int(rng.integers(1, places + 1))):
            column, block = int(rng.integers(ladder.columns)), int(rng.integers(ladder.blocks))
            y_m = ladder.y_m[block] + float(rng.integers(1, 8)) * (ladder.y_m[block + 1] - ladder.y_m[block]) / 8
            shelves.append(Shelf(f"A{article}", column, block, y_m, int(rng.integers(0, 4)) if rng.random() < 0.7 else None))
    lying = [sum(math.inf if one.quantity is None else one.quantity for one in shelves if one.article == f"A{a}") for a in range(articles)]
    lines = {f"A{article}": int(rng.integers(1, int(min(5, most)) + 1)) for article, most in enumerate(lying) if most}
    return Request("test", ladder, lines, tuple(shelves))


def shortest_of_all(request: Request) -> float:
    """Every set of shelves that holds enough, article by article, in every combination."""
    choices = []
    for article, wanted in request.lines.items():
        shelves = [one for one in request.shelves if one.article == article]
        sets = [chosen for k in range(1, len(shelves) + 1) for chosen in itertools.combinations(shelves, k)]
        choices.append([chosen for chosen in sets if sum(wanted if one.quantity is None else one.quantity for one in chosen) >= wanted])
    lists = (PickList.of(request.ladder, [(one, 1) for one in itertools.chain(*chosen)]) for chosen in itertools.product(*choices))
    return min(optimal_length_m(request.ladder, picks) for picks in lists)


def check(request: Request, choice: Choice) -> None:
    """Everything that is wanted is picked where it lies, and the length is that of the chosen places."""
    assert choice.length_m == pytest.approx(optimal_length_m(request.ladder, choice.picks))
    assert choice.lower_bound_m <= choice.length_m + 1e-9
    assert int(choice.picks.quantities.sum()) == sum(request.lines.values())
    for column, y_m, quantity, names in zip(
        choice.picks.columns, choice.picks.y_m, choice.picks.quantities, choice.picks.names, strict=True
    ):
        here = [one for one in request.shelves if (one.column, one.y_m) == (column, y_m) and one.article in names.split(", ")]
        assert {one.article for one in here} == set(names.split(", "))
        assert quantity <= sum(math.inf if one.quantity is None else one.quantity for one in here)


def test_the_choice_is_the_best_of_all_combinations():
    rng = np.random.default_rng(1)
    for _ in range(60):
        request = any_request(rng, int(rng.integers(1, 5)), 3)
        choice = choose(request)
        check(request, choice)
        assert choice.proven_optimal
        assert choice.lower_bound_m == choice.length_m == pytest.approx(shortest_of_all(request))


@pytest.mark.long
def test_the_choice_is_the_best_of_all_combinations_in_many_ladders():
    rng = np.random.default_rng(2)
    for _ in range(600):
        ladder = regular_ladder(int(rng.integers(1, 8)), int(rng.integers(2, 5)), depot=0, row=int(rng.integers(2)))
        request = any_request(rng, int(rng.integers(1, 6)), 4, ladder=ladder)
        if math.prod(2 ** sum(one.article == article for one in request.shelves) for article in request.lines) > 20_000:
            continue
        choice = choose(request)
        check(request, choice)
        assert choice.length_m == pytest.approx(shortest_of_all(request))


def test_without_a_proof_the_choice_is_near_the_best_and_says_so():
    rng = np.random.default_rng(3)
    excess, proven = [], set()
    for _ in range(15):
        request = any_request(rng, 16, 5)
        quick, best = choose(request, most_tours=0), choose(request)
        check(request, quick)
        assert best.proven_optimal
        assert quick.lower_bound_m <= best.length_m <= quick.length_m + 1e-9
        assert not quick.proven_optimal or quick.length_m == pytest.approx(best.length_m)
        excess.append(quick.length_m / best.length_m - 1)
        proven.add(quick.proven_optimal)
    assert np.mean(excess) < 0.02
    assert proven == {True, False}


def test_the_same_request_has_the_same_choice():
    request = any_request(np.random.default_rng(4), 8, 4)
    first, second = choose(request, most_tours=500), choose(request, most_tours=500)
    assert first.picks.names == second.picks.names
    assert np.array_equal(first.picks.y_m, second.picks.y_m)
    assert first.length_m == second.length_m


def test_a_near_place_with_too_little_is_left_out_or_filled_up():
    request = Request("t", LADDER, {"A": 3}, (shelf("A", 0, 2.0, 2), shelf("A", 0, 5.0, 1), shelf("A", 3, 1.0)))
    near = choose(request)
    assert (near.length_m, near.picks.quantities.tolist()) == (10.0, [2, 1])
    far = choose(dataclasses.replace(request, lines={"A": 4}))
    assert far.picks.columns.tolist() == [3]
    assert far.picks.quantities.tolist() == [4]


def test_a_place_that_is_visited_anyway_is_taken():
    request = Request("t", LADDER, {"A": 1, "B": 1}, (shelf("A", 0, 2.0), shelf("B", 0, 3.0), shelf("A", 4, 9.0), shelf("B", 4, 9.0)))
    assert choose(request).length_m == 6.0
    only = dataclasses.replace(request, shelves=(shelf("A", 0, 2.0), shelf("A", 4, 9.0), shelf("B", 4, 9.0)))
    assert choose(only).picks.names == ("A, B",)


def test_one_place_an_article_is_the_list_itself():
    request = Request("t", LADDER, {"A": 2, "B": 1}, (shelf("A", 1, 7.0, 2), shelf("B", 3, 20.0)))
    choice = choose(request, most_tours=0)
    assert choice.picks.names == request.picks().names
    assert choice.proven_optimal == (choice.lower_bound_m == choice.length_m)


def test_nothing_wanted_is_length_0():
    choice = choose(Request("t", LADDER, {}, (shelf("A", 1, 7.0),)))
    assert (len(choice.picks), choice.length_m, choice.proven_optimal) == (0, 0.0, True)


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ({"A": 5}, "t: 5 of A are wanted, 3 lie in 2 places"),
        ({"C": 1}, "t: 1 of C are wanted, 0 lie in 0 places"),
        ({"A": 0}, "t: 0 of A are wanted; at least 1"),
    ],
)
def test_too_little_stock_is_refused_by_name_and_number(lines, message):
    request = Request("t", LADDER, lines, (shelf("A", 1, 7.0, 1), shelf("A", 3, 7.0, 2), shelf("B", 2, 1.0)))
    with pytest.raises(InputError, match=message):
        choose(request)


def test_a_shelf_outside_the_ladder_is_refused():
    with pytest.raises(InputError, match="column 9 is no aisle"):
        choose(Request("t", LADDER, {"A": 1}, (shelf("A", 9, 7.0),)))


def test_a_negative_limit_is_refused():
    with pytest.raises(UsageError, match="most_tours is -1"):
        choose(Request("t", LADDER, {"A": 1}, (shelf("A", 1, 7.0),)), most_tours=-1)
