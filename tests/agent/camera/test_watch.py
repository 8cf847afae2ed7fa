"""When a camera is restarted."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import get_args

from hypothesis import given
from hypothesis import strategies as st

from agent.camera.watch import NEXT, SAME_FRAMES, Event, Limits, State, Watch

LIMITS = Limits()


@dataclass(frozen=True)
class Frame:
    number: int
    grabbed_at: float
    fingerprint: int = 0
    brightness: float = 100.0


def _new(limits: Limits = LIMITS, seed: int = 7) -> Watch:
    return Watch(limits, random.Random(seed))  # noqa: S311 - jitter is no secret


def _watch(limits: Limits = LIMITS) -> Watch:
    watch = _new(limits)
    watch.started(0.0)
    return watch


def _feed(watch: Watch, first: int, at: float, frames: int, period_s: float, **alike: float) -> tuple[str | None, float]:
    """Show frames until the watch has enough of them."""
    for number in range(first, first + frames):
        at += period_s
        watch.frame(Frame(number, at, **{"fingerprint": number, **alike}), at)  # type: ignore[arg-type]
        reason = watch.lost(at)
        if reason:
            return reason, at
    return None, at


def test_the_table_has_a_row_for_every_state_and_event() -> None:
    assert set(NEXT) == {(state, event) for state in get_args(State) for event in get_args(Event)}
    assert {NEXT["ended", event] for event in get_args(Event)} == {"ended"}


def test_a_camera_is_started_lives_and_is_lost_with_its_age() -> None:
    watch = _new()
    assert watch.due(0.0)
    watch.started(0.0)
    assert (watch.state, watch.restarts, watch.due(100.0)) == ("starting", 0, False)
    assert watch.frame(Frame(1, 1.0), 1.0)
    assert watch.state == "live"
    assert watch.lost(4.0) is None
    assert watch.lost(4.1) == "no new frame for 3.1 s"
    assert (watch.state, watch.reason) == ("lost", "no new frame for 3.1 s")
    assert not watch.due(4.1)
    assert watch.due(4.1 + LIMITS.first_pause_s)


def test_a_camera_that_never_shows_a_frame_is_restarted() -> None:
    watch = _watch()
    assert watch.lost(LIMITS.first_frame_s) is None
    assert watch.lost(LIMITS.first_frame_s + 0.1) == "no new frame within 20 s"


def test_the_words_of_a_reader_that_ended_are_the_reason() -> None:
    watch = _watch()
    assert watch.lost(0.1, "cannot be opened") == "cannot be opened"
    assert watch.lost(0.2, "cannot be opened") is None


def test_the_same_picture_for_long_is_a_hang_and_is_not_shown_after_the_restart_either() -> None:
    watch = _watch()
    reason, at = _feed(watch, 1, 0.0, 1000, 0.1, fingerprint=5)
    assert reason == "the very same picture for 5 s: it hangs"
    watch.started(at + 1)
    assert not watch.frame(Frame(2000, at + 2, fingerprint=5), at + 2)
    assert watch.frames_per_s() == 0
    assert watch.frame(Frame(2001, at + 3, fingerprint=6), at + 3)
    assert watch.state == "live"
    assert watch.frame(Frame(2002, at + 4, fingerprint=5), at + 4)


def test_few_frames_or_a_short_time_alike_are_no_hang() -> None:
    assert _feed(_watch(), 1, 0.0, SAME_FRAMES - 1, 2.0, fingerprint=5)[0] is None
    assert _feed(_watch(), 1, 0.0, 120, 0.04, fingerprint=5)[0] is None
    assert _feed(_watch(Limits(frozen_after_s=None)), 1, 0.0, 10_000, 0.1, fingerprint=5)[0] is None
    assert _feed(_watch(), 1, 0.0, 10_000, 0.1)[0] is None


def test_a_black_picture_is_shown_and_the_camera_restarted_ever_more_rarely() -> None:
    watch, at, number = _watch(), 0.0, 1
    lasted = []
    for _ in range(9):
        began = at
        reason, at = _feed(watch, number, at, 100_000, 1.0, fingerprint=5, brightness=0.5)
        assert reason is not None
        assert "black picture" in reason
        lasted.append(round(at - began, -1))
        number += 100_000
        at += 60.0
        watch.started(at)
        assert watch.frame(Frame(number, at, brightness=0.0), at)
        assert watch.state == "live"
    assert lasted == [60, 120, 240, 480, 960, 1920, 3600, 3600, 3600]
    watch.frame(Frame(number + 1, at + 1, brightness=50.0), at + 1)
    reason, at = _feed(watch, number + 2, at + 1, 100_000, 1.0, brightness=0.5)
    assert reason is not None
    assert "for 60 s" in reason


def test_pauses_double_to_their_cap_and_shrink_after_a_healthy_time() -> None:
    watch = _watch()
    pauses, at = [], 0.0
    for _ in range(10):
        assert watch.lost(at, "away")
        pauses.append(watch.wake_at - at)
        at = watch.wake_at
        assert watch.due(at)
        watch.started(at)
    for pause, most in zip(pauses, [0.5, 1, 2, 4, 8, 16, 30, 30, 30, 30], strict=True):
        assert most / 2 <= pause <= most
    assert _feed(watch, 1, at, 610, 0.1)[0] is None
    assert watch.lost(at + 61, "away")
    assert watch.wake_at - at - 61 <= LIMITS.first_pause_s


def test_a_recording_that_ended_is_never_started_again() -> None:
    watch = _watch()
    watch.frame(Frame(1, 0.1), 0.1)
    watch.ended()
    assert (watch.state, watch.reason, watch.due(1e9)) == ("ended", None, False)
    assert watch.lost(1e9) is None
    assert not watch.frame(Frame(2, 1.0), 1.0)


def test_the_rate_is_that_of_the_last_frames() -> None:
    watch = _watch()
    assert watch.frames_per_s() == 0
    _, at = _feed(watch, 1, 0.0, 50, 0.1)
    assert abs(watch.frames_per_s() - 10) < 0.01
    assert watch.lost(at, "away")
    assert watch.frames_per_s() == 0


_STEPS = st.lists(
    st.tuples(
        st.sampled_from(["frame", "frame", "frame", "old", "tick", "failure"]),
        st.floats(0.0, 40.0),
        st.integers(0, 3),
        st.sampled_from([0.0, 100.0]),
    ),
    max_size=120,
)


@given(steps=_STEPS, seed=st.integers(0, 100))
def test_whatever_happens_frames_are_shown_once_in_order_and_starts_are_spaced(
    steps: list[tuple[str, float, int, float]], seed: int
) -> None:
    watch = _new(seed=seed)
    now, number, running, shown, starts = 0.0, 0, False, 0, [float("-inf")]
    for what, later_s, fingerprint, brightness in steps:
        now += later_s
        if watch.due(now):
            assert not running
            assert now - starts[-1] >= LIMITS.first_pause_s / 2
            watch.started(now)
            starts.append(now)
            running = True
        before = watch.state
        if what in ("frame", "old"):
            number += what == "frame"
            may_show = watch.frame(Frame(number, now, fingerprint, brightness), now)
            assert not may_show or (running and number > shown)
            shown = number if may_show else shown
            assert not may_show or watch.state == "live"
        lost = watch.lost(now, "failed" if what == "failure" else None)
        assert not lost or running
        running = running and lost is None
        assert (watch.state == "lost") == (watch.reason is not None)
        assert watch.state != "starting" or before == "starting"
        assert running or watch.wake_at <= now + LIMITS.max_pause_s
    assert watch.restarts == len(starts) - 2
