"""Evaluation: checkpoints and bundles on the same images by the same rules."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from bintally.cli import main
from bintally.errors import InputError
from bintally.frames import read_frame, resize
from tests.trainer.folders import SIDE, colour_probabilities, write_colour_bundle
from trainer import checkpoint as checkpoints
from trainer.checkpoint import Checkpoint
from trainer.data.prepare import load, prepare
from trainer.evaluation.evaluate import evaluate_model
from trainer.evaluation.metrics import scores
from trainer.model import Counter

KEYS = {"n", "accuracy", "rmse", "per_class", "n_all", "accuracy_all", "mae", "ece"}
MATRIX = np.random.default_rng(3).normal(0, 0.05, (3, 7))


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_colour_bundle(tmp_path_factory.mktemp("bundle") / "colour.onnx", MATRIX)


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.manual_seed(2)
    path = tmp_path_factory.mktemp("checkpoint") / "random.pt"
    checkpoints.write(path, Checkpoint(Counter().state_dict(), SIDE, {}, None))
    return path


def figures(outcome: dict[str, object]) -> dict[str, object]:
    return {name: value for name, value in outcome.items() if name not in ("model", "data")}


def test_a_bundle_is_scored_by_its_own_answers(bundle: Path, bins: Path) -> None:
    examples = load(bins).examples
    frames = np.stack([resize(read_frame(Path(example.image)), (SIDE, SIDE)) for example in examples])
    expected = scores(colour_probabilities(frames, MATRIX), np.array([example.quantity for example in examples]))
    found = evaluate_model(str(bundle), bins, "all")
    assert found["n_all"] == len(examples)
    for name in ("n", "accuracy", "rmse", "mae", "accuracy_all", "per_class"):
        assert found[name] == expected[name]
    assert found["ece"] == pytest.approx(expected["ece"], abs=1e-4)


def test_a_checkpoint_is_scored_by_its_own_answers(checkpoint: Path, bins: Path) -> None:
    examples = load(bins).examples
    frames = np.stack([resize(read_frame(Path(example.image)), (SIDE, SIDE)) for example in examples])
    with torch.inference_mode():
        probabilities = checkpoints.read(checkpoint).counter()(torch.from_numpy(frames)).softmax(1).numpy()
    expected = scores(probabilities, np.array([example.quantity for example in examples]))
    found = evaluate_model(str(checkpoint), bins, "all")
    assert {name: found[name] for name in ("n", "accuracy", "n_all", "accuracy_all")} == {
        name: expected[name] for name in ("n", "accuracy", "n_all", "accuracy_all")
    }
    assert found["ece"] == pytest.approx(expected["ece"], abs=1e-4)


def test_the_parts_add_up_to_all(bundle: Path, bins: Path) -> None:
    parts = [evaluate_model(str(bundle), bins, part)["n_all"] for part in ("train", "val", "test")]
    assert all(parts)
    assert sum(parts) == evaluate_model(str(bundle), bins, "all")["n_all"]


def test_the_test_part_is_the_same_from_the_raw_folder_and_the_prepared_one(tmp_path: Path, bundle: Path, bins: Path) -> None:
    prepare(bins, tmp_path)
    raw, prepared = evaluate_model(str(bundle), bins, "test"), evaluate_model(str(bundle), tmp_path, "test")
    assert figures(raw) == figures(prepared)
    assert raw["data_digest"] == load(bins).digest


@pytest.mark.parametrize("kind", ["bundle", "checkpoint"])
def test_the_command_prints_one_json_object(
    kind: str, rendered: Path, request: pytest.FixtureRequest, capsys: pytest.CaptureFixture[str]
) -> None:
    model: Path = request.getfixturevalue(kind)
    assert main(["evaluate", str(model), "--data", str(rendered), "--split", "all", "--json"]) == 0
    printed = json.loads(capsys.readouterr().out)
    assert set(printed) >= KEYS
    assert printed["n_all"] == 12
    assert set(printed["per_class"]["0"]) == {"accuracy", "rmse", "n"}
    assert (printed["model"], printed["split"], printed["refused"]) == (str(model), "all", 0)


def test_the_command_prints_a_table_in_which_figures_over_no_image_are_dashes(
    bundle: Path, bins: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["evaluate", str(bundle), "--data", str(bins)]) == 0
    table = capsys.readouterr().out
    outcome = evaluate_model(str(bundle), bins, "test")
    assert f"{outcome['accuracy_all']:.4f}" in table
    assert any(entry["n"] == 0 for entry in outcome["per_class"].values())
    assert "–" in table
    assert "nan" not in table.lower()


def test_a_part_without_images_is_an_error(tmp_path: Path, bundle: Path, bins: Path) -> None:
    source = load(bins).part("train")[0]
    for folder, ending in (("bin-images", "jpg"), ("metadata", "json")):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / f"1.{ending}").write_bytes((bins / folder / f"{source.image_id}.{ending}").read_bytes())
    with pytest.raises(InputError, match="no image in its test part"):
        evaluate_model(str(bundle), tmp_path, "test")


def test_a_bundle_with_other_classes_is_refused(tmp_path: Path, bins: Path) -> None:
    other = write_colour_bundle(tmp_path / "other.onnx", MATRIX[:, :4])
    with pytest.raises(InputError, match="has 4 classes"):
        evaluate_model(str(other), bins, "all")


@pytest.mark.parametrize("name", ["missing.pt", "missing.onnx"])
def test_a_missing_model_exits_1_with_one_line(name: str, bins: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["evaluate", name, "--data", str(bins)]) == 1
    error = capsys.readouterr().err
    assert name in error
    assert error.count("\n") == 1


def test_a_missing_folder_exits_2_with_one_line(tmp_path: Path, bundle: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["evaluate", str(bundle), "--data", str(tmp_path / "missing")]) == 2
    error = capsys.readouterr().err
    assert "missing" in error
    assert error.count("\n") == 1


def test_a_file_of_text_for_a_model_exits_1_with_one_line(tmp_path: Path, bins: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("text.pt", "text.onnx"):
        (tmp_path / name).write_text("not a model")
        assert main(["evaluate", str(tmp_path / name), "--data", str(bins)]) == 1
        assert name in capsys.readouterr().err
