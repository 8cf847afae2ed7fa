"""Training travel times: a loop that can be stopped at any step and ends as if it had not been, and the commands around it."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from bintally.cli import main
from bintally.errors import InputError, UsageError
from tests.trainer.interruptions import ask_to_stop, at_step, break_down
from tests.trainer.travel_time.labels import NAME, write_labels
from tests.trainer.tuning.searches import in_this_process, search, sqlite_url
from trainer.travel_time import checkpoint as checkpoints
from trainer.travel_time import train as training
from trainer.travel_time.checkpoint import Checkpoint
from trainer.travel_time.lists import LabelSet, load
from trainer.travel_time.run import doubt_loss
from trainer.travel_time.scores import doubt_scores, estimates
from trainer.travel_time.settings import TravelTimeSettings
from trainer.travel_time.train import BEST, LAST, METRICS, batches, in_words, learning_rate, train
from trainer.tuning.space import space_from
from trainer.tuning.training import TravelTimeTraining

SETTINGS = TravelTimeSettings(epochs=3, batch_size=32, aisle=16, looks=1, told=4, width=32, ema=0.9, seed=5)
STEPS_PER_EPOCH = 540 // 32


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_labels(tmp_path_factory.mktemp("labels"), 600, shard=300)


@pytest.fixture(scope="module")
def data(folder: Path) -> LabelSet:
    return load([folder], NAME)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory, data: LabelSet) -> Path:
    """The folder of a run that nothing interrupted."""
    out = tmp_path_factory.mktemp("whole")
    train(data, out, SETTINGS)
    return out


def same_weights(one: Checkpoint, other: Checkpoint) -> bool:
    return all(torch.equal(value, other.model[name]) for name, value in one.model.items())


def test_a_run_learns_and_writes_checkpoints_and_metrics(whole: Path, data: LabelSet) -> None:
    last, best = checkpoints.read(whole / LAST), checkpoints.read(whole / BEST)
    assert last.facts["step"] == 3 * STEPS_PER_EPOCH
    errors = [outcome["error"] for outcome in last.facts["validation"]]
    assert errors[-1] < 0.5 * errors[0]
    assert best.facts["validation"][-1]["loss"] == min(errors)
    assert best.facts["data"] == {"digest": data.digest, "train": 540, "val": 30, "test": 30}
    lines = [json.loads(line) for line in (whole / METRICS).read_text().splitlines()]
    assert [line["error"] for line in lines] == errors
    assert [line["lists"] for line in lines] == [STEPS_PER_EPOCH * 32] * 3
    assert {line["device"] for line in lines} == {in_words(torch.device("cuda" if torch.cuda.is_available() else "cpu"))}
    assert (best.state, best.subject) == (None, data.subject)


def test_what_is_kept_estimates_as_well_as_was_validated_and_its_spreads_are_as_large_as_its_errors(whole: Path, data: LabelSet) -> None:
    best, held_out = checkpoints.read(whole / BEST), data.parts["val"]
    value, spread = estimates(best.network(), held_out)
    errors = (value / held_out.value - 1).double().numpy()
    assert np.abs(errors).mean() == pytest.approx(best.facts["validation"][-1]["error"], rel=1e-4)
    assert doubt_scores(errors, spread.double().numpy())["ratio"] == pytest.approx(1, rel=1e-3)


@pytest.mark.parametrize("step", [1, STEPS_PER_EPOCH, STEPS_PER_EPOCH + 2], ids=["first", "end-of-epoch", "second-epoch"])
def test_a_run_stopped_by_sigterm_and_resumed_ends_with_the_same_weights(
    tmp_path: Path, data: LabelSet, whole: Path, monkeypatch: pytest.MonkeyPatch, step: int
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(training, "learning_rate", at_step(step, ask_to_stop, learning_rate))
        with pytest.raises(KeyboardInterrupt):
            train(data, tmp_path, SETTINGS)
    assert step <= checkpoints.read(tmp_path / LAST).facts["step"] <= step + STEPS_PER_EPOCH  # a thread carries the signal to the loop
    train(data, tmp_path, SETTINGS, resume=True)
    for name in (LAST, BEST):
        assert same_weights(checkpoints.read(tmp_path / name), checkpoints.read(whole / name))
    assert checkpoints.read(tmp_path / LAST).facts["validation"] == checkpoints.read(whole / LAST).facts["validation"]


def test_a_run_that_broke_down_goes_on_from_its_last_checkpoint(
    tmp_path: Path, data: LabelSet, whole: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(training, "learning_rate", at_step(STEPS_PER_EPOCH + 2, break_down, learning_rate))
        with pytest.raises(RuntimeError, match="broke down"):
            train(data, tmp_path, SETTINGS, save_every_s=0)
    assert checkpoints.read(tmp_path / LAST).facts["step"] == STEPS_PER_EPOCH + 1
    train(data, tmp_path, SETTINGS, resume=True)
    assert same_weights(checkpoints.read(tmp_path / LAST), checkpoints.read(whole / LAST))


def test_an_epoch_that_was_interrupted_counts_the_seconds_of_both_processes(
    tmp_path: Path, data: LabelSet, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 0.0

    def clock() -> float:
        nonlocal now
        now += 1.0
        return now

    def seconds(out: Path) -> list[float]:
        return [json.loads(line)["seconds"] for line in (out / METRICS).read_text().splitlines()]

    monkeypatch.setattr("time.monotonic", clock)
    train(data, tmp_path / "whole", SETTINGS)
    with monkeypatch.context() as patch:
        patch.setattr(training, "learning_rate", at_step(2 * STEPS_PER_EPOCH - 3, ask_to_stop, learning_rate))
        with pytest.raises(KeyboardInterrupt):
            train(data, tmp_path / "broken", SETTINGS)
    now += 1000.0
    train(data, tmp_path / "broken", SETTINGS, resume=True)
    assert seconds(tmp_path / "broken") == pytest.approx(seconds(tmp_path / "whole"), abs=6)


def test_resuming_a_finished_run_changes_nothing(whole: Path, data: LabelSet) -> None:
    before = (whole / LAST).read_bytes()
    assert same_weights(train(data, whole, SETTINGS, resume=True), checkpoints.read(whole / BEST))
    assert (whole / LAST).read_bytes() == before


@pytest.mark.parametrize("changed", [{"seed": 6}, {"learning_rate": 1e-3}, {"width": 33}, {"mirror": "no"}])
def test_a_run_is_not_resumed_with_other_settings(whole: Path, data: LabelSet, changed: dict[str, Any]) -> None:
    with pytest.raises(InputError, match=f"another {next(iter(changed))}"):
        train(data, whole, replace(SETTINGS, **changed), resume=True)


def test_a_run_is_not_resumed_on_other_lists_nor_begun_over_another(tmp_path: Path, whole: Path, data: LabelSet) -> None:
    other = load([write_labels(tmp_path, 500, shard=500)], NAME)
    with pytest.raises(InputError, match="started on other lists, 540 of them and not 450"):
        train(other, whole, SETTINGS, resume=True)
    with pytest.raises(UsageError, match="--resume"):
        train(data, whole, SETTINGS)


def test_too_few_lists_are_refused_before_anything_is_written(tmp_path: Path) -> None:
    few = load([write_labels(tmp_path / "in", 20, shard=20)], NAME)
    with pytest.raises(InputError, match="18 lists to train on and 1 to validate"):
        train(few, tmp_path / "out", SETTINGS)
    assert not (tmp_path / "out").exists()


def test_every_list_is_seen_once_an_epoch_in_an_order_of_its_own() -> None:
    epochs = [torch.cat([index for index, _ in batches(96, SETTINGS, epoch, 0)]) for epoch in (0, 1)]
    assert [sorted(order.tolist()) for order in epochs] == [list(range(96))] * 2
    assert not torch.equal(*epochs)
    first, *rest = batches(96, SETTINGS, 1, 0)
    assert all(
        torch.equal(a, b) for one, other in zip(rest, batches(96, SETTINGS, 1, 1), strict=True) for a, b in zip(one, other, strict=True)
    )
    assert 0 < first[1].sum() < len(first[1])


def test_doubt_is_least_where_spreads_are_as_large_as_errors() -> None:
    errors = torch.tensor([0.02, -0.02, 0.02])
    losses = {spread: float(doubt_loss(errors, torch.full((3,), spread))) for spread in (0.01, 0.019, 0.02, 0.021, 0.04)}
    assert min(losses, key=losses.__getitem__) == 0.02


def test_the_command_prints_network_and_baselines_and_keeps_them(tmp_path: Path, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["--task", "travel-time", "--data", str(folder), "--label", NAME, "--out", str(tmp_path)]
    sizes = ["--epochs", "1", "--batch-size", "64", "--width", "16", "--looks", "1", "--aisle", "8", "--told", "4"]
    assert main(["train", *words, *sizes]) == 0
    table = capsys.readouterr().out
    names = ["network", "shortest tour × constant", "regression on the shortest tour", "regression on simple features", "gradient boosting"]
    assert [line.split("  ")[0] for line in table.splitlines()[2:7]] == names
    kept = checkpoints.read(tmp_path / BEST).facts["test"]
    assert kept == json.loads((tmp_path / "test.json").read_text())
    assert list(kept["scores"]) == names
    assert {score["n"] for score in kept["scores"].values()} == {30}
    assert sum(size["n"] for size in kept["sizes"]) == 30
    assert main(["train", *words, *sizes, "--resume", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == kept


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        (["--epochs", "0"], 2, "--epochs 0"),
        (["--label", "cart_m"], 2, "has no such label"),
        (["--batch-size", "4096"], 1, "lists to train on"),
        (["--resume"], 1, "no such file"),
        (["--data", "missing"], 1, "missing/labels.json: cannot be read"),
    ],
)
def test_the_command_says_in_one_line_what_is_wrong(
    tmp_path: Path, folder: Path, capsys: pytest.CaptureFixture[str], words: list[str], code: int, says: str
) -> None:
    assert main(["train", "--task", "travel-time", "--data", str(folder), "--label", NAME, "--out", str(tmp_path / "out"), *words]) == code
    error = capsys.readouterr().err
    assert says in error
    assert error.count("\n") == 1


def test_a_search_tries_networks(tmp_path: Path, folder: Path) -> None:
    fixed = replace(SETTINGS, epochs=1)
    space = space_from("[width]\nchoice = [8, 16]\n[learning_rate]\nlow = 1e-3\nhigh = 1e-2\nlog = true\n", "test", fixed)
    one = search(sqlite_url(tmp_path), tmp_path, TravelTimeTraining((folder,), NAME, 1), 2, space=space)
    trials = in_this_process(one)
    assert [trial.state.name for trial in trials] == ["COMPLETE", "COMPLETE"]
    best = min(trials, key=lambda trial: trial.value or np.inf)
    kept = checkpoints.read(one.folder(best.number) / BEST)
    assert kept.design.width == best.params["width"]
    assert kept.facts["validation"][-1]["loss"] == best.value
