"""All methods make batches; each does what its source says."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from bintally.errors import InputError, UsageError
from tests.warehouse.batching.samples import best_m, length_m, random_problem, slow_savings, slow_seed
from warehouse.batching import Batches, BatchProblem, alns, annealing, first_come, random, savings, seed
from warehouse.batching.batches import check_batches
from warehouse.batching.bound import lower_bound_m
from warehouse.batching.budget import FEW, Budget
from warehouse.batching.parts import searched_in_parts

alns_module = sys.modules["warehouse.batching.alns"]  # the package gives the function of this name
Method = Callable[[BatchProblem], Batches]
METHODS: dict[str, Method] = {
    "random": random,
    "first-come": first_come,
    "seed": seed,
    "savings": savings,
    "annealing": lambda problem: annealing(problem, iterations=2000),
    "alns": lambda problem: alns(problem, iterations=100),
}
PROBLEMS: dict[str, dict[str, Any]] = {
    "one limit": {"orders": 30},
    "two limits": {"orders": 25, "limits": (9.0, 11.0)},
    "few carts": {"orders": 24, "carts": 12},
    "other end": {"orders": 20, "far_end": True},
    "one order": {"orders": 1},
    "one aisle": {"orders": 12, "aisles": 2, "limits": (50.0,)},
}


@pytest.mark.parametrize("kind", PROBLEMS)
@pytest.mark.parametrize("name", METHODS)
def test_each_order_is_in_one_batch_limits_are_kept_and_the_length_is_the_routers(name: str, kind: str) -> None:
    problem = random_problem(1, **PROBLEMS[kind])
    result = METHODS[name](problem)
    check_batches(problem, result.batches)
    assert result.method == name
    assert result.total_length_m == pytest.approx(sum(length_m(problem, batch) for batch in result.batches))
    assert lower_bound_m(problem) <= result.total_length_m + 1e-6


@pytest.mark.parametrize("number", range(8))
def test_few_orders_are_batched_as_well_as_by_trying_all_partitions(number: int) -> None:
    problem = random_problem(number, 6 + number % 2, far_end=number % 4 == 3, carts=5 if number % 3 == 2 else None, limits=(10.0,))
    found, best = alns(problem, iterations=200, seed=number), best_m(problem)
    assert found.total_length_m == pytest.approx(best)
    assert found.lower_bound_m is not None
    assert found.lower_bound_m <= best + 1e-6


@pytest.mark.parametrize(("orders", "search"), [(20, "_searched"), (320, "searched_in_parts")])
def test_the_clock_starts_when_a_few_orders_have_been_searched_and_all_is_compiled(
    orders: int, search: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[tuple[int, int | None, float, float]] = []
    real = getattr(alns_module, search)

    def noted(problem: BatchProblem, start: list[list[int]], budget: Budget, seed: int) -> tuple[list[list[int]], int]:
        found: tuple[list[list[int]], int] = real(problem, start, budget, seed)
        calls.append((len(problem), budget.iterations, budget.began, time.monotonic()))
        return found

    monkeypatch.setattr(alns_module, search, noted)
    check_batches(random_problem(3, orders), alns(random_problem(3, orders), seconds=0.1).batches)
    (few, tries, _, done_at), (all_orders, _, began, _) = calls
    assert (few, tries, all_orders) == (FEW, 10, orders)
    assert began >= done_at


@pytest.mark.parametrize("number", range(6))
def test_savings_joins_what_a_plain_reference_joins(number: int) -> None:
    problem = random_problem(number, 14 + number, limits=(12.0,) if number % 2 else (9.0, 10.0))
    assert set(savings(problem).batches) == slow_savings(problem)


@pytest.mark.parametrize("number", range(6))
def test_seed_fills_as_a_plain_reference_fills(number: int) -> None:
    problem = random_problem(number, 14 + number, limits=(12.0,) if number % 2 else (9.0, 10.0))
    assert set(seed(problem).batches) == slow_seed(problem)


def test_first_come_opens_a_batch_for_an_order_that_does_not_fit() -> None:
    problem = random_problem(3, 20)
    batches: list[list[int]] = [[]]
    for order in range(20):
        if not problem.fits([*batches[-1], order]):
            batches.append([])
        batches[-1].append(order)
    assert first_come(problem).batches == tuple(map(tuple, batches))


@pytest.mark.parametrize("method", [alns, annealing])
def test_the_same_seed_and_iterations_give_the_same_result(method: Callable[..., Batches]) -> None:
    problem = random_problem(5, 30)
    one, same, other = (method(problem, iterations=60, seconds=600, seed=number) for number in (1, 1, 2))
    assert one.batches == same.batches
    assert one.iterations == same.iterations == 60
    assert one.batches != other.batches


def test_the_better_methods_are_better() -> None:
    problems = [random_problem(number, 40, limits=(15.0,)) for number in range(3)]
    total = {name: sum(METHODS[name](problem).total_length_m for problem in problems) for name in METHODS}
    assert total["alns"] < total["annealing"] < total["random"]
    assert total["alns"] < total["savings"] < total["random"]
    assert total["seed"] < total["random"]


def test_parts_are_joined_again_and_never_worse_and_repeat() -> None:
    problem = random_problem(6, 600)
    start = savings(problem)
    found, done = searched_in_parts(problem, start.batches, Budget(iterations=2000), 1)
    check_batches(problem, found)
    assert done == 2000
    assert sum(length_m(problem, batch) for batch in found) < start.total_length_m
    assert found == searched_in_parts(problem, start.batches, Budget(iterations=2000), 1)[0]


def test_a_search_stops_when_nothing_better_is_found() -> None:
    problem = random_problem(7, 5)
    assert 500 <= alns(problem, patience=500).iterations < 5000


@pytest.mark.parametrize("limits", [{}, {"seconds": 0}, {"iterations": -1}, {"seconds": float("nan")}])
def test_a_search_without_an_end_is_refused(limits: dict[str, float]) -> None:
    with pytest.raises(UsageError, match="limit"):
        alns(random_problem(1, 5), **limits)  # type: ignore[arg-type]  # wrong on purpose


@pytest.mark.parametrize("name", METHODS)
def test_carts_that_cannot_take_whole_orders_are_told(name: str) -> None:
    # loads of 2 and 3 in carts of 4: the sum fits, no two orders do
    problem = random_problem(1, 4)
    problem = type(problem)(**{**vars(problem), "loads": np.full((4, 1), 2.5), "limits": np.array([4.0]), "carts": 3})
    with pytest.raises(InputError, match="no way was found to put 4 orders into 3 carts"):
        METHODS[name](problem)
