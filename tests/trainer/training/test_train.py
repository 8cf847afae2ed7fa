"""Training: one loop that can be stopped at any step and ends as if it had not been."""

from __future__ import annotations

import itertools
import signal
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from bintally.cli import main
from bintally.errors import InputError, UnavailableError, UsageError
from bintally.signals import stop_on_signal
from tests.trainer.folders import SIDE, write_bin, write_bins
from tests.trainer.interruptions import ask_to_stop, at_step, break_down
from trainer.data.dataset import DataSet
from trainer.data.prepare import load
from trainer.network import checkpoint as checkpoints
from trainer.network.checkpoint import Checkpoint
from trainer.training import train as training
from trainer.training.settings import TrainSettings
from trainer.training.train import BEST, LAST, learning_rate, train

SETTINGS = TrainSettings(backbone="mobilenet_v3_small", epochs=2, batch_size=4, sizes=(SIDE,), input_size=SIDE, freeze=4, seed=5)
STEPS_PER_EPOCH = 4


@pytest.fixture(scope="module")
def data(bins: Path) -> list[DataSet]:
    found = load(bins)
    assert len(found.part("train")) // SETTINGS.batch_size == STEPS_PER_EPOCH
    return [found]


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory, data: list[DataSet], mobilenet_weights: Path) -> Path:
    """The folder of a run that nothing interrupted."""
    out = tmp_path_factory.mktemp("whole")
    train(data, out, SETTINGS, mobilenet_weights)
    return out


def same_weights(one: Checkpoint, other: Checkpoint) -> bool:
    return all(torch.equal(value, other.model[name]) for name, value in one.model.items())


def test_a_run_learns_and_writes_both_checkpoints(whole: Path, data: list[DataSet]) -> None:
    last, best = checkpoints.read(whole / LAST), checkpoints.read(whole / BEST)
    assert last.facts["step"] == SETTINGS.epochs * STEPS_PER_EPOCH
    assert len(last.facts["validation"]) == SETTINGS.epochs
    assert last.facts["data"][0]["digest"] == data[0].digest
    assert last.facts["settings"]["seed"] == SETTINGS.seed
    assert (best.state, best.input_size) == (None, SIDE)
    losses = [entry["loss"] for entry in last.facts["validation"]]
    assert best.facts["validation"][-1]["loss"] == min(losses)


def test_frozen_stages_end_as_they_began_and_the_others_do_not(whole: Path, mobilenet_weights: Path) -> None:
    before, after = torch.load(mobilenet_weights, weights_only=True), checkpoints.read(whole / LAST).model
    changed = {
        int(name.split(".")[1]) for name in before if name.startswith("features") and not torch.equal(before[name], after[f"net.{name}"])
    }
    assert changed - {0} == {10, 11, 12}  # the first convolution's channels changed places, from RGB to BGR


@pytest.mark.parametrize("step", [1, STEPS_PER_EPOCH, STEPS_PER_EPOCH + 2], ids=["first", "end-of-epoch", "second-epoch"])
def test_a_run_stopped_by_sigterm_and_resumed_ends_with_the_same_weights(
    tmp_path: Path, data: list[DataSet], mobilenet_weights: Path, whole: Path, monkeypatch: pytest.MonkeyPatch, step: int
) -> None:
    before = signal.getsignal(signal.SIGTERM)
    with monkeypatch.context() as patch:
        patch.setattr(training, "learning_rate", at_step(step, ask_to_stop, learning_rate))
        with pytest.raises(KeyboardInterrupt):
            train(data, tmp_path, SETTINGS, mobilenet_weights)
    assert signal.getsignal(signal.SIGTERM) == before
    assert checkpoints.read(tmp_path / LAST).facts["step"] == step
    train(data, tmp_path, SETTINGS, None, resume=True)
    assert same_weights(checkpoints.read(tmp_path / LAST), checkpoints.read(whole / LAST))
    assert same_weights(checkpoints.read(tmp_path / BEST), checkpoints.read(whole / BEST))
    assert checkpoints.read(tmp_path / LAST).facts["validation"] == checkpoints.read(whole / LAST).facts["validation"]


@pytest.mark.parametrize("save_every_s", [0, 10_000], ids=["saved-each-step", "saved-each-epoch"])
def test_a_run_that_broke_down_and_is_resumed_ends_with_the_same_weights(
    tmp_path: Path, data: list[DataSet], mobilenet_weights: Path, whole: Path, monkeypatch: pytest.MonkeyPatch, save_every_s: float
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(training, "learning_rate", at_step(STEPS_PER_EPOCH + 2, break_down, learning_rate))
        with pytest.raises(RuntimeError, match="broke down"):
            train(data, tmp_path, SETTINGS, mobilenet_weights, save_every_s=save_every_s)
    assert checkpoints.read(tmp_path / LAST).facts["step"] == STEPS_PER_EPOCH + (1 if save_every_s == 0 else 0)
    train(data, tmp_path, SETTINGS, None, resume=True)
    assert same_weights(checkpoints.read(tmp_path / LAST), checkpoints.read(whole / LAST))


def test_resuming_a_finished_run_changes_nothing(whole: Path, data: list[DataSet]) -> None:
    before = (whole / LAST).read_bytes()
    best = train(data, whole, SETTINGS, None, resume=True)
    assert (whole / LAST).read_bytes() == before
    assert same_weights(best, checkpoints.read(whole / BEST))


@pytest.mark.parametrize("changed", [{"seed": 6}, {"learning_rate": 1e-3}, {"sizes": (SIDE, 64)}, {"freeze": 0}, {"epochs": 9}])
def test_a_run_is_not_resumed_with_other_settings(whole: Path, data: list[DataSet], changed: dict[str, Any]) -> None:
    with pytest.raises(InputError, match=f"another {next(iter(changed))}"):
        train(data, whole, replace(SETTINGS, **changed), None, resume=True)


def test_a_run_is_not_resumed_on_other_data(tmp_path: Path, whole: Path) -> None:
    other = load(write_bins(tmp_path, 22))
    with pytest.raises(InputError, match="other data"):
        train([other], whole, SETTINGS, None, resume=True)


def test_a_run_is_not_begun_over_another(whole: Path, data: list[DataSet]) -> None:
    before = (whole / LAST).read_bytes()
    with pytest.raises(UsageError, match="--resume"):
        train(data, whole, SETTINGS, None)
    assert (whole / LAST).read_bytes() == before


def test_there_must_be_a_run_to_resume(tmp_path: Path, data: list[DataSet]) -> None:
    with pytest.raises(InputError, match=r"last\.pt: no such file"):
        train(data, tmp_path, SETTINGS, None, resume=True)


@pytest.mark.parametrize("number", [1, 3])
def test_too_few_images_are_refused_before_anything_is_written(tmp_path: Path, number: int) -> None:
    few = load(write_bins(tmp_path / "in", number))
    with pytest.raises(InputError, match=f"{len(few.part('train'))} images to train on"):
        train([few], tmp_path / "out", SETTINGS, None)
    assert not (tmp_path / "out").exists()


def test_a_file_where_the_checkpoints_should_go_is_an_error(tmp_path: Path, data: list[DataSet]) -> None:
    (tmp_path / "out").write_text("")
    with pytest.raises(UnavailableError, match="cannot make this folder"):
        train(data, tmp_path / "out", SETTINGS, None)


def test_the_learning_rate_rises_in_a_line_and_falls_by_a_cosine() -> None:
    settings = replace(SETTINGS, learning_rate=0.01, warmup=0.2)
    rates = [learning_rate(i / 1000, settings) for i in range(1001)]
    assert max(rates) == pytest.approx(rates[200]) == pytest.approx(0.01)
    assert all(a < b for a, b in itertools.pairwise(rates[:201]))
    assert all(a > b for a, b in itertools.pairwise(rates[200:]))
    assert 0 < rates[0] < 0.01 * 0.01
    assert rates[600] == pytest.approx(0.005)
    assert rates[1000] == pytest.approx(0, abs=1e-9)


def test_without_warm_up_the_learning_rate_begins_at_its_peak() -> None:
    assert learning_rate(0, replace(SETTINGS, learning_rate=0.01, warmup=0)) == pytest.approx(0.01)


@pytest.mark.parametrize(
    "wrong",
    [
        {"epochs": 0},
        {"batch_size": 1},
        {"sizes": ()},
        {"sizes": (SIDE, 8)},
        {"sizes": (SIDE,) * 6},
        {"learning_rate": float("nan")},
        {"freeze": 6},
    ],
)
def test_settings_out_of_range_are_wrong_use(wrong: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match=f"--{next(iter(wrong)).replace('_', '-')} "):
        TrainSettings(**wrong)


def test_sizes_are_spread_evenly_over_the_epochs() -> None:
    settings = TrainSettings(epochs=5, sizes=(32, 64))
    assert [settings.size_at(epoch) for epoch in range(5)] == [32, 32, 32, 64, 64]


def test_the_command_trains_where_no_validation_image_has_at_most_five_items(tmp_path: Path, mobilenet_weights: Path) -> None:
    """The challenge's accuracy is then over no image at all."""
    for i in range(10):
        write_bin(tmp_path / "in", f"{i:05}", 8)
    words = ["--data", str(tmp_path / "in"), "--out", str(tmp_path / "out"), "--weights", str(mobilenet_weights)]
    sizes = [
        "--sizes",
        str(SIDE),
        "--input-size",
        str(SIDE),
        "--batch-size",
        "8",
        "--epochs",
        "1",
        "--freeze",
        "5",
        "--backbone",
        "mobilenet_v3_small",
    ]
    assert main(["train", *words, *sizes]) == 0
    assert (tmp_path / "out" / BEST).exists()


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        (["--epochs", "0"], 2, "--epochs 0"),
        (["--batch-size", "64"], 1, "images to train on"),
        (["--resume", "--batch-size", "4"], 1, "no such file"),
    ],
)
def test_the_command_says_in_one_line_what_is_wrong(
    tmp_path: Path, bins: Path, capsys: pytest.CaptureFixture[str], words: list[str], code: int, says: str
) -> None:
    assert main(["train", "--data", str(bins), "--out", str(tmp_path / "out"), *words]) == code
    error = capsys.readouterr().err
    assert says in error
    assert error.count("\n") == 1


def test_signals_that_are_ignored_stay_ignored() -> None:
    """A run under nohup goes on when its terminal is closed."""
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with stop_on_signal() as asked:
            signal.raise_signal(signal.SIGHUP)
            signal.raise_signal(signal.SIGTERM)
            assert asked.wait(10)
        assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, before)


def test_weights_and_checkpoints_to_begin_with_are_not_mixed(tmp_path: Path, bins: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["--data", str(bins), "--out", str(tmp_path / "out"), "--weights", "a.pth", "--begin", "b.pt"]
    assert main(["train", *words]) == 2
    assert "--weights and --begin" in capsys.readouterr().err
