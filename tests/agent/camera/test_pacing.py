"""Which frames are handed over."""

from __future__ import annotations

import random
from collections import deque

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.camera.pacing import Freshness, Pace


@given(
    camera=st.floats(0.5, 120),
    wanted=st.floats(0.5, 120),
    jitter=st.floats(0, 0.2),
    seed=st.integers(0, 1000),
)
def test_pace_takes_as_many_as_are_wanted_or_as_come(camera: float, wanted: float, jitter: float, seed: int) -> None:
    rng = random.Random(seed)  # noqa: S311 - a plan, not a secret
    pace, seconds = Pace(wanted), 60
    taken = sum(pace.takes((number + rng.uniform(-jitter, jitter)) / camera) for number in range(int(camera * seconds)))
    most = min(camera, wanted) * seconds
    assert taken <= most * 1.02 + 2
    if wanted <= camera / 2 or wanted >= 2 * camera:
        assert taken >= most * 0.7 - 2
    if abs(wanted - camera) < 0.01 * camera:
        assert taken >= most * 0.9 - 2


def test_pace_does_not_catch_up_after_a_pause() -> None:
    pace = Pace(10)
    assert [pace.takes(at) for at in (0.0, 5.0, 5.02, 5.04)] == [True, True, False, False]


class _Buffered:
    """A camera whose frames wait in a buffer until they are read; ``read`` gives the wait and the true age of a frame."""

    def __init__(self, period_s: float, buffer: int) -> None:
        self.now, self._period_s = 0.0, period_s
        self._next = 0.0
        self._waiting: deque[float] = deque(maxlen=buffer)

    def pass_time(self, seconds: float) -> None:
        self.now += seconds
        while self._next <= self.now:
            self._waiting.append(self._next)
            self._next += self._period_s

    def read(self, work_s: float) -> tuple[float, float]:
        waited_s = 0.0
        if not self._waiting:
            waited_s = max(0.0, self._next - self.now)
            self.pass_time(waited_s + 1e-9)
        taken_at = self._waiting.popleft()
        self.pass_time(work_s)
        return waited_s, self.now - taken_at


@given(
    period_s=st.sampled_from([1 / 60, 1 / 30, 1 / 15, 0.2]),
    claimed=st.sampled_from([0.0, 15.0, 25.0, 30.0, 1e6]),
    buffer=st.sampled_from([1, 4, 10_000]),
    stops=st.lists(st.tuples(st.integers(1, 120), st.floats(0.6, 8)), max_size=4),
)
def test_a_frame_that_waited_in_a_buffer_is_never_fresh(
    period_s: float, claimed: float, buffer: int, stops: list[tuple[int, float]]
) -> None:
    camera, freshness = _Buffered(period_s, buffer), Freshness(claimed)
    camera.pass_time(3.0)
    for frames, stop_s in [*stops, (300, 0.0)]:
        given_up = False
        for _ in range(frames):
            waited_s, age_s = camera.read(work_s=0.002)
            if freshness.fresh(waited_s, camera.now):
                assert age_s <= max(Freshness.GAP_S, Freshness.GAP_PERIODS * period_s)
            given_up = given_up or freshness.hopeless(camera.now)
        assert not given_up
        camera.pass_time(stop_s)


@pytest.mark.parametrize("period_s", [1 / 60, 1 / 30, 1 / 10, 0.5, 1.0, 4.0])
@pytest.mark.parametrize("claimed", [0.0, 25.0, 90_000.0])
def test_a_live_camera_of_any_rate_is_believed_soon(period_s: float, claimed: float) -> None:
    camera, freshness = _Buffered(period_s, 4), Freshness(claimed)
    fresh = []
    for _ in range(400):
        waited_s, _ = camera.read(work_s=0.001)
        fresh.append(freshness.fresh(waited_s, camera.now))
    assert all(fresh[200:])
    assert fresh.index(True) * period_s < max(3.0, 4 * period_s)


def test_a_reader_that_is_too_slow_is_told() -> None:
    camera, freshness = _Buffered(1 / 30, 10_000), Freshness(30)
    ages = []
    while not freshness.hopeless(camera.now):
        waited_s, age_s = camera.read(work_s=0.05)
        if freshness.fresh(waited_s, camera.now):
            ages.append(age_s)
        assert camera.now < 60
    assert max(ages, default=0.0) < Freshness.LAG_S


def test_one_wait_while_another_program_had_the_processor_proves_nothing() -> None:
    freshness = Freshness(30)
    freshness.fresh(1.0, 0.0)
    assert not freshness.fresh(0.02, 0.02)
    assert not freshness.fresh(0.001, 0.021)
    assert not freshness.fresh(0.033, 0.054)
    assert freshness.fresh(0.033, 0.087)
