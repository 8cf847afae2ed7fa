"""Lengths of sets of orders: what the search relies on."""

from __future__ import annotations

import numpy as np
import pytest

from tests.warehouse.batching.samples import length_m, random_problem
from warehouse.batching import log as logging
from warehouse.batching.ground import ground_of
from warehouse.batching.lengths import joined_m, meter_of, state_of
from warehouse.batching.lengths import length_m as compiled_m
from warehouse.batching.pool import Pool
from warehouse.batching.problem import BatchProblem
from warehouse.batching.related import likeness, nearest, shapes_of
from warehouse.batching.state import NONE, USED, State, batches_of, fits, known_lengths
from warehouse.routing.chance import below, chance, drawn


def _batches(problem: BatchProblem, size: int = 3) -> list[list[int]]:
    return [list(range(first, min(first + size, len(problem)))) for first in range(0, len(problem), size)]


def test_a_batch_never_becomes_shorter_by_one_order_more() -> None:
    rng = np.random.default_rng(1)
    for number in range(4):
        problem = random_problem(number, 12, far_end=number % 2 == 1)
        for _ in range(40):
            orders = rng.permutation(12)[: int(rng.integers(2, 9))].tolist()
            assert length_m(problem, orders) >= length_m(problem, orders[:-1]) - 1e-9


@pytest.mark.parametrize("far_end", [False, True])
def test_lengths_of_changed_batches_are_the_routers_with_any_table(far_end: bool) -> None:
    problem = random_problem(2, 15, far_end=far_end)
    ground = ground_of(problem)
    meter = meter_of(ground)
    for bits in (18, 1):  # 1: nearly every set is forgotten at once
        state = state_of(ground, meter, _batches(problem), known_lengths(bits))
        for _ in range(2):
            assert compiled_m(meter, state, 0, 1, 5) == pytest.approx(length_m(problem, [0, 2, 5]))
            assert compiled_m(meter, state, 1, NONE, 0) == pytest.approx(length_m(problem, [3, 4, 5, 0]))
            assert compiled_m(meter, state, 2, 7, NONE) == pytest.approx(length_m(problem, [6, 8]))
            assert joined_m(meter, state, 3, 4) == pytest.approx(length_m(problem, range(9, 15)))


def _seen(state: State) -> list[object]:
    """Everything but the sequence of the orders in a batch, and of the batches."""
    return [batches_of(state.orders["batch"]), sorted(state.slots.tolist()), state.counts.tolist()] + [
        state.batches[name].tolist() for name in ("size", "length_m", "was_m", "key")
    ]


def test_whatever_was_changed_can_be_taken_back() -> None:
    problem = random_problem(3, 20)
    ground = ground_of(problem)
    state, numbers = state_of(ground, meter_of(ground), _batches(problem)), chance(1)
    before, load = _seen(state), state.load.copy()
    for _ in range(50):
        orders = {below(numbers, 20) for _ in range(8)}
        for order in orders:
            logging.move_out(state, order)
        for order in orders:
            logging.move_in(state, order, int(state.slots[below(numbers, int(state.counts[USED]) + 1)]), drawn(numbers))
        logging.undo(state)
        assert before == _seen(state)
        assert state.load == pytest.approx(load)


def test_an_order_fits_where_the_sums_allow() -> None:
    problem = random_problem(4, 18, limits=(9.0, 10.0))
    ground = ground_of(problem)
    state = state_of(ground, meter_of(ground), _batches(problem, 2))
    for batch, orders in enumerate(_batches(problem, 2)):
        for order in set(range(18)) - set(orders):
            assert fits(state, batch, NONE, order) == problem.fits([*orders, order])
            assert fits(state, batch, orders[0], order) == problem.fits([*orders[1:], order])


@pytest.mark.parametrize("alike", [True, False])
def test_nearest_orders_are_those_of_a_full_sort(alike: bool) -> None:
    from warehouse.batching.related import shared_m

    shapes = shapes_of(ground_of(random_problem(5, 30)))
    score = likeness if alike else shared_m
    for one, near in enumerate(nearest(shapes, 7, alike=alike).tolist()):
        others = sorted((other for other in range(30) if other != one), key=lambda other: (-score(shapes, one, other), other))
        assert near == others[:7]


def test_the_best_choice_of_a_pool_is_found() -> None:
    problem = random_problem(6, 6)
    pool = Pool(ground_of(problem).keys)
    lengths = {(0, 1): 5.0, (2, 3): 5.0, (4, 5): 5.0, (0, 2): 3.0, (1, 3): 3.0, (0, 1, 2): 4.0, (3, 4, 5): 4.0, (1, 4, 5): 4.5}
    pool.add_batches(list(lengths)[3:], np.array(list(lengths.values())[3:]))
    incumbent = list(lengths)[:3]
    assert sorted(map(tuple, pool.best(incumbent, np.full(3, 5.0), 6) or [])) == [(0, 1, 2), (3, 4, 5)]
    # nothing better than the best
    assert pool.best([(0, 1, 2), (3, 4, 5)], np.full(2, 4.0), 6) is None
