"""What a batch costs, whoever judges it."""

from __future__ import annotations

import numpy as np
import pytest

from bintally.errors import UsageError
from bintally.layouts import Cart, PickList
from tests.warehouse.batching.samples import length_m, random_problem
from warehouse.batching.batches import lengths_m, times_s
from warehouse.batching.judging.objective import Objective
from warehouse.batching.judging.sets import Sets, pick_lists
from warehouse.batching.problem import BatchProblem
from warehouse.batching.solve import solve
from warehouse.routing.cart.best import best_schedule
from warehouse.routing.cart.problem import cart_problem


def plain_list(problem: BatchProblem, batch: list[int]) -> PickList:
    """A batch's pick list, place by place."""
    items: dict[int, int] = {}
    for order in batch:
        for line in range(problem.first[order], problem.first[order + 1]):
            items[int(problem.places[line])] = items.get(int(problem.places[line]), 0) + int(problem.quantities[line])
    places = sorted(items)
    quantities = np.array([items[place] for place in places], np.int64)
    return PickList(problem.columns[places], problem.blocks[places], problem.y_m[places], quantities, tuple(map(str, places)))


def random_sets(problem: BatchProblem, seed: int, count: int) -> list[list[int]]:
    rng = np.random.default_rng(seed)
    return [rng.choice(len(problem), int(rng.integers(1, 5)), replace=False).tolist() for _ in range(count)]


def test_sets_of_orders_become_the_lists_of_their_merged_places() -> None:
    problem = random_problem(1, 20)
    sets = random_sets(problem, 1, 30)
    lists, quantities = pick_lists(problem, Sets.of(sets))
    assert len(lists) == 30
    for number, batch in enumerate(sets):
        plain, of = plain_list(problem, batch), slice(lists.first[number], lists.first[number + 1])
        assert lists.columns[of].tolist() == plain.columns.tolist()
        assert lists.y_m[of].tolist() == plain.y_m.tolist()
        assert quantities[of].tolist() == plain.quantities.tolist()


def test_some_sets_are_taken_out_of_many() -> None:
    sets = Sets.of([[3, 1], [], [2], [5, 4, 0]])
    some = sets.some(np.array([3, 1, 0]))
    assert some.first.tolist() == [0, 3, 3, 5]
    assert some.orders.tolist() == [5, 4, 0, 3, 1]
    assert len(Sets.of([])) == 0


def test_batches_are_measured_by_the_router_and_timed_by_the_best_schedule() -> None:
    problem, cart = random_problem(2, 12), Cart(hands=4)
    sets = random_sets(problem, 2, 6)
    assert lengths_m(problem, sets) == pytest.approx([length_m(problem, one) for one in sets])
    best = [best_schedule(cart_problem(problem.ladder, plain_list(problem, one), cart)).time_s for one in sets]
    assert times_s(problem, sets, cart) == pytest.approx(best)


def test_without_a_cart_there_are_lengths_and_no_times() -> None:
    problem = random_problem(3, 10)
    found = solve(problem, "first-come", Objective())
    assert found.times_s is None
    assert found.total_time_s is None
    assert found.lengths_m == pytest.approx([length_m(problem, batch) for batch in found.batches])
    assert found.total_length_m == pytest.approx(sum(found.lengths_m))


def test_an_unknown_method_is_told_with_the_nearest_known_one() -> None:
    with pytest.raises(UsageError, match="no batching method 'saving'; did you mean savings"):
        solve(random_problem(1, 5), "saving", Objective())


@pytest.mark.parametrize(
    ("given", "text"),
    [
        ({"judge": "guess"}, "no judge 'guess'; there are exact, estimate"),
        ({"judge": "estimate"}, "give a cart"),
        ({"judge": "estimate", "cart": Cart()}, "give an estimator"),
        ({"cart": Cart(), "estimator": object()}, "judged exactly"),
    ],
)
def test_an_objective_whose_parts_do_not_go_together_is_refused(given: dict[str, object], text: str) -> None:
    with pytest.raises(UsageError, match=text):
        Objective(**given)  # type: ignore[arg-type]  # wrong on purpose
