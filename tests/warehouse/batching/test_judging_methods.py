"""The methods for any judge: what their sources say, and the same whatever is judged together."""

from __future__ import annotations

import math
import threading
from typing import Any

import numpy as np
import pytest

from bintally.errors import InputError, UsageError
from bintally.layouts import Cart
from tests.warehouse.batching.judges import FakeEstimator
from tests.warehouse.batching.samples import best_m, measured, partitions, random_problem, slow_savings, slow_seed
from tests.warehouse.batching.test_judging import plain_list, random_sets
from warehouse.batching.batches import Batches, check_batches
from warehouse.batching.budget import Budget, stopped_by
from warehouse.batching.judging.judge import Judge, cart_times, lengths
from warehouse.batching.judging.objective import Objective
from warehouse.batching.judging.sets import Sets
from warehouse.batching.problem import BatchProblem
from warehouse.batching.simple import in_sequence
from warehouse.batching.solve import METHODS, solve
from warehouse.batching.with_cart.annealing import COLD, HOT, anneal
from warehouse.batching.with_cart.savings import saved
from warehouse.batching.with_cart.search import searched
from warehouse.batching.with_cart.seed import filled
from warehouse.routing.cart.best import best_schedule
from warehouse.routing.cart.problem import cart_problem

CART = Cart(hands=3, pick_s=2.0)
PROBLEMS: dict[str, dict[str, Any]] = {
    "one limit": {"orders": 10},
    "two limits": {"orders": 10, "limits": (9.0, 11.0)},
    "few carts": {"orders": 8, "carts": 4, "limits": (10.0,)},
    "other end": {"orders": 8, "far_end": True},
    "one order": {"orders": 1},
}


def as_sets(batches: list[list[int]]) -> set[tuple[int, ...]]:
    return {tuple(sorted(batch)) for batch in batches}


def time_s(problem: BatchProblem, batches: Any) -> float:
    """By the best schedules, one at a time."""
    return sum(best_schedule(cart_problem(problem.ladder, plain_list(problem, list(batch)), CART)).time_s for batch in batches)


def found_by(problem: BatchProblem, method: str, objective: Objective, iterations: int = 40, seed: int = 1) -> Batches:
    return solve(problem, method, objective, iterations=iterations, seed=seed)


@pytest.mark.parametrize("kind", PROBLEMS)
@pytest.mark.parametrize("method", METHODS)
def test_with_a_cart_each_order_is_in_one_batch_limits_are_kept_and_times_are_the_schedules(method: str, kind: str) -> None:
    problem = random_problem(1, **PROBLEMS[kind])
    found = found_by(problem, method, Objective(CART))
    check_batches(problem, found.batches)
    assert found.method == method
    assert found.total_time_s == pytest.approx(time_s(problem, found.batches))
    assert found.total_length_m == pytest.approx(sum(measured(problem)(batch) for batch in found.batches))


@pytest.mark.parametrize("number", range(2))
def test_few_orders_are_batched_as_well_as_by_trying_all_partitions(number: int) -> None:
    problem = random_problem(number, 6, limits=(10.0,), carts=5 if number else None)
    times: dict[tuple[int, ...], float] = {}
    best = math.inf
    for batches in partitions(range(6)):
        if all(problem.fits(batch) for batch in batches) and (problem.carts is None or len(batches) <= problem.carts):
            for batch in batches:
                times.setdefault(tuple(batch), time_s(problem, [batch]))
            best = min(best, sum(times[tuple(batch)] for batch in batches))
    for objective in (Objective(CART), Objective(CART, "estimate-then-exact", FakeEstimator(problem.ladder, CART, 0.05))):
        assert found_by(problem, "alns", objective, 80, number).total_time_s == pytest.approx(best)


@pytest.mark.parametrize("number", range(6))
def test_savings_and_seed_do_what_plain_references_do(number: int) -> None:
    problem = random_problem(number, 14 + number, limits=(12.0,) if number % 2 else (9.0, 10.0))
    judge = lengths(problem)
    assert as_sets(saved(problem, judge, judge)) == slow_savings(problem)
    assert as_sets(filled(problem, judge, judge)) == slow_seed(problem)


def test_a_guide_spares_judging_and_costs_little() -> None:
    problem = random_problem(2, 40, limits=(20.0,))
    for method in (saved, filled):
        all_judged, few_judged = lengths(problem), lengths(problem)
        exact, guided = method(problem, all_judged, all_judged), method(problem, lengths(problem), few_judged)
        assert few_judged.measured < 0.7 * all_judged.measured
        assert sum(map(measured(problem), guided)) <= 1.05 * sum(map(measured(problem), exact))


def slow_annealing(problem: BatchProblem, judge: Judge, start: list[list[int]], tries: int, seed: int) -> list[list[int]]:
    """One try after the other, as the rule says; the best batches met."""
    slots = min(len(problem), problem.carts or len(problem))
    batches = [list(batch) for batch in start] + [[] for _ in range(slots - len(start))]

    def cost(one: list[list[int]]) -> float:
        return float(judge.costs(Sets.of(one)).sum())

    best, least = [list(batch) for batch in batches], cost(batches)
    hot, numbers = least / len(problem) * HOT, np.random.default_rng(seed)
    rows = np.concatenate([numbers.random((1024, 4)) for _ in range(1 + tries // 1024)])
    for number in range(tries):
        one, way, two, luck = rows[number]
        order = int(one * len(problem))
        from_ = next(slot for slot, batch in enumerate(batches) if order in batch)
        new = [list(batch) for batch in batches]
        new[from_].remove(order)
        if way < 0.5:
            other = int(two * len(problem))
            into = next(slot for slot, batch in enumerate(batches) if other in batch)
            if into == from_:
                continue
            new[into].remove(other)
            new[from_].append(other)
        else:
            empty = [slot for slot, batch in enumerate(batches) if not batch][:1]
            open_ = [slot for slot, batch in enumerate(batches) if batch] + empty
            into = open_[int(two * len(open_))]
        new[into].append(order)
        if into == from_ or not (problem.fits(new[from_]) and problem.fits(new[into])):
            continue
        if cost(new) - cost(batches) < -hot * (COLD / HOT) ** (number / tries) * math.log(1.0 - luck):
            batches = new
            if cost(batches) < least - 1e-9:
                best, least = batches, cost(batches)
    return best


@pytest.mark.parametrize("kind", ["one limit", "two limits", "few carts"])
def test_annealing_walks_as_if_one_try_came_after_the_other_however_many_are_judged_together(kind: str) -> None:
    problem = random_problem(3, **{**PROBLEMS[kind], "orders": 20, "carts": None if kind != "few carts" else 10})
    start = in_sequence(problem, range(20))
    slow = slow_annealing(problem, lengths(problem), start, 1000, 5)
    for most in (1, 7, 256):
        found = anneal(problem, lengths(problem), start, Budget(iterations=1000), 5, most=most)
        assert found.tries == 1000
        assert as_sets(found.records[-1]) == as_sets([batch for batch in slow if batch])
    assert sum(map(measured(problem), found.records[-1])) < sum(map(measured(problem), start))


def test_annealing_tells_how_it_goes() -> None:
    problem, told = random_problem(4, 15), list[tuple[int, list[list[int]], float]]()
    judge = lengths(problem)
    anneal(problem, judge, in_sequence(problem, range(15)), Budget(iterations=300), most=8, follow=lambda *one: told.append(one))
    assert [tries for tries, _, _ in told] == sorted({tries for tries, _, _ in told})
    assert told[-1][0] == 300
    for _, batches, cost in told:
        check_batches(problem, batches)
        assert cost == pytest.approx(judge.costs(Sets.of(batches)).sum())


def test_the_search_finds_the_best_of_few_orders_and_shortens_the_savings_of_many() -> None:
    few = random_problem(5, 7, limits=(10.0,))
    batches, _ = searched(few, lengths(few), lengths(few), in_sequence(few, range(7)), Budget(iterations=200))
    assert sum(map(measured(few), batches)) == pytest.approx(best_m(few))
    many = random_problem(6, 40, limits=(15.0,))
    judge = lengths(many)
    start = saved(many, judge, judge)
    batches, steps = searched(many, judge, judge, start, Budget(iterations=150))
    assert steps == 150
    assert sum(map(measured(many), batches)) < 0.99 * sum(map(measured(many), start))


@pytest.mark.parametrize("method", ["random", "annealing", "alns"])
def test_the_same_seed_and_iterations_give_the_same_result(method: str) -> None:
    problem = random_problem(5, 14)
    one, same, other = (found_by(problem, method, Objective(CART), 30, seed) for seed in (1, 1, 2))
    assert one.batches == same.batches
    assert one.batches != other.batches or method == "alns"  # which finds the same best from everywhere


def test_a_set_is_measured_once_and_has_the_same_cost_whatever_it_is_asked_with() -> None:
    problem = random_problem(7, 20)
    sets, judge = random_sets(problem, 7, 40), lengths(problem)
    first = judge.costs(Sets.of(sets))
    assert judge.measured == len(as_sets(sets))
    assert judge.costs(Sets.of([*sets[::-1], []])).tolist() == [*first[::-1].tolist(), 0.0]
    assert judge.measured == len(as_sets(sets))
    assert first == pytest.approx([measured(problem)(one) for one in sets])


def test_settled_costs_replace_estimates_for_good() -> None:
    problem = random_problem(8, 12)
    sets = Sets.of([[0, 1], [2, 3], [4]])
    judge = cart_times(problem, Objective(CART, "estimate-then-exact", FakeEstimator(problem.ladder, CART, 0.1)))
    exact = cart_times(problem, Objective(CART)).costs(sets)
    before = judge.costs(sets)
    assert (np.abs(before / exact - 1) > 1e-3).all()
    assert judge.settled(sets.some(np.array([1]))) == pytest.approx(exact[1:2])
    assert judge.costs(sets).tolist() == [before[0], exact[1], before[2]]


def test_an_estimate_leaves_picking_out_and_the_judge_puts_it_in() -> None:
    problem = random_problem(9, 12)
    sets = Sets.of(random_sets(problem, 9, 10))
    estimator = FakeEstimator(problem.ladder, CART, 0.0)
    assert cart_times(problem, Objective(CART, "estimate", estimator)).costs(sets) == pytest.approx(
        cart_times(problem, Objective(CART)).costs(sets)
    )


@pytest.mark.parametrize("judge", ["estimate", "estimate-then-exact"])
@pytest.mark.parametrize("method", METHODS)
def test_what_was_estimated_is_told_in_exact_times(method: str, judge: Any) -> None:
    problem = random_problem(10, 10)
    found = found_by(problem, method, Objective(CART, judge, FakeEstimator(problem.ladder, CART)), 8)
    assert found.total_time_s == pytest.approx(time_s(problem, found.batches))


def test_settling_finds_better_batches_than_believing_bad_estimates() -> None:
    gains = []
    for number in range(2):
        problem = random_problem(number, 12, limits=(9.0,))
        times = [
            found_by(problem, "alns", Objective(CART, judge, FakeEstimator(problem.ladder, CART, 0.15)), 25).total_time_s
            for judge in ("estimate", "estimate-then-exact")
        ]
        gains.append(times[0] / times[1] - 1)  # type: ignore[operator]  # a cart was given
    assert np.mean(gains) > 0.0


def test_an_estimator_for_another_layout_or_cart_is_refused() -> None:
    problem = random_problem(1, 6)
    objective = Objective(CART, "estimate", FakeEstimator(problem.ladder, Cart()))
    with pytest.raises(InputError, match="made for another"):
        solve(problem, "savings", objective)


@pytest.mark.parametrize("method", ["annealing", "alns"])
def test_a_search_without_an_end_is_refused_and_one_that_is_stopped_keeps_its_best(method: str) -> None:
    problem, stop = random_problem(2, 10), threading.Event()
    with pytest.raises(UsageError, match="limit"):
        solve(problem, method, Objective(CART))
    stop.set()
    with stopped_by(stop):
        found = solve(problem, method, Objective(CART), seconds=600)
    check_batches(problem, found.batches)


@pytest.mark.parametrize("method", METHODS)
def test_carts_that_cannot_take_whole_orders_are_told(method: str) -> None:
    problem = random_problem(1, 4)
    problem = type(problem)(**{**vars(problem), "loads": np.full((4, 1), 2.5), "limits": np.array([4.0]), "carts": 3})
    with pytest.raises(InputError, match="no way was found to put 4 orders into 3 carts"):
        found_by(problem, method, Objective(CART), 5)
