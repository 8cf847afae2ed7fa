"""What a run is made of: averages, rates by depth, other networks, and several processes."""

from __future__ import annotations

import os
import subprocess
import sys
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torchvision import models

from bintally.cli import main
from bintally.errors import InputError, UsageError
from tests.trainer.folders import SIDE
from trainer.data.dataset import DataSet
from trainer.data.prepare import load
from trainer.data.shards import Shards
from trainer.network import checkpoint as checkpoints
from trainer.network.design import Design
from trainer.network.model import Counter
from trainer.training import train as training
from trainer.training.loader import Loader
from trainer.training.losses import class_weights
from trainer.training.processes import Processes
from trainer.training.run import Network, Run, optimizer_for
from trainer.training.settings import TrainSettings
from trainer.training.train import BEST, LAST, METRICS, learn_from, stale, train

SETTINGS = TrainSettings(
    backbone="mobilenet_v3_small", epochs=2, batch_size=4, sizes=(SIDE,), input_size=SIDE, freeze=0, seed=5, learning_rate=1e-3
)
ALONE = Processes(0, 1, torch.device("cpu"))


@pytest.fixture(scope="module")
def data(bins: Path) -> list[DataSet]:
    return [load(bins)]


def state_of(path: Path) -> dict[str, torch.Tensor]:
    return checkpoints.read(path).model


def equal(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> bool:
    return all(torch.equal(value, other[name]) for name, value in one.items())


EVERYTHING: dict[str, Any] = {
    "ema": 0.9,
    "mixup": 0.4,
    "density": 1.0,
    "books": 0.1,
    "neighbours": 0.1,
    "rarity": 0.5,
    "erase": 0.3,
    "head": "ordinal",
    "sizes": (SIDE, 48),
    "images": 12,
    "shares": (1.0,),
}


def test_a_run_with_every_option_is_resumed_to_the_same_weights(
    tmp_path: Path, data: list[DataSet], mobilenet_weights: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = replace(SETTINGS, **EVERYTHING)
    train(data, tmp_path / "whole", settings, mobilenet_weights)
    calls = 0

    def break_in_the_sixth_step(progress: float, given: TrainSettings) -> float:
        nonlocal calls
        calls += 1
        if calls == 6:
            raise RuntimeError("the machine broke down")
        return rate(progress, given)

    rate = training.learning_rate
    with monkeypatch.context() as patch:
        patch.setattr(training, "learning_rate", break_in_the_sixth_step)
        with pytest.raises(RuntimeError, match="broke down"):
            train(data, tmp_path / "broken", settings, mobilenet_weights, save_every_s=0)
    train(data, tmp_path / "broken", settings, None, resume=True)
    for name in (LAST, BEST):
        assert equal(state_of(tmp_path / "broken" / name), state_of(tmp_path / "whole" / name))
    assert (tmp_path / "broken" / METRICS).read_text() == (tmp_path / "whole" / METRICS).read_text()


def test_averaged_weights_follow_the_run_and_are_what_is_kept(mobilenet_weights: Path) -> None:
    run = Run(replace(SETTINGS, ema=0.999), ALONE, {"step": 0})
    run.begin(mobilenet_weights, None)
    frames = torch.zeros(4, SIDE, SIDE, 3, dtype=torch.uint8)
    history = []
    for _ in range(3):
        run.learn(run.outputs(frames).logits.square().mean())
        history.append({name: value.clone() for name, value in run.counter.state_dict().items()})
    name = "net.classifier.0.weight"
    expected = history[0][name]
    for updates, now in enumerate(history[1:], start=1):
        expected = expected + (now[name] - expected) * (1 - (1 + updates) / (10 + updates))
    torch.testing.assert_close(run.snapshot(finished=True).model[name], expected)


@pytest.mark.parametrize(
    "option", [{"density": 1.0}, {"books": 1.0}, {"neighbours": 0.2}, {"smoothing": 0.2}, {"mixup": 1.0}, {"rarity": 1.0}]
)
def test_every_option_of_the_loss_changes_it(option: dict[str, Any], resnet_weights: Path, rendered: Path, tmp_path: Path) -> None:
    examples = load(rendered).examples
    losses = []
    plain = replace(SETTINGS, backbone="resnet50")
    for settings in (plain, replace(plain, **option)):
        run = Run(settings, ALONE, {"step": 0})
        run.begin(resnet_weights, None)
        run.network.eval()  # no dropout
        loader = Loader(examples, Shards(tmp_path, examples, SIDE), settings, ALONE.device)
        weights = class_weights(examples, settings.rarity) if settings.rarity else None
        loss, logits, classes = learn_from(run, next(iter(loader.batches(np.arange(4), 0))), weights)
        assert (logits.shape, classes.shape) == ((4, 7), (4,))
        losses.append(loss.item())
    assert losses[0] != pytest.approx(losses[1], rel=1e-4)


@pytest.mark.parametrize("precision", ["bf16", "fp16"])
def test_lower_precision_trains_float32_weights(tmp_path: Path, data: list[DataSet], mobilenet_weights: Path, precision: Any) -> None:
    best = train(data, tmp_path, replace(SETTINGS, epochs=1, precision=precision), mobilenet_weights)
    assert {value.dtype for value in best.model.values() if value.is_floating_point()} == {torch.float32}
    before = torch.load(mobilenet_weights, weights_only=True)["classifier.0.weight"]
    assert not torch.equal(best.model["net.classifier.0.weight"], before)


def test_a_diverging_run_ends_with_a_clear_error_and_keeps_the_last_good_checkpoint(
    tmp_path: Path, data: list[DataSet], mobilenet_weights: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rates = iter([1e-3, 1e-3, float("inf"), 1e-3, 1e-3, 1e-3, 1e-3, 1e-3])
    monkeypatch.setattr(training, "learning_rate", lambda *_: next(rates))
    with pytest.raises(InputError, match="has diverged: take a smaller --learning-rate"):
        train(data, tmp_path, SETTINGS, mobilenet_weights, save_every_s=0)
    last = checkpoints.read(tmp_path / LAST)
    assert last.facts["step"] == 2
    assert all(bool(torch.isfinite(value).all()) for value in last.model.values())


def test_answers_that_are_no_numbers_end_a_validation(data: list[DataSet]) -> None:
    counter = Counter(SETTINGS.design).eval()
    counter.mean.fill_(float("nan"))
    with pytest.raises(InputError, match="not numbers; the run has diverged"):
        training.validate(counter, data[0].part("val"), SIDE)


def test_a_batch_must_divide_among_the_processes(
    tmp_path: Path, data: list[DataSet], mobilenet_weights: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(training, "joined", lambda: nullcontext(Processes(0, 3, torch.device("cpu"))))
    with pytest.raises(UsageError, match="--batch-size 4: does not divide among 3 processes"):
        train(data, tmp_path, SETTINGS, mobilenet_weights)


def test_rates_fall_towards_the_input_and_the_head_learns_fastest() -> None:
    network = Network(replace(SETTINGS, backbone="resnet18", stage_rate=0.5, head_rate=10.0, density=1.0))
    scale = {
        id(p): group["scale"] for group in optimizer_for(network, replace(SETTINGS, stage_rate=0.5)).param_groups for p in group["params"]
    }
    net = network.counter.net
    found = [scale[id(p)] for p in (net.fc.weight, net.layer4[0].conv1.weight, net.layer3[0].conv1.weight, net.conv1.weight)]
    assert found == [10.0, 1.0, 0.5, 0.5**4]
    assert network.auxiliary.density is not None
    assert scale[id(network.auxiliary.density.weight)] == 10.0
    mobile = Network(SETTINGS)
    scale = {id(p): group["scale"] for group in optimizer_for(mobile, SETTINGS).param_groups for p in group["params"]}
    assert [scale[id(mobile.counter.net.classifier[n].weight)] for n in (0, 3)] == [1.0, 10.0]  # only the head is new


def test_a_run_does_not_begin_with_another_network(tmp_path: Path, data: list[DataSet], mobilenet_weights: Path) -> None:
    train(data, tmp_path / "first", replace(SETTINGS, epochs=1), mobilenet_weights)
    with pytest.raises(InputError, match="mobilenet_v3_small with a linear head, the settings name mobilenet_v3_small with a ordinal head"):
        train(data, tmp_path / "second", replace(SETTINGS, head="ordinal"), None, begin=[tmp_path / "first" / BEST])


def test_a_run_begun_with_a_checkpoint_starts_from_its_weights(tmp_path: Path, data: list[DataSet], mobilenet_weights: Path) -> None:
    train(data, tmp_path / "first", replace(SETTINGS, epochs=1), mobilenet_weights)
    still = replace(SETTINGS, epochs=1, learning_rate=1e-7, head_rate=0.01)
    train(data, tmp_path / "second", still, None, begin=[tmp_path / "first" / BEST])
    one, other = state_of(tmp_path / "first" / BEST), state_of(tmp_path / "second" / BEST)
    torch.testing.assert_close(one["net.classifier.0.weight"], other["net.classifier.0.weight"], atol=1e-5, rtol=0)


def test_shares_must_fit_the_data(tmp_path: Path, data: list[DataSet], mobilenet_weights: Path) -> None:
    with pytest.raises(UsageError, match="--shares: 2 given for 1"):
        train(data, tmp_path / "out", replace(SETTINGS, shares=(1.0, 2.0)), mobilenet_weights)


@pytest.mark.parametrize(
    ("losses", "expected"), [([3, 2, 1], False), ([1, 2, 3], True), ([3, 1, 2], False), ([1, 1, 1], True), ([1, 2], False)]
)
def test_patience_counts_epochs_without_improvement(losses: list[float], expected: bool) -> None:
    outcomes = [{"loss": loss} for loss in losses]
    assert stale(outcomes, 2) is expected
    assert not stale(outcomes, 0)


def test_a_run_without_improvement_stops_early(
    tmp_path: Path, data: list[DataSet], mobilenet_weights: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    worse = iter(range(1, 100))
    monkeypatch.setattr(
        training,
        "validate",
        lambda *_: {"loss": float(next(worse)), "accuracy": None, "rmse": None, "n": 0, "n_all": 0, "accuracy_all": 0.0},
    )
    best = train(data, tmp_path, replace(SETTINGS, epochs=9, patience=2), mobilenet_weights)
    assert len(checkpoints.read(tmp_path / LAST).facts["validation"]) == 3
    assert len(best.facts["validation"]) == 1


def test_a_caller_hears_of_every_epoch_after_its_checkpoints_and_can_end_the_run(
    tmp_path: Path, data: list[DataSet], mobilenet_weights: Path
) -> None:
    heard: list[tuple[int, int]] = []

    def hear(epoch: int, outcome: dict[str, Any]) -> None:
        heard.append((epoch, len(checkpoints.read(tmp_path / LAST).facts["validation"])))
        assert outcome["loss"] > 0
        if epoch == 2:
            raise LookupError("enough")

    with pytest.raises(LookupError, match="enough"):
        train(data, tmp_path, replace(SETTINGS, epochs=5), mobilenet_weights, on_epoch=hear)
    assert heard == [(1, 1), (2, 2)]


def test_a_trace_of_a_few_steps_is_written(tmp_path: Path, data: list[DataSet], mobilenet_weights: Path) -> None:
    train(data, tmp_path / "out", replace(SETTINGS, epochs=3), mobilenet_weights, profile=tmp_path / "trace.json")
    assert '"traceEvents"' in (tmp_path / "trace.json").read_text()


def test_two_processes_come_to_the_weights_of_one(tmp_path: Path, bins: Path) -> None:
    """With all of the backbone frozen no batch norm sees half a batch, so the two must agree."""
    torch.manual_seed(2)
    torch.save(models.resnet18().state_dict(), tmp_path / "resnet18.pth")
    words = ["--data", str(bins), "--weights", str(tmp_path / "resnet18.pth"), "--cache", str(tmp_path / "cache"), "--backbone", "resnet18"]
    words += ["--sizes", str(SIDE), "--input-size", str(SIDE), "--batch-size", "4", "--epochs", "1", "--freeze", "5", "--density", "1"]
    assert main(["train", *words, "--out", str(tmp_path / "one")]) == 0
    command = [
        sys.executable,
        "-m",
        "torch.distributed.run",
        "--standalone",
        "--nproc-per-node",
        "2",
        "-m",
        "bintally.cli",
        "train",
        *words,
    ]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    two = [*command, "--out", str(tmp_path / "two")]
    done = subprocess.run(two, capture_output=True, text=True, timeout=240, check=False, env=environment)
    assert done.returncode == 0, done.stderr[-2000:]
    assert done.stdout.count("best.pt") == 1
    facts = checkpoints.read(tmp_path / "two" / LAST).facts
    assert (facts["processes"], facts["step"], len(facts["validation"])) == (2, 4, 1)
    one, other = (state_of(tmp_path / name / LAST)["net.fc.weight"] for name in ("one", "two"))
    torch.testing.assert_close(one, other, atol=1e-5, rtol=1e-4)
    torch.manual_seed(SETTINGS.seed)
    assert not torch.allclose(one, Counter(Design("resnet18")).net.fc.weight, atol=1e-4)
    again = subprocess.run(
        [*command, "--out", str(tmp_path / "one"), "--resume"], capture_output=True, text=True, timeout=240, check=False, env=environment
    )
    assert again.returncode != 0
    assert "was started with 1 processes, not 2" in again.stderr
