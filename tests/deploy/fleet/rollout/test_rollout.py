"""Whole roll-outs in compressed time, with the real database and a broker inside the process."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.deploy.fleet.rollout.world import NEW, OLD, world
from tests.fakes.stations import Habit, running


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
