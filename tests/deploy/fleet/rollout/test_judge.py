"""When a cohort is good, bad, or neither yet; and how often chance alone halts a roll-out."""

from __future__ import annotations

import random
from collections.abc import Sequence

import pytest

from deploy.fleet.rollout.judge import Verdict, judge, standing
from deploy.fleet.rollout.plan import Cohort, Given, Rollout, Target
from deploy.fleet.rollout.view import StationView, Tally
from tests.deploy.fleet.rollout.views import new, view
from tests.deploy.fleet.rollout.world import NEW, OLD, START, plan

HOUR = 3600.0
COUNTED = Tally(counted=100, unsure=5, ran_s=HOUR)
REST = [view(f"rest/{number}", total=COUNTED) for number in range(50)]
SOAKED = START + 2000


def given(source: str, **values: object) -> Given:
    before = Target(path="counter/1.0.0-cpu.onnx", model=OLD)
    return Given(source, 1, 0, NEW.digest, before, published_at=START, **values)  # type: ignore[arg-type]  # passed on


def verdict(cohort: Sequence[StationView], rest: Sequence[StationView] = REST, now: float = SOAKED, **changes: object) -> Verdict:
    """Of a cohort of ten that began at START."""
    everybody = [*cohort, *rest]
    base = {one.source: Tally() for one in everybody}
    desires = {one.source: given(one.source) for one in cohort}
    rollout = Rollout("one", plan(**changes), "running", cohort=Cohort(0, 10, START, base), given=desires)
    seen = {one.source: one.model_copy(update={"seen_at": max(one.seen_at, now - 10)}) for one in everybody}
    return judge(rollout, seen, [one.source for one in rest], now)


def actives(count: int, trial: Tally = COUNTED) -> list[StationView]:
    return [new(f"new/{number}", trial=trial) for number in range(count)]


def test_a_cohort_that_is_active_and_was_watched_is_good() -> None:
    assert verdict(actives(10)) == Verdict("good", "10 of 10 stations active, and not worse than the others")


def test_it_is_watched_from_the_moment_when_enough_are_active() -> None:
    late = [new("new/late", trial=COUNTED, phase_at=START + 900)]
    assert verdict([*actives(9), *late]).kind == "wait"
    assert verdict([*actives(9), *late], now=START + 2701).kind == "good"
    assert verdict([*actives(19), *late]).kind == "good", "19 of 20 are 95 %"


def test_it_must_have_counted() -> None:
    idle = Tally(counted=3, ran_s=HOUR)
    assert verdict(actives(10, idle)) == Verdict("wait", "0 of 10 active stations counted 20 times; half of them must have")
    assert verdict(actives(10, idle), least_counts=0).kind == "good"


@pytest.mark.parametrize("phase", ["failed", "rolled_back", "rejected"])
def test_more_failures_than_allowed_are_bad_at_once(phase: str) -> None:
    broken = [new("new/x", phase)]
    assert verdict([*actives(9), *broken], now=START + 1).why == "1 of 10 stations failed and 0 do not answer; 2.0% may"
    assert verdict([*actives(49), *broken]).kind == "good"


def test_a_station_that_is_online_and_takes_no_notice_counts_as_failed() -> None:
    deaf = [view("new/deaf", seen_at=START + 4000)]
    assert verdict([*actives(9), *deaf], now=START + 3600).kind == "wait"
    assert verdict([*actives(9), *deaf], now=START + 3601).why.endswith("1 do not answer; 2.0% may")


def test_a_station_that_came_back_just_now_has_its_time_to_answer() -> None:
    back = view("new/back", status_at=START + 9000, seen_at=START + 9100)
    assert standing(given("new/back"), back, plan(), START + 9100) == "busy"


def test_stations_that_are_away_for_days_neither_fail_nor_block() -> None:
    away = [view(f"new/away-{number}", status, status_at=START - 1e6) for number, status in enumerate(["stopped", "lost", "stopped"])]
    assert verdict([*actives(7), *away], now=START + 5 * 86_400).kind == "good"


def test_a_station_that_downloads_for_ever_holds_up_and_is_named() -> None:
    slow = [new(f"new/slow-{number}", "downloading") for number in range(2)]
    assert verdict([*actives(8), *slow], now=START + 5 * 86_400).why == "8 of 10 stations active, 10 are needed, 2 downloading"


def test_a_cohort_without_a_witness_is_not_good() -> None:
    assert verdict([view("new/away", "stopped")], now=START + 1e6).kind == "wait"


def test_stations_that_vanish_with_the_new_model_are_bad() -> None:
    gone = [new(f"new/gone-{number}", "probation", status="lost", status_at=START) for number in range(4)]
    assert "4 of 10 stations vanished, but 0 of 50 others" in verdict([*actives(6), *gone]).why


def test_a_night_in_which_the_whole_site_is_switched_off_is_not() -> None:
    gone = [new(f"new/gone-{number}", status="lost", status_at=START) for number in range(5)]
    rest = [*REST[:25], *(view(f"rest/gone-{number}", "lost", status_at=START) for number in range(25))]
    assert verdict([*actives(5), *gone], rest).kind != "bad"


def test_one_broken_power_supply_is_not() -> None:
    restarts = [new("new/x", trial=Tally(counted=100, crashes=200, ran_s=HOUR))]
    assert verdict([*actives(9), *restarts]).kind == "good"


def test_crashes_at_many_stations_are() -> None:
    crash = Tally(counted=50, crashes=1, ran_s=HOUR / 2)
    many = [new(f"new/x-{number}", trial=crash) for number in range(4)]
    assert verdict([*actives(6), *many]).why.startswith("4 of 10 stations crashed, 4 times in 8.0 hours together; 0 of 50 others")


def test_crashes_that_the_others_have_too_are_not() -> None:
    crash = Tally(counted=50, crashes=1, ran_s=HOUR / 2)
    rest = [view(f"rest/{number}", total=crash) for number in range(50)]
    assert verdict(actives(10, crash), rest).kind == "good"


def test_without_others_the_allowed_rate_and_the_own_past_are_the_measure() -> None:
    crash = Tally(counted=50, unsure=2, crashes=1, ran_s=HOUR / 2)
    assert "0.2 an hour a station are allowed" in verdict(actives(10, crash), []).why
    everybody = [one.model_copy(update={"trial": Tally(counted=100, unsure=30, ran_s=HOUR)}) for one in actives(10)]
    base = {one.source: Tally(counted=1000, unsure=50) for one in everybody}
    rollout = Rollout(
        "one", plan(), "running", cohort=Cohort(0, None, START, base), given={one.source: given(one.source) for one in everybody}
    )
    assert (
        judge(rollout, {one.source: one for one in everybody}, [], START + 60).why
        == "30.0% of the counts at 10 stations have no answer, 5.0% before"
    )


def test_what_somebody_moved_by_hand_is_no_longer_judged() -> None:
    everybody = {one.source: one for one in [*actives(10), new("new/x", "failed")]}
    everybody = {source: one.model_copy(update={"seen_at": SOAKED}) for source, one in everybody.items()}
    desires = {source: given(source, is_superseded=source == "new/x") for source in everybody}
    rollout = Rollout("one", plan(), "running", cohort=Cohort(0, 11, START, {}), given=desires)
    assert judge(rollout, everybody, [], SOAKED).kind == "good"


# What chance does: stations differ by themselves, counts are few, and the judge looks again and again.


def simulated(chance: random.Random, stations: int, size: int, *, unsure: float = 0.0, crashes: float = 0.0, looks: int = 6) -> int | None:
    """At which look a roll-out's cohort is halted in its half hour; None: never.

    Args:
        chance: where all comes from.
        stations: in the fleet.
        size: of the cohort.
        unsure: share of counts without an answer that the new model has above the old one's.
        crashes: an hour that it has above 0.02.
        looks: in half an hour.
    """
    own = [chance.betavariate(2, 30) for _ in range(stations)]
    tallies = [Tally() for _ in range(stations)]
    base = {f"s/{number}": Tally() for number in range(stations)}
    desires = {f"s/{number}": given(f"s/{number}") for number in range(size)}
    rollout = Rollout("one", plan(), "running", cohort=Cohort(0, size, START, base), given=desires)
    rest = [f"s/{number}" for number in range(size, stations)]
    template, member = view("s/0"), new("s/0")
    for look in range(1, looks + 1):
        views = {}
        for number in range(stations):
            is_new = number < size
            tallies[number] = lived(chance, tallies[number], own[number] + unsure * is_new, 0.02 + crashes * is_new, 0.5 / looks)
            update = {"source": f"s/{number}", "seen_at": START + look, "total": tallies[number], "trial": tallies[number]}
            views[f"s/{number}"] = (member if is_new else template).model_copy(update=update)
        if judge(rollout, views, rest, START + look).kind == "bad":
            return look
    return None


def lived(chance: random.Random, tally: Tally, unsure: float, crashes: float, hours: float) -> Tally:
    """A station's tally some hours later, at 120 counts an hour."""
    counted = max(0, round(chance.gauss(120 * hours, 5)))
    missed = max(0, min(counted, round(chance.gauss(counted * unsure, (counted * unsure * (1 - unsure)) ** 0.5))))
    return Tally(
        counted=tally.counted + counted,
        unsure=tally.unsure + missed,
        crashes=tally.crashes + (chance.random() < crashes * hours),
        ran_s=tally.ran_s + hours * HOUR,
    )


def test_a_good_model_is_hardly_ever_halted_by_chance() -> None:
    chance = random.Random(8)  # noqa: S311 - a simulation
    assert sum(simulated(chance, 120, size) is not None for size in (10, 30) for _ in range(25)) == 0


def test_a_bad_one_is_always_halted() -> None:
    chance = random.Random(8)  # noqa: S311 - a simulation
    assert all(simulated(chance, 300, 100, crashes=1.0) for _ in range(5))
    assert all(simulated(chance, 300, 100, unsure=0.20) == 2 for _ in range(5))


@pytest.mark.long
@pytest.mark.parametrize("size", [10, 100])
def test_false_halts_in_numbers(size: int) -> None:
    chance = random.Random(9)  # noqa: S311 - a simulation
    halts = sum(simulated(chance, 500, size, looks=15) is not None for _ in range(200))
    print(f"cohort of {size}: {halts} of 200 good models halted")
    assert halts <= 4


@pytest.mark.long
@pytest.mark.parametrize(
    ("size", "fault", "least"),
    [
        (10, {"crashes": 1.0}, 10),
        (10, {"unsure": 0.20}, 20),
        (10, {"unsure": 0.02}, 0),
        (100, {"crashes": 1.0}, 20),
        (100, {"unsure": 0.20}, 20),
        (100, {"unsure": 0.02}, 10),
    ],
)
def test_detections_in_numbers(size: int, fault: dict[str, float], least: int) -> None:
    chance = random.Random(9)  # noqa: S311 - a simulation
    looks = sorted(one for one in (simulated(chance, 500, size, looks=15, **fault) for _ in range(20)) if one)
    print(f"cohort of {size}, {fault}: {len(looks)} of 20 halted, after {looks[len(looks) // 2] * 2 if looks else '-'} min in the middle")
    assert len(looks) >= least
