"""When a bin is counted: never while it moves, always once when it has come to rest, and illegal events change nothing."""

from __future__ import annotations

from dataclasses import replace
from typing import get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.counting.look import Look
from agent.counting.scene import FROZEN_AFTER_S, HAND_FOR_S, STILL_FRAMES, TRANSITIONS, WAITS_FOR, Event, Scene, SceneRules, State
from bintally.errors import UsageError
from bintally.messages import Trigger

RULES = SceneRules(settle_s=0.5, heartbeat_s=60.0)
REST = Look(light=120, sharpness=0.6, repeated=False, moved=False, changed=False, hand=False)
NEW, MOVED = replace(REST, changed=True), replace(REST, moved=True, changed=True)
HAND, REACHING = replace(NEW, hand=True), replace(MOVED, hand=True)
DARK, BLURRED, REPEATED = replace(NEW, light=3), replace(NEW, sharpness=0.1), replace(NEW, repeated=True)


class Eye:
    """Drives a scene at eight pictures a second, whose times add up exactly, and finishes a count after as many wanted ones as are given."""

    def __init__(self, frames: int = 3) -> None:
        self.scene, self.frames = Scene(RULES), frames
        self.now = 0.0
        self.fused = 0
        self.counts: list[tuple[float, Trigger]] = []

    def see(self, *looks: Look) -> list[bool]:
        return [self._see(look) for look in looks]

    def _see(self, look: Look) -> bool:
        self.now += 0.125
        wanted = self.scene.see(look, self.now)
        if self.scene.state != "counting":
            self.fused = 0
        self.fused += wanted
        if self.fused >= self.frames:
            self.fused = 0
            self.counts.append((self.now, self.scene.counted()))
        return wanted

    @property
    def triggers(self) -> list[Trigger]:
        return [trigger for _, trigger in self.counts]


def _rested() -> Eye:
    eye = Eye()
    eye.see(MOVED, *[NEW] * 7)
    assert eye.triggers == ["settled"]
    eye.counts.clear()
    return eye


def test_every_state_has_words_and_every_transition_leads_to_a_state() -> None:
    states, events = set(get_args(State)), set(get_args(Event))
    assert set(WAITS_FOR) == states
    assert set(TRANSITIONS) == events
    assert all(set(row) <= states and set(row.values()) <= states for row in TRANSITIONS.values())


def test_a_bin_is_counted_once_when_it_has_come_to_rest() -> None:
    eye = Eye()
    assert eye.see(MOVED, *[NEW] * 4) == [False] * 5
    assert eye.scene.state == "settling"
    assert eye.see(*[NEW] * 3) == [True] * 3
    assert eye.see(*[REST] * 400) == [False] * 400
    assert eye.triggers == ["settled"]


def test_movement_in_the_middle_of_a_count_drops_it() -> None:
    eye = Eye()
    eye.see(MOVED, *[NEW] * 6, MOVED)
    assert eye.scene.state == "moving"
    assert eye.counts == []
    eye.see(*[NEW] * 7)
    assert eye.triggers == ["settled"]


def test_movement_that_leaves_the_picture_as_it_was_is_not_counted() -> None:
    eye = _rested()
    eye.see(MOVED, MOVED, *[REST] * 20)
    assert eye.counts == []


def test_a_hand_that_came_and_went_is_a_reason_even_where_the_picture_hardly_shows_it() -> None:
    eye = _rested()
    eye.see(REACHING, MOVED, *[REST] * 20)
    assert eye.triggers == ["settled"]


def test_a_drift_without_movement_is_counted() -> None:
    eye = _rested()
    eye.see(*[NEW] * 3)
    assert eye.triggers == ["settled"]


def test_a_hand_that_is_held_still_is_not_counted_but_what_lies_there_is() -> None:
    eye = _rested()
    assert not any(eye.see(REACHING, *[HAND] * int(HAND_FOR_S * 8)))
    assert eye.scene.state == "hand"
    eye.see(*[HAND] * 3)
    assert eye.triggers == ["settled"]


@pytest.mark.parametrize(("look", "state"), [(DARK, "dark"), (BLURRED, "blurred"), (replace(DARK, moved=True), "dark")])
def test_what_cannot_be_seen_is_not_counted_even_on_command(look: Look, state: State) -> None:
    eye = _rested()
    eye.scene.ask()
    assert not any(eye.see(*[look] * 50))
    assert eye.scene.state == state
    eye.see(*[REST] * 12)
    assert eye.triggers == ["command"]


def test_a_repeated_picture_is_not_counted_and_soon_called_frozen() -> None:
    eye = _rested()
    eye.scene.ask()
    eye.see(*[REPEATED] * int(FROZEN_AFTER_S * 8 - 1))
    states = [eye.scene.state]
    eye.see(REPEATED)
    assert [*states, eye.scene.state] == ["at rest", "frozen"]
    assert eye.see(*[REST] * 4) == [False] * 4, "it has to settle anew"
    eye.see(*[REST] * 8)
    assert eye.triggers == ["command"]


def test_pictures_that_a_stream_repeats_now_and_then_delay_a_count_and_no_more() -> None:
    eye = Eye()
    eye.see(MOVED, *[NEW, REPEATED, REPEATED] * 5)
    assert eye.triggers == ["settled"]


def test_an_encoder_that_codes_no_change_is_counted_all_the_same() -> None:
    eye = Eye()
    eye.scene.rules = replace(eye.scene.rules, repeats=True)
    eye.see(MOVED, NEW, *[REPEATED] * 6, *[replace(REST, repeated=True)] * 50)
    assert (eye.triggers, eye.scene.state) == (["settled"], "at rest")


def test_the_heart_beats_while_at_rest() -> None:
    eye = _rested()
    eye.see(*[REST] * 1500)
    assert eye.triggers == ["heartbeat"] * 3


def test_a_command_is_obeyed_at_once_at_rest_and_once() -> None:
    eye = _rested()
    eye.scene.ask()
    assert eye.see(REST, REST, REST) == [True] * 3
    eye.see(*[REST] * 100)
    assert eye.triggers == ["command"]


def test_a_command_during_a_count_takes_that_one() -> None:
    eye = Eye()
    eye.see(MOVED, *[NEW] * 5)
    eye.scene.ask()
    eye.see(NEW, *[REST] * 20)
    assert eye.triggers == ["command"]


def test_what_was_asked_for_survives_a_restart_of_the_camera() -> None:
    eye = _rested()
    eye.see(MOVED)
    eye.scene.ask()
    eye.scene.forget()
    assert eye.scene.state == "starting"
    eye.see(MOVED, *[NEW] * 7, *[REST] * 20)
    assert eye.triggers == ["command"]


def test_a_slow_camera_needs_two_pictures_at_rest() -> None:
    scene = Scene(RULES)
    assert [scene.see(look, at) for look, at in ((MOVED, 0.0), (NEW, 10.0), (NEW, 20.0))] == [False, False, True]


def test_a_picture_from_before_changes_nothing() -> None:
    eye = _rested()
    before = dict(vars(eye.scene))
    assert not eye.scene.see(MOVED, eye.now)
    assert not eye.scene.see(DARK, 0.0)
    assert vars(eye.scene) == before


LOOKS = [REST, NEW, MOVED, HAND, REACHING, DARK, BLURRED, REPEATED]
looks = st.lists(st.tuples(st.sampled_from(LOOKS), st.integers(1, 30)), max_size=20).map(
    lambda runs: [look for look, number in runs for _ in range(number)]
)
steps = st.lists(st.one_of(st.sampled_from(LOOKS), st.sampled_from(["ask", "forget", "counted"])), max_size=60)


@settings(max_examples=100, deadline=None)
@given(looks, st.integers(1, 5))
def test_nothing_is_counted_but_pictures_at_rest(history: list[Look], frames: int) -> None:
    eye = Eye(frames)
    wanted = eye.see(*history)
    for place, (look, want) in enumerate(zip(history, wanted, strict=True)):
        if want:
            assert look not in (MOVED, REACHING, DARK, BLURRED, REPEATED)
            assert not any(before.moved for before in history[max(0, place - STILL_FRAMES + 1) : place])


@settings(max_examples=100, deadline=None)
@given(looks, st.integers(1, 5))
def test_whatever_was_before_enough_rest_is_counted_exactly_once(history: list[Look], frames: int) -> None:
    eye = Eye(frames)
    eye.see(*history, REACHING)
    before = len(eye.counts)
    eye.see(MOVED, *[NEW] * (4 + frames))
    assert eye.triggers[before:] == ["settled"]
    eye.see(*[REST] * 100)
    assert len(eye.counts) == before + 1


@settings(max_examples=100, deadline=None)
@given(steps)
def test_illegal_events_are_refused_and_change_nothing(history: list[Look | str]) -> None:
    scene = Scene(RULES)
    now = 0.0
    for step in history:
        now += 0.2
        if isinstance(step, Look):
            scene.see(step, now)
        elif step == "ask":
            scene.ask()
        elif step == "forget":
            scene.forget()
        elif scene.state == "counting":
            scene.counted()
        else:
            before = dict(vars(scene))
            with pytest.raises(UsageError):
                scene.counted()
            assert vars(scene) == before
        assert scene.waits_for == WAITS_FOR[scene.state]
