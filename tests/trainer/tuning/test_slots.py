"""Which trials count: no slot is lost and none is run twice, however workers are killed, stopped and interleaved."""

from __future__ import annotations

import random
from datetime import datetime, timedelta
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from optuna.trial import FrozenTrial, TrialState

from trainer.tuning import slots

NOW = datetime(2024, 5, 1, 12)  # noqa: DTZ001 - as Optuna stores it


def trial(number: int, state: TrialState = TrialState.COMPLETE, value: float | None = None, **facts: Any) -> FrozenTrial:
    """A row of the table; ``facts`` are the marks of a worker, or ``params``."""
    params = facts.pop("params", {})
    losses = [1.0 if value is None else value] if state in (TrialState.COMPLETE, TrialState.PRUNED) else None
    return FrozenTrial(
        number=number,
        state=state,
        value=None,
        values=losses,
        datetime_start=NOW,
        datetime_complete=NOW if state.is_finished() else None,
        params=params,
        distributions={},
        user_attrs=facts,
        system_attrs={},
        intermediate_values={},
        trial_id=number,
    )


FAIL, RUNNING, WAITING = TrialState.FAIL, TrialState.RUNNING, TrialState.WAITING


def test_a_trial_that_failed_by_itself_ends_its_slot_and_one_whose_worker_died_does_not() -> None:
    trials = [trial(0), trial(1, FAIL, error="diverged"), trial(2, FAIL), trial(3, FAIL, stopped=True), trial(4, TrialState.PRUNED)]
    assert [one.number for one in slots.ended(trials)] == [0, 1, 4]
    assert [one.number for one in slots.lost(trials, 5)] == [2, 3]


def test_a_lost_trial_is_found_once() -> None:
    trials = [trial(0, FAIL), trial(1, WAITING, retries=0)]
    assert slots.lost(trials, 1) == []
    trials = [trial(0, FAIL), trial(1, FAIL, retries=0)]
    assert [one.number for one in slots.lost(trials, 1)] == [1]


def test_a_worker_runs_waits_or_leaves() -> None:
    assert slots.next_step([], 1) == "run"
    assert slots.next_step([trial(0, RUNNING)], 2) == "run"
    assert slots.next_step([trial(0, RUNNING)], 1) == "wait"
    assert slots.next_step([trial(0, FAIL)], 1) == "wait"
    assert slots.next_step([trial(0, FAIL), trial(1, WAITING, retries=0)], 1) == "run"
    assert slots.next_step([trial(0, FAIL), trial(1, retries=0)], 1) == "done"
    assert slots.next_step([trial(0), trial(1, FAIL, surplus=True)], 1) == "done"
    assert slots.next_step([trial(0), trial(1, FAIL, surplus=True)], 2) == "run"


def test_the_later_one_of_two_that_took_the_last_slot_is_surplus() -> None:
    trials = [trial(0), trial(1, RUNNING), trial(2, RUNNING)]
    assert [slots.is_surplus(one, trials, 2) for one in trials] == [False, False, True]
    trials = [trial(0, FAIL), trial(1, RUNNING, retries=0), trial(2, RUNNING, retries=0)]
    assert [slots.is_surplus(one, trials, 1) for one in trials[1:]] == [False, True]


def test_a_smaller_study_leaves_lost_trials_and_a_larger_one_finds_them_again() -> None:
    trials = [trial(0), trial(1, FAIL, stopped=True)]
    assert (slots.lost(trials, 1), slots.next_step(trials, 1)) == ([], "done")
    assert [one.number for one in slots.lost(trials, 2)] == [1]


def test_kills_are_counted_along_the_slot_and_stops_are_not() -> None:
    trials = [trial(0, FAIL), trial(1), trial(2, FAIL, retries=0, stopped=True), trial(3, FAIL, retries=2), trial(4, RUNNING, retries=3)]
    before = slots.lineage(trials[4], trials)
    assert [one.number for one in before] == [3, 2, 0]
    assert slots.kills(before) == 2


def test_the_best_is_the_complete_trial_with_the_lowest_loss() -> None:
    trials = [trial(0, value=2), trial(1, value=1), trial(2, value=1), trial(3, TrialState.PRUNED, value=0)]
    assert slots.best(trials) is trials[1]
    assert slots.best(trials[3:]) is None


def test_a_worker_killed_before_its_first_heartbeat_is_noticed_by_the_missing_parameters() -> None:
    before, after = NOW - timedelta(seconds=1), NOW + timedelta(seconds=1)
    assert slots.never_began(trial(0, RUNNING), after)
    assert not slots.never_began(trial(0, RUNNING), before)
    assert not slots.never_began(trial(0, RUNNING, params={"epochs": 8}), after)
    assert not slots.never_began(trial(0), after)


class Shop:
    """A table and workers that look at it at any moment, each of whose steps the database does as one."""

    def __init__(self, total: int, workers: int, seed: int) -> None:
        self.total, self.rng = total, random.Random(seed)  # noqa: S311 - an order
        self.rows: list[FrozenTrial] = []
        self.workers = [self.worker() for _ in range(workers)]

    def add(self, state: TrialState, **marks: Any) -> int:
        self.rows.append(trial(len(self.rows), state, **marks))
        return len(self.rows) - 1

    def become(self, number: int, state: TrialState, **marks: Any) -> None:
        self.rows[number] = trial(number, state, **{**self.rows[number].user_attrs, **marks})

    def worker(self) -> Any:
        """One worker's steps; others step between two of them."""
        while True:
            for lost in slots.lost(list(self.rows), self.total):
                yield
                self.add(WAITING, retries=lost.number)
            yield
            step = slots.next_step(list(self.rows), self.total)
            yield
            if step == "done":
                return
            if step == "run":
                waiting = next((row.number for row in self.rows if row.state == WAITING), None)
                number = self.add(RUNNING) if waiting is None else waiting
                self.become(number, RUNNING)
                yield
                if slots.is_surplus(self.rows[number], list(self.rows), self.total):
                    self.become(number, FAIL, surplus=True)
                    continue
                yield
                self.end(number)

    def end(self, number: int) -> None:
        fate = self.rng.choice(["complete", "pruned", "failed", "killed", "stopped"])
        if fate in ("complete", "pruned"):
            self.become(number, TrialState.COMPLETE if fate == "complete" else TrialState.PRUNED)
        else:
            self.become(number, FAIL, **({"error": "why"} if fate == "failed" else {"stopped": True} if fate == "stopped" else {}))

    def run(self) -> None:
        while self.workers:
            one = self.rng.choice(self.workers)
            if next(one, "gone") == "gone":
                self.workers.remove(one)


@given(total=st.integers(1, 6), workers=st.integers(1, 5), seed=st.integers(0, 2**32))
@settings(max_examples=200)
def test_in_any_order_of_steps_exactly_all_slots_end_once(total: int, workers: int, seed: int) -> None:
    shop = Shop(total, workers, seed)
    shop.run()
    assert len(slots.ended(shop.rows)) == total
    openers = [(slots.lineage(one, shop.rows) or [one])[-1].number for one in slots.ended(shop.rows)]
    assert len(set(openers)) == total
    assert slots.lost(shop.rows, total) == []
