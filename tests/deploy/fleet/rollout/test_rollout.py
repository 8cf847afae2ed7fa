"""Whole roll-outs in compressed time, with the real database and a broker inside the process."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.deploy.fleet.rollout.world import NEW, OLD, World, world
from tests.fakes.stations import Habit, Station, running


def test_a_good_model_reaches_all_cohort_by_cohort(tmp_path: Path) -> None:
    here = world(tmp_path)
    name = here.start(shares=(0.1, 0.5, 1.0), least=5)
    here.pass_time(0.25)
    assert running(here.stations, NEW.digest) == 6
    assert here.until_closed(name) == "done"
    assert running(here.stations, NEW.digest) == 60
    assert [entry.what for entry in here.store.audit()] == ["done", "cohort", "cohort", "cohort", "start"]


@pytest.mark.parametrize(
    ("habit", "why"),
    [
        (Habit(crashes=1.0), "stations crashed"),
        (Habit(unsure=0.25), "have no answer"),
        (Habit(ends="failed"), "stations failed"),
        (Habit(ends="rolled_back"), "stations failed"),
    ],
    ids=str,
)
def test_a_bad_model_is_halted_in_its_first_cohort_and_taken_back(tmp_path: Path, habit: Habit, why: str) -> None:
    here = world(tmp_path, 80, habit)
    name = here.start(shares=(0.25, 1.0), soak_s=3600)
    assert here.until_closed(name) == "halted"
    assert why in here.store.rollout(name).why
    assert running(here.stations, OLD.digest) == 80
    assert len(here.store.rollout(name).given) == 20
    assert all(one.revision in {0, 2} for one in here.stations)


def switch_off(here: World, stations: Sequence[Station]) -> None:
    for one in stations:
        one.away("stopped", here.broker.say)


def switch_on(here: World, stations: Sequence[Station]) -> None:
    for one in stations:
        one.back(here.now, here.broker.desired.get(one.source, b""), here.broker.say)


def given(here: World, name: str) -> int:
    return len(here.store.rollout(name).given)


def test_a_night_skips_no_cohort(tmp_path: Path) -> None:
    here = world(tmp_path, 60)
    name = here.start(shares=(0.1, 0.5, 1.0), least=5, soak_s=3600)
    here.pass_time(0.75)
    switch_off(here, here.stations)
    here.pass_time(10.0, 300.0)
    assert here.store.rollout(name).why == "cohort 2 begins when a station is here that can be given the model"
    morning = [one for one in here.stations if one.source not in here.store.rollout(name).given]
    switch_on(here, here.stations)
    here.pass_time(0.1)
    assert given(here, name) == 30
    switch_off(here, morning)
    here.pass_time(0.1)
    assert given(here, name) == 30, "the last cohort is not begun meanwhile"
    switch_on(here, morning)
    assert here.until_closed(name) == "done"
    assert running(here.stations, NEW.digest) == 60


def test_a_cohort_that_began_with_few_is_filled_before_the_next_one_begins(tmp_path: Path) -> None:
    here = world(tmp_path, 60)
    late = here.stations[10:]
    switch_off(here, late)
    name = here.start(shares=(0.5, 1.0), least_counts=0, soak_s=600)
    here.pass_time(2.0)
    assert given(here, name) == 10
    assert here.store.rollout(name).why.endswith("20 more are to come to this cohort when they are here")
    switch_on(here, late)
    here.pass_time(0.1)
    assert given(here, name) == 30
    assert here.until_closed(name) == "done"


def test_a_rollout_that_begins_while_nobody_is_here_begins_with_its_first_cohort(tmp_path: Path) -> None:
    here = world(tmp_path, 60)
    here.pass_time(0.1)
    switch_off(here, here.stations)
    here.pass_time(24 * 14.0, 3600.0)
    name = here.start(shares=(0.1, 1.0), least=5)
    here.pass_time(0.1)
    assert given(here, name) == 0
    switch_on(here, here.stations)
    here.pass_time(0.1)
    assert given(here, name) == 6


def test_stations_that_were_not_here_for_weeks_are_not_waited_for(tmp_path: Path) -> None:
    here = world(tmp_path, 40)
    switch_off(here, here.stations[12:])
    here.pass_time(24 * 8.0, 3600.0)
    name = here.start(shares=(0.1, 0.5, 1.0), least=5, soak_s=600)
    assert here.until_closed(name) == "done"
    assert running(here.stations, NEW.digest) == 12
    assert given(here, name) == 40, "for the others the message waits"


def test_a_model_that_kills_a_small_fleet_does_not_spread(tmp_path: Path) -> None:
    here = world(tmp_path, 14)
    name = here.start(shares=(0.2, 1.0), least=5)
    for _ in range(24):
        here.pass_time(0.25)
        for one in here.stations:
            if one.online and one.model == NEW:
                one.away("lost", here.broker.say)
    assert given(here, name) == 5
    assert here.store.rollout(name).status == "running"
    assert here.store.rollout(name).why == "0 of 5 stations active, 5 are needed, 5 lost"


def test_a_model_that_runs_at_half_of_the_fleet_already_is_measured_by_the_other_half(tmp_path: Path) -> None:
    here = world(tmp_path, 80, Habit(unsure=0.25))
    first = here.start(shares=(0.5, 1.0), unsure=1.0, soak_s=86_400)
    here.pass_time(1.0)
    assert running(here.stations, NEW.digest) == 40
    here.store.order(first, "aborted", "ann", here.now, allowed=("running",))
    name = here.start(shares=(0.75, 1.0), soak_s=3600)
    assert here.until_closed(name) == "halted"
    assert "have no answer" in here.store.rollout(name).why


def test_what_is_left_to_do_by_nobody_is_done(tmp_path: Path) -> None:
    here = world(tmp_path, 5)
    for one in here.stations:
        one.shipped = NEW
        one.begin(here.now, here.broker.say)
    name = here.start()
    here.pass_time(0.1)
    assert here.store.rollout(name).status == "done"
