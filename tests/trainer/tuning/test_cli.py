"""The command: a real search on tiny data, its report, and what it says about wrong use."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
import torch
from torchvision.models import resnet18

from bintally.cli import main
from tests.trainer.folders import SIDE
from tests.trainer.tuning.searches import in_this_process, refuses, search, space, sqlite_url
from trainer.data.prepare import load
from trainer.network import checkpoint
from trainer.training.settings import TrainSettings
from trainer.tuning import slots
from trainer.tuning.report import as_text, summary, write_html
from trainer.tuning.space import space_from
from trainer.tuning.training import Training
from trainer.tuning.worker import BEST

TINY = ["--epochs", "1", "--sizes", str(SIDE), "--input-size", str(SIDE), "--backbone", "resnet18", "--freeze", "5"]


@pytest.fixture(scope="module")
def own_space(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("space") / "space.toml"
    path.write_text("[learning_rate]\nlow = 1e-5\nhigh = 1e-3\nlog = true\n[batch_size]\nchoice = [2, 4]\n")
    return path


@pytest.fixture(scope="module")
def resnet18_weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("weights") / "resnet18.pth"
    torch.save(resnet18().state_dict(), path)
    return path


@pytest.fixture(scope="module")
def words(bins: Path, resnet18_weights: Path, own_space: Path, tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    cache = tmp_path_factory.mktemp("frames")
    return ["--data", str(bins), "--weights", str(resnet18_weights), "--space", str(own_space), "--cache", str(cache), *TINY]


@pytest.mark.long
def test_two_workers_search_and_the_same_command_reports_again(
    tmp_path: Path, words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    command = [
        "tune",
        *words,
        "--out",
        str(tmp_path),
        "--trials",
        "3",
        "--workers",
        "2",
        "--json",
        "--report",
        str(tmp_path / "pages" / "r.html"),
    ]
    assert main(command) == 0
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    assert [trial["state"] for trial in found["trials"]] == ["complete"] * 3
    best = min(found["trials"], key=lambda trial: trial["loss"])
    assert found["best"] == best
    kept = checkpoint.read(Path(found["checkpoint"]))
    assert kept.facts["settings"]["learning_rate"] == best["params"]["learning_rate"]
    assert kept.facts["settings"]["backbone"] == "resnet18"
    assert min(outcome["loss"] for outcome in kept.facts["validation"]) == best["loss"]
    assert list((tmp_path / "trials").glob("*/*.pt")) == [Path(found["checkpoint"])]
    assert (tmp_path / "pages" / "r.html").exists()
    assert main(command) == 0
    assert json.loads(capsys.readouterr().out) == found


def test_a_trial_is_a_run_of_the_trainer_and_its_loss_is_the_lowest_of_all_epochs(
    tmp_path: Path, bins: Path, resnet18_weights: Path
) -> None:
    settings = {"backbone": "resnet18", "sizes": (SIDE,), "input_size": SIDE, "freeze": 5, "batch_size": 4, "epochs": 2}
    found = space_from("[learning_rate]\nlow = 1e-4\nhigh = 1e-3\n", "test", TrainSettings(**settings))  # type: ignore[arg-type]
    training = Training((load(bins),), resnet18_weights, tmp_path / "frames", workers=1)
    one = search(sqlite_url(tmp_path), tmp_path, training, total=1, space=found)
    (trial,) = in_this_process(one)
    kept = checkpoint.read(one.folder(0) / BEST)
    assert len(trial.intermediate_values) == 2
    assert trial.value == min(trial.intermediate_values.values()) == min(outcome["loss"] for outcome in kept.facts["validation"])
    assert kept.facts["settings"]["learning_rate"] == trial.params["learning_rate"]
    assert trial.user_attrs[slots.BEST] == min(kept.facts["validation"], key=lambda outcome: outcome["loss"])


def test_the_report_opens_offline_and_shows_every_trial(tmp_path: Path) -> None:
    one = search(sqlite_url(tmp_path), tmp_path, total=12, pruner="median", space=space(epochs=4))
    in_this_process(one)
    write_html(tmp_path / "r.html", one.open(), one)
    page = (tmp_path / "r.html").read_text("utf-8")
    assert not re.findall(r"(?:src|href)=\"(?!data:)", page)
    assert page.count("data:image/svg+xml;base64,") == 3
    found = summary(one.open(), one)
    rows = re.findall(r"<tr class=\"(complete|pruned|failed)( first)?\">\n<td>(\d+)</td>", page)
    assert sorted(int(number) for _, _, number in rows) == list(range(12))
    assert rows[0] == ("complete", " first", str(found["best"]["number"]))
    assert {"pruned", "complete"} == {state for state, _, _ in rows}
    assert f"{found['best']['loss']:.4f}" in page


def test_the_text_names_the_best_settings_as_options(tmp_path: Path) -> None:
    one = search(sqlite_url(tmp_path), tmp_path, total=3)
    in_this_process(one)
    found = summary(one.open(), one)
    text = as_text(found)
    assert text.startswith("3 trials: 3 complete, 0 pruned, 0 failed\nbest: trial ")
    assert f"--learning-rate {found['best']['params']['learning_rate']:.4g} --batch-size" in text
    assert text.endswith(f"checkpoint: {one.folder(found['best']['number']) / 'best.pt'}")


def test_a_parameter_that_decides_is_the_most_important(tmp_path: Path) -> None:
    one = search(sqlite_url(tmp_path), tmp_path, total=10)
    in_this_process(one)
    shares = summary(one.open(), one)["importances"]
    assert set(shares) == {"learning_rate", "batch_size"}
    assert sum(shares.values()) == pytest.approx(1)


def test_a_report_of_failures_shows_errors_as_text(tmp_path: Path) -> None:
    one = search(sqlite_url(tmp_path), tmp_path, refuses, total=1)
    in_this_process(one)
    found = summary(one.open(), one)
    assert (found["best"], found["checkpoint"], found["importances"]) == (None, None, {})
    write_html(tmp_path / "r.html", one.open(), one)
    page = (tmp_path / "r.html").read_text("utf-8")
    assert "No trial has completed." in page
    assert f"no image for batches of {found['trials'][0]['params']['batch_size']}" in page


@pytest.mark.parametrize(
    ("more", "code", "says"),
    [
        (["--storage", "mysql://host/search"], 2, "mysql is not supported"),
        (["--storage", "sqlite:////proc/none/study.db"], 1, "unable to open database file"),
        (["--space", "missing.toml"], 2, "missing.toml: cannot be read"),
        (["--batch-size", "8"], 2, "batch_size is searched, and given one value"),
        (["--learning-rate", "7"], 2, "--learning-rate 7.0: must be from"),
        (["--data", "missing"], 2, "missing: no such folder"),
    ],
)
def test_the_command_says_in_one_line_what_is_wrong(
    tmp_path: Path, words: list[str], capsys: pytest.CaptureFixture[str], more: list[str], code: int, says: str
) -> None:
    assert main(["tune", *words, "--out", str(tmp_path / "out"), *more]) == code
    error = capsys.readouterr().err
    assert says in error
    assert error.count("\n") == 1


@pytest.mark.parametrize("wrong", [["--trials", "0"], ["--workers", "-1"], ["--pruner", "oracle"]])
def test_numbers_out_of_range_are_wrong_use(tmp_path: Path, words: list[str], wrong: list[str]) -> None:
    with pytest.raises(SystemExit) as end:
        main(["tune", *words, "--out", str(tmp_path), *wrong])
    assert end.value.code == 2
