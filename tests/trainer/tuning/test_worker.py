"""One worker: what it runs, prunes, keeps and gives up, and what it does with trials that were interrupted."""

from __future__ import annotations

import math
import os
import shutil
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import optuna
import pytest
from optuna.trial import FrozenTrial, TrialState

from bintally.errors import InputError, UnavailableError
from bintally.files import write_atomically
from tests.trainer.tuning.searches import EPOCHS, in_this_process, loss_of, quadratic, refuses, search, space, sqlite_url
from trainer.training.settings import TrainSettings
from trainer.tuning import slots
from trainer.tuning.study import table
from trainer.tuning.worker import BEST, LAST, OnEpoch, Search, work

COMPLETE, PRUNED, FAIL = TrialState.COMPLETE, TrialState.PRUNED, TrialState.FAIL


class Runs:
    """Like ``quadratic``, and something happens at some epochs; remembers what was run."""

    def __init__(self, at: dict[tuple[int, int], Callable[[], None]] | None = None) -> None:
        self.at, self.seen, self.resumed = at or {}, list[TrainSettings](), list[bool]()

    def __call__(self, settings: TrainSettings, out: Path, resume: bool, on_epoch: OnEpoch) -> float:
        self.seen.append(settings)
        self.resumed.append(resume)
        number = len(self.seen)

        def then(epoch: int, outcome: dict[str, Any]) -> None:
            self.at.get((number, epoch), lambda: None)()
            on_epoch(epoch, outcome)

        return quadratic(settings, out, resume, then)


def states(trials: list[FrozenTrial]) -> list[TrialState]:
    return [trial.state for trial in trials]


def files(one: Search) -> list[str]:
    return sorted(str(path.relative_to(one.out / "trials")) for path in (one.out / "trials").rglob("*.pt"))


@pytest.fixture
def url(tmp_path: Path) -> str:
    return sqlite_url(tmp_path)


def test_a_search_runs_all_its_trials_finds_the_better_region_and_keeps_the_best_checkpoint(url: str, tmp_path: Path) -> None:
    one = search(url, tmp_path, total=16)
    trials = in_this_process(one)
    assert states(trials) == [COMPLETE] * 16
    best = min(trials, key=lambda trial: trial.value or 0)
    assert best.params["batch_size"] == 64
    assert best.value == pytest.approx(1 / EPOCHS, abs=0.2)
    assert files(one) == [f"{best.number:04}/{BEST}"]
    assert float((one.folder(best.number) / BEST).read_text()) == best.params["learning_rate"]
    assert [trial.params["batch_size"] for trial in trials[10:]].count(64) > 3, "the sampler learns"


def test_keep_keeps_all_checkpoints(url: str, tmp_path: Path) -> None:
    one = search(url, tmp_path, total=2, keep=True)
    in_this_process(one)
    assert files(one) == [f"{number:04}/{name}" for number in range(2) for name in (BEST, LAST)]


def test_an_interrupted_search_draws_what_an_uninterrupted_one_draws(tmp_path: Path) -> None:
    (tmp_path / "whole").mkdir()
    (tmp_path / "parts").mkdir()
    whole = in_this_process(search(sqlite_url(tmp_path / "whole"), tmp_path / "whole", total=12))
    for total in (3, 12):
        parts = in_this_process(search(sqlite_url(tmp_path / "parts"), tmp_path / "parts", total=total))
    assert [trial.params for trial in parts] == [trial.params for trial in whole]


def test_another_seed_draws_something_else(tmp_path: Path, url: str) -> None:
    first = in_this_process(search(url, tmp_path, total=1))
    second = in_this_process(search(url, tmp_path, total=1, study="another", seed=1))
    assert first[0].params != second[0].params


@pytest.mark.parametrize("pruner", ["median", "hyperband"])
def test_hopeless_trials_are_pruned_and_their_checkpoints_deleted(url: str, tmp_path: Path, pruner: str) -> None:
    one = search(url, tmp_path, total=12, pruner=pruner, space=space(epochs=6))
    trials = in_this_process(one)
    pruned = [trial for trial in trials if trial.state == PRUNED]
    assert 1 <= len(pruned) < 12
    assert all(2 <= len(trial.intermediate_values) < 6 for trial in pruned)
    assert all(len(trial.intermediate_values) == 6 for trial in trials if trial.state == COMPLETE)
    assert len(files(one)) == 1


def test_a_trial_is_not_pruned_after_its_last_epoch(url: str, tmp_path: Path) -> None:
    trials = in_this_process(search(url, tmp_path, total=8, pruner="median", space=space(epochs=2)))
    assert set(states(trials)) == {COMPLETE}


def test_a_trial_that_fails_counts_and_the_others_go_on(url: str, tmp_path: Path) -> None:
    def fail() -> None:
        raise RuntimeError("CUDA out of memory")

    trials = in_this_process(search(url, tmp_path, Runs({(2, 1): fail}), total=4))
    assert states(trials) == [COMPLETE, FAIL, COMPLETE, COMPLETE]
    assert trials[1].user_attrs[slots.ERROR] == "CUDA out of memory"


@pytest.mark.parametrize("loss", [math.nan, math.inf])
def test_a_loss_that_is_no_number_fails_the_trial(url: str, tmp_path: Path, loss: float) -> None:
    def diverges(settings: TrainSettings, out: Path, resume: bool, on_epoch: OnEpoch) -> float:  # noqa: ARG001 - an objective
        return loss if settings.learning_rate > 0.05 else 1.0

    trials = in_this_process(search(url, tmp_path, diverges, total=4))
    assert {trial.state for trial in trials} == {COMPLETE, FAIL}
    assert all((trial.state == FAIL) == (trial.params["learning_rate"] > 0.05) for trial in trials)
    assert {trial.user_attrs.get(slots.ERROR) for trial in trials} == {None, f"the validation loss is {loss}"}


def test_when_the_first_trials_all_fail_the_worker_gives_up_with_the_first_error(url: str, tmp_path: Path) -> None:
    one = search(url, tmp_path, refuses, total=50)
    with pytest.raises(InputError, match=r"all 3 trials failed; the first one, with \{.*\}: no image for batches of \d\d"):
        work(one, threading.Event())
    assert len(table(one.open())) == 3
    assert states(in_this_process(replace(one, objective=quadratic, total=5))) == [FAIL] * 3 + [COMPLETE] * 2, "once it is mended"


def test_a_stopped_trial_goes_on_after_its_last_epoch_with_the_same_parameters(url: str, tmp_path: Path) -> None:
    stop = threading.Event()
    runs = Runs({(2, 2): stop.set})
    one = search(url, tmp_path, runs, total=3)
    with pytest.raises(KeyboardInterrupt):
        work(one, stop)
    assert states(table(one.open())) == [COMPLETE, FAIL]
    trials = in_this_process(one)
    assert runs.resumed == [False, False, True, False]
    assert runs.seen[1] == runs.seen[2]
    assert trials[2].intermediate_values == {epoch: loss_of(runs.seen[2], epoch) for epoch in (1, 2, 3)}
    assert trials[2].user_attrs[slots.BEST] == {"loss": loss_of(runs.seen[2], 3)}
    assert len(slots.ended(trials)) == 3


def test_a_trial_whose_folder_is_on_another_machine_begins_again(url: str, tmp_path: Path) -> None:
    stop = threading.Event()
    runs = Runs({(1, 2): stop.set})
    one = search(url, tmp_path / "here", runs, total=1)
    with pytest.raises(KeyboardInterrupt):
        work(one, stop)
    trials = in_this_process(replace(one, out=tmp_path / "there"))
    assert runs.resumed == [False, False]
    assert runs.seen[0] == runs.seen[1]
    assert list(trials[1].intermediate_values) == [1, 2, 3]


def test_a_trial_that_kills_its_worker_again_and_again_is_given_up(url: str, tmp_path: Path) -> None:
    one = search(url, tmp_path, total=2)
    study = one.open()
    for _ in range(slots.MOST_KILLS):  # leaves what is left of a killed worker, once its heartbeat was missed
        with pytest.warns(UserWarning, match="Heartbeat"):
            trial = study.ask()
        one.space.suggest(trial)
        study.tell(trial, state=FAIL)
        retries = {slots.RETRIES: trial.number}
        study.enqueue_trial(trial.params, user_attrs=retries)
    trials = in_this_process(one)
    assert states(trials) == [FAIL] * 4 + [COMPLETE]
    assert "killed 3 times" in trials[3].user_attrs[slots.ERROR]


def test_a_worker_that_slept_leaves_its_trial_to_who_took_it_over(url: str, tmp_path: Path) -> None:
    one = search(url, tmp_path, total=2)

    def taken_over_and_done_elsewhere() -> None:
        study = one.open()
        study.tell(0, state=FAIL)
        in_this_process(replace(one, total=1))

    runs = Runs({(1, 2): taken_over_and_done_elsewhere})
    trials = in_this_process(replace(one, objective=runs))
    assert states(trials) == [FAIL, COMPLETE, COMPLETE]
    assert trials[1].params == trials[0].params
    assert len(runs.seen) == 2
    assert not one.folder(0).exists()


def test_a_worker_that_slept_cannot_write_into_the_folder_that_was_taken_over(url: str, tmp_path: Path) -> None:
    one = search(url, tmp_path, total=1)

    def sleeps(settings: TrainSettings, out: Path, resume: bool, on_epoch: OnEpoch) -> float:  # noqa: ARG001 - an objective
        out.mkdir()
        write_atomically(out / LAST, "1")
        one.open().tell(0, state=FAIL)
        in_this_process(one)
        with pytest.raises(UnavailableError, match="cannot be written"):
            write_atomically(out / LAST, "2")
        raise InputError("woken up")

    assert states(in_this_process(replace(one, objective=sleeps))) == [FAIL, COMPLETE]


def test_a_full_disk_stops_the_worker_and_the_same_command_goes_on_with_the_trial(url: str, tmp_path: Path) -> None:
    def full() -> None:
        raise UnavailableError("last.pt: cannot be written (No space left on device)")

    runs = Runs({(2, 2): full})
    one = search(url, tmp_path, runs, total=3)
    with pytest.raises(UnavailableError, match="No space left"):
        work(one, threading.Event())
    trials = in_this_process(one)
    assert runs.seen[1] == runs.seen[2]
    assert states(slots.ended(trials)) == [COMPLETE] * 3


def test_a_database_that_goes_away_stops_the_worker(url: str, tmp_path: Path) -> None:
    database = tmp_path / "study.db"

    def lose() -> None:
        database.rename(tmp_path / "kept.db")
        database.mkdir()

    with pytest.raises(UnavailableError, match=r"database sqlite:///.*study\.db: .*the same command goes on"):
        work(search(url, tmp_path, Runs({(2, 1): lose}), total=3), threading.Event())
    database.rmdir()
    shutil.move(tmp_path / "kept.db", database)
    one = search(url, tmp_path, total=3)
    study = one.open()
    study.tell(1, state=FAIL)  # its heartbeat is missed
    assert states(slots.ended(in_this_process(one))) == [COMPLETE] * 3


def test_the_marks_name_machine_and_process(url: str, tmp_path: Path) -> None:
    (trial,) = in_this_process(search(url, tmp_path, total=1))
    assert trial.user_attrs[slots.WORKER] == f"{os.uname().nodename}:{os.getpid()}"


def test_optuna_says_nothing(url: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], recwarn: pytest.WarningsRecorder) -> None:
    in_this_process(search(url, tmp_path, total=2, pruner="hyperband"))
    assert "optuna" not in capsys.readouterr().err.lower()
    assert not [warning for warning in recwarn if issubclass(warning.category, optuna.exceptions.ExperimentalWarning)]
