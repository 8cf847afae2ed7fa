"""What is made of what stations say."""

from __future__ import annotations

import json

import pytest

from deploy.fleet.rollout.fold import Listener
from deploy.fleet.rollout.link import Heard
from deploy.fleet.rollout.shown import station_json
from deploy.fleet.rollout.view import ABSENT_S, SILENT_S, StationView, Tally, with_health, with_reported, with_state
from tests.deploy.fleet.rollout.views import health, reported, state, view
from tests.deploy.fleet.rollout.world import NEW, START

EMPTY = StationView(source="berlin/a")


def lived(*states: tuple[str, int], live: bool = True) -> StationView:
    found = EMPTY
    for number, (status, session) in enumerate(states):
        found = with_state(found, state(status, session), START + number, live=live)
    return found


def test_a_start_without_a_farewell_before_is_a_crash() -> None:
    assert lived(("online", 1), ("lost", 1), ("online", 2)).total.crashes == 1
    assert lived(("online", 1), ("online", 2)).total.crashes == 1
    assert lived(("online", 1), ("stopped", 1), ("online", 2)).total.crashes == 0


def test_a_connection_that_was_lost_is_no_crash() -> None:
    assert lived(("online", 1), ("lost", 1), ("online", 1)).total.crashes == 0


def test_the_will_of_an_older_session_changes_nothing() -> None:
    assert lived(("online", 1), ("online", 2), ("lost", 1)).state == state("online", 2)


def test_what_happened_before_a_retained_message_is_not_guessed() -> None:
    assert lived(("online", 1), ("online", 2), live=False).total.crashes == 0


def test_counters_that_begin_anew_are_added_up() -> None:
    found = EMPTY
    for one in (
        health(1, counted=10, unsure=1, uptime_s=100),
        health(1, counted=30, unsure=4, uptime_s=300),
        health(2, counted=5, unsure=5, uptime_s=50),
    ):
        found = with_health(found, one, START)
    assert found.total == Tally(counted=35, unsure=9, ran_s=350)
    assert found.trial == Tally(counted=25, unsure=8, ran_s=250)


def test_a_new_model_begins_its_own_tally() -> None:
    found = EMPTY
    for one in (health(counted=10), health(counted=20), health(model=NEW, counted=25), health(model=NEW, counted=27, unsure=1)):
        found = with_health(found, one, START)
    assert found.trial == Tally(counted=2, unsure=1)
    assert found.digest == NEW.digest
    assert found.total.counted == 27


def test_presence_needs_more_than_a_retained_state() -> None:
    here = view("a", seen_at=START)
    assert here.is_present(START + SILENT_S)
    assert not here.is_present(START + SILENT_S + 1)
    assert here.is_lost(START + SILENT_S + 1)
    assert not view("a", "lost").is_present(START)


def test_somebody_who_says_farewell_is_not_lost() -> None:
    assert not view("a", "stopped").is_lost(START + 1e6)
    assert not view("a", "lost", status_at=START).is_lost(START + 10)
    assert view("a", "lost", status_at=START).is_lost(START + SILENT_S + 1)


def test_a_phase_is_as_old_as_its_first_report() -> None:
    found = EMPTY
    for number, one in enumerate([reported(1, "shadow"), reported(1, "active"), reported(1, "active")]):
        found = with_reported(found, one, START + number, live=True)
    assert found.phase_at == START + 1


def test_what_cannot_be_read_is_refused_and_changes_nothing() -> None:
    listener = Listener()
    listener.hear([Heard("berlin/a", "state", state().model_dump_json().encode(), live=True)], START)
    before = listener.views["berlin/a"]
    listener.hear(
        [Heard("berlin/a", kind, bad, live=True) for kind in ("state", "health", "model/reported") for bad in (b"{", b"", b"\xff", b"[]")],
        START,
    )
    assert listener.views == {"berlin/a": before}


def test_a_view_survives_the_database() -> None:
    found = with_health(view("berlin/a"), health(counted=3), START)
    assert StationView.model_validate_json(found.model_dump_json()) == found


def test_after_a_silence_the_time_online_begins_anew() -> None:
    before = view("berlin/a", seen_at=START, status_at=START - 9000)
    late = START + 7200
    assert with_health(before, health(), START + SILENT_S).present_for_s(START + SILENT_S) > 9000
    for after in (
        with_health(before, health(), late),
        with_state(before, state(), late, live=True),
        with_reported(before, reported(), late, live=True),
    ):
        assert after.present_for_s(late + 10) == 10


@pytest.mark.parametrize("field", ["uptime_s", "counted", "unsure", "outbox_depth"])
def test_figures_beyond_all_measure_are_refused_so_that_no_station_can_stop_the_fleets_arithmetic(field: str) -> None:
    listener = Listener()
    for number in (1, 2):
        huge = {**health(number).model_dump(mode="json"), field: 10**308}
        listener.hear([Heard("berlin/a", "health", json.dumps(huge).encode(), live=True)], START)
    for one in listener.views.values():
        assert StationView.model_validate_json(one.model_dump_json()) == one
        assert station_json(one, {}, START)
    assert listener.views == {}


def test_a_station_is_expected_for_a_week_by_our_ears_or_its_own_clock() -> None:
    one = view("berlin/a", seen_at=START)
    assert one.is_expected(START + ABSENT_S)
    assert not one.is_expected(START + ABSENT_S + 1)
    assert view("berlin/a", seen_at=0.0).is_expected(START + 1), "it reported at START, as the broker remembers"
    assert not view("berlin/a", seen_at=0.0).is_expected(START - 1), "a clock that is ahead says nothing"
