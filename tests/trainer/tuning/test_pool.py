"""Several workers on one study: processes that share a database, and some that are killed."""

from __future__ import annotations

import os
import signal
import sys
import threading
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from optuna.trial import FrozenTrial, TrialState

from bintally.errors import InputError, UnavailableError
from tests.fakes.programs import Start, survivors, wait_until
from tests.trainer.tuning.searches import EndlessOnce, HangsOnce, in_this_process, refuses, search, sqlite_url
from trainer.tuning import slots
from trainer.tuning.pool import run
from trainer.tuning.study import table
from trainer.tuning.worker import BEST, LAST

PROGRAM = (sys.executable, "-m", "tests.trainer.tuning.searches")


def unwatched(trials: slots.Trials) -> None:
    pass


def trials_in(url: str, out: Path) -> list[FrozenTrial]:
    return table(search(url, out).open())


def states(trials: slots.Trials) -> list[TrialState]:
    return [trial.state for trial in slots.ended(trials)]


def worker_of(trial: FrozenTrial) -> str:
    return str(trial.user_attrs[slots.WORKER])


def begun(folder: Path) -> list[int]:
    """The processes that say that they train."""
    return [int(path.name) for path in folder.iterdir() if path.name.isdigit()]


@contextmanager
def meanwhile(act: Callable[[], None]) -> Iterator[None]:
    """Do something in a thread beside the block."""
    thread = threading.Thread(target=act, name="meanwhile")
    thread.start()
    yield
    thread.join()


def kill_the_one_that_hangs(folder: Path) -> None:
    marker = folder / "hangs"
    wait_until(lambda: marker.exists() and marker.read_text() != "", "a trial hangs")
    os.kill(int(marker.read_text()), signal.SIGKILL)


def test_two_workers_share_an_sqlite_file_and_run_no_trial_too_many(tmp_path: Path) -> None:
    one, seen = search(sqlite_url(tmp_path), tmp_path, total=8), list[int]()
    run(one, 2, lambda trials: seen.append(len(slots.ended(trials))))
    assert seen[-1] == 8
    trials = trials_in(sqlite_url(tmp_path), tmp_path)
    assert states(trials) == [TrialState.COMPLETE] * 8
    assert len({trial.params["learning_rate"] for trial in slots.ended(trials)}) == 8
    best = min(slots.ended(trials), key=lambda trial: trial.value or 0)
    assert [path.parent.name for path in (tmp_path / "trials").glob(f"*/{BEST}")] == [f"{best.number:04}"]
    assert not list((tmp_path / "trials").glob(f"*/{LAST}"))
    logs = [path.read_bytes() for path in sorted((tmp_path / "logs").iterdir())]
    run(one, 2, unwatched)
    assert [path.read_bytes() for path in sorted((tmp_path / "logs").iterdir())] == logs, "a finished study starts no worker"


def test_a_command_joins_the_study_of_another_on_postgresql(postgres: str, tmp_path: Path, start: Start) -> None:
    here, there = tmp_path / "here", tmp_path / "there"
    there.mkdir()
    other = start(*PROGRAM, postgres, str(there), "endless-once", "6", "1")
    wait_until(lambda: begun(there) != [] or not other.running, "the other one trains")
    assert other.running, other.stderr

    watched = search(postgres, here).open()

    def release_when_all_others_ended() -> None:
        wait_until(lambda: len(slots.ended(table(watched))) == 5, "this one has run all other trials")
        (there / "release").touch()

    with meanwhile(release_when_all_others_ended):
        study = run(search(postgres, here, total=6), 1, unwatched)
    assert other.wait() == 0, other.stderr
    assert states(table(study)) == [TrialState.COMPLETE] * 6
    assert len({worker_of(trial) for trial in slots.ended(table(study))}) == 2


def test_the_trial_of_a_killed_worker_goes_on_in_another_with_the_same_parameters(tmp_path: Path) -> None:
    with meanwhile(lambda: kill_the_one_that_hangs(tmp_path)):
        trials = table(run(search(sqlite_url(tmp_path), tmp_path, HangsOnce(tmp_path / "hangs"), total=4), 2, unwatched))
    (again,) = [trial for trial in trials if slots.RETRIES in trial.user_attrs]
    (before,) = slots.lineage(again, trials)
    assert worker_of(before).endswith(f":{(tmp_path / 'hangs').read_text()}")
    assert (before.state, again.state) == (TrialState.FAIL, TrialState.COMPLETE)
    assert again.params == before.params
    assert list(before.intermediate_values) == [1, 2]
    assert sorted(again.intermediate_values) == [1, 2, 3]
    assert not (tmp_path / "trials" / f"{before.number:04}").exists()
    assert states(trials) == [TrialState.COMPLETE] * 4


def test_when_all_workers_are_killed_the_same_command_goes_on(tmp_path: Path) -> None:
    one = search(sqlite_url(tmp_path), tmp_path, HangsOnce(tmp_path / "hangs"), total=2)
    with (
        meanwhile(lambda: kill_the_one_that_hangs(tmp_path)),
        pytest.raises(UnavailableError, match=r"worker-0 was killed \(SIGKILL.*goes on"),
    ):
        run(one, 1, unwatched)
    assert states(in_this_process(one)) == [TrialState.COMPLETE] * 2


def test_a_stopped_search_saves_its_trials_and_goes_on_with_them(tmp_path: Path) -> None:
    one = search(sqlite_url(tmp_path), tmp_path, EndlessOnce(tmp_path, tmp_path / "release"), total=3)

    def stop_all() -> None:
        wait_until(lambda: len(begun(tmp_path)) == 2, "both workers train")
        os.kill(os.getpid(), signal.SIGTERM)

    with meanwhile(stop_all), pytest.raises(KeyboardInterrupt):
        run(one, 2, unwatched)
    stopped = trials_in(sqlite_url(tmp_path), tmp_path)
    assert [(trial.state, slots.STOPPED in trial.user_attrs) for trial in stopped] == [(TrialState.FAIL, True)] * 2
    assert [(one.folder(trial.number) / LAST).read_text() for trial in stopped] == ["2", "2"]
    (tmp_path / "release").touch()
    trials = in_this_process(one)
    assert [trial.params for trial in trials if slots.RETRIES in trial.user_attrs] == [trial.params for trial in stopped]
    assert states(trials) == [TrialState.COMPLETE] * 3


def test_workers_do_not_outlive_a_killed_command(tmp_path: Path, start: Start) -> None:
    token = uuid.uuid4().hex
    command = start(*PROGRAM, sqlite_url(tmp_path), str(tmp_path), "endless-once", "4", "1", env={"BEGUN_BY": token})
    wait_until(lambda: begun(tmp_path) != [] or not command.running, "the worker trains")
    assert len(survivors(token)) >= 2
    command.signal(signal.SIGKILL)
    wait_until(lambda: not survivors(token), "all processes are gone")
    (trial,) = trials_in(sqlite_url(tmp_path), tmp_path)
    assert slots.STOPPED in trial.user_attrs


def test_a_search_of_one_trial_that_fails_says_why(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"all 1 trials failed.*no image"):
        run(search(sqlite_url(tmp_path), tmp_path, refuses, total=1), 1, unwatched)
