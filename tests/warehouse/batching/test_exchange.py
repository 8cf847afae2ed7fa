"""Annealing among near batches: whatever is exchanged, limits, loads and lengths are those of the batches."""

from __future__ import annotations

import pytest

from tests.warehouse.batching.samples import length_m, random_problem
from warehouse.batching.exchange import exchange
from warehouse.batching.ground import ground_of
from warehouse.batching.lengths import meter_of, state_of
from warehouse.batching.related import nearest, shapes_of
from warehouse.batching.simple import in_sequence
from warehouse.batching.state import batches_of, total_m
from warehouse.routing.chance import chance


@pytest.mark.parametrize("limits", [(9.0,), (9.0, 11.0)])
def test_exchanged_batches_keep_their_limits_and_are_as_long_as_the_router_says(limits: tuple[float, ...]) -> None:
    problem = random_problem(1, 40, limits=limits)
    ground = ground_of(problem)
    state = state_of(ground, meter_of(ground), in_sequence(problem, range(40)))
    before_m = total_m(state)
    for temperature_m in (20.0, 2.0, 1e-6):
        exchange(meter_of(ground), state, nearest(shapes_of(ground), 8, alike=True), chance(1), 3000, temperature_m)
        batches = batches_of(state.orders["batch"])
        assert sorted(order for batch in batches for order in batch) == list(range(40))
        assert all(problem.fits(batch) for batch in batches)
        assert total_m(state) == pytest.approx(sum(length_m(problem, batch) for batch in batches))
    assert total_m(state) < 0.9 * before_m


def test_a_cold_exchange_never_makes_batches_longer() -> None:
    problem = random_problem(2, 40)
    ground = ground_of(problem)
    meter, near, numbers = meter_of(ground), nearest(shapes_of(ground), 8, alike=True), chance(2)
    state = state_of(ground, meter, in_sequence(problem, range(40)))
    for _ in range(100):
        before_m = total_m(state)
        exchange(meter, state, near, numbers, 20, 0.0)
        assert total_m(state) <= before_m + 1e-9
