"""Evaluation: checkpoints and bundles on the same images by the same rules."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from bintally.cli import main
from bintally.errors import InputError, UsageError
from bintally.frames import read_frame, resize
from tests.trainer.folders import SIDE, colour_probabilities, write_colour_bundle
from trainer.data.prepare import load, prepare
from trainer.evaluation.evaluate import evaluate_model
from trainer.evaluation.metrics import scores
from trainer.evaluation.task import Task
from trainer.evaluation.words import findings
from trainer.network import checkpoint as checkpoints
from trainer.network.checkpoint import Checkpoint
from trainer.network.design import Design
from trainer.network.model import Counter

NEW = {"intervals", "baseline", "confusion", "calibration", "selective", "abstain", "verification"}
KEYS = {"n", "accuracy", "rmse", "per_class", "n_all", "accuracy_all", "mae", "ece", "within_one", *NEW}
MATRIX = np.random.default_rng(3).normal(0, 0.05, (3, 7))
SMALL = Design(backbone="mobilenet_v3_small")


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_colour_bundle(tmp_path_factory.mktemp("bundle") / "colour.onnx", MATRIX)


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.manual_seed(2)
    path = tmp_path_factory.mktemp("checkpoint") / "random.pt"
    checkpoints.write(path, Checkpoint(SMALL, Counter(SMALL).state_dict(), SIDE, {}, None))
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
    assert set(printed["per_class"]["0"]) == {"accuracy", "rmse", "within_one", "n"}
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


def test_a_bundle_is_calibrated_as_shipped_and_its_temperature_is_undone_before(tmp_path: Path, bins: Path) -> None:
    warm = write_colour_bundle(tmp_path / "warm.onnx", MATRIX, temperature=2.0)
    found = evaluate_model(str(warm), bins, "all")["calibration"]
    frames = np.stack([resize(read_frame(Path(example.image)), (SIDE, SIDE)) for example in load(bins).examples])
    shipped = colour_probabilities(frames, MATRIX)
    squared = shipped**2
    undone = squared / squared.sum(1, keepdims=True)
    for when, probabilities in (("after", shipped), ("before", undone)):
        confidence = sum(entry["n"] * entry["confidence"] for entry in found[when]["bins"] if entry["n"]) / len(frames)
        assert confidence == pytest.approx(probabilities.max(1).mean(), abs=1e-4)
    assert found["temperature"] == 2.0


def test_the_confidence_of_a_checkpoint_is_fitted_on_the_validation_part_or_crosswise(checkpoint: Path, bins: Path) -> None:
    sources = {which: evaluate_model(str(checkpoint), bins, which)["calibration"]["source"] for which in ("test", "val", "all")}
    assert f"{len(load(bins).part('val'))} images of the validation part" in sources["test"]
    assert "crosswise" in sources["all"]
    assert "validation" not in sources["val"]


def test_a_bundle_keeps_the_promise_of_its_manifest_or_breaks_it(bundle: Path, bins: Path) -> None:
    found = evaluate_model(str(bundle), bins, "all")["abstain"]
    frames = np.stack([resize(read_frame(Path(example.image)), (SIDE, SIDE)) for example in load(bins).examples])
    assert (found["threshold"], found["promised"]) == (0.5, 0.9)
    assert found["answered"] == (colour_probabilities(frames, MATRIX).max(1) >= 0.5).sum()


def test_a_promise_that_cannot_be_is_refused(bundle: Path, checkpoint: Path, bins: Path) -> None:
    task = Task(bins, "all")
    with pytest.raises(UsageError, match="from 0 to 1"):
        task.evaluate(str(checkpoint), 1.5)
    with pytest.raises(UsageError, match=r"is a bundle, whose threshold was fitted for 0\.9"):
        task.evaluate(str(bundle), 0.5)
    assert task.evaluate(str(checkpoint), 0.25).outcome["abstain"]["promised"] == 0.25


def test_a_model_that_may_have_seen_the_part_is_told_apart(tmp_path: Path, bins: Path) -> None:
    digest = load(bins).digest
    found = {}
    for name, record in {
        "same": {"source": bins.name, "digest": digest},
        "other": {"source": bins.name, "digest": "0"},
        "none": {},
    }.items():
        path = tmp_path / f"{name}.pt"
        checkpoints.write(path, Checkpoint(SMALL, Counter(SMALL).state_dict(), SIDE, {"averaged": [{"data": [record]}]}))
        found[name] = evaluate_model(str(path), bins, "val")
    assert {name: entry["trained_here"] for name, entry in found.items()} == {"same": "same split", "other": "another split", "none": "no"}
    assert found["same"]["training_images"] == len(load(bins).part("train"))
    assert "Beware" in "".join(findings(found["other"]))
    assert "Beware" not in "".join(findings(found["same"]))
    assert "Beware" in "".join(findings({**found["same"], "split": "all"}))


def test_a_split_that_leaks_is_told_of(bundle: Path, bins: Path) -> None:
    outcome = evaluate_model(str(bundle), bins, "all")
    assert (outcome["leaks"], "leaks" in "".join(findings(outcome))) == (0, False)
    assert "3 groups of related images stand in more than one part" in "".join(findings({**outcome, "leaks": 3}))


def test_a_checkpoint_with_no_numbers_in_it_is_refused(tmp_path: Path, bins: Path) -> None:
    state = Counter(SMALL).state_dict()
    state["mean"] = torch.full_like(state["mean"], torch.nan)
    checkpoints.write(tmp_path / "nan.pt", Checkpoint(SMALL, state, SIDE, {}))
    with pytest.raises(InputError, match="21 of 21 answers are no numbers"):
        evaluate_model(str(tmp_path / "nan.pt"), bins, "all")


def test_two_models_are_compared_on_the_same_images(bundle: Path, checkpoint: Path, bins: Path, capsys: pytest.CaptureFixture[str]) -> None:
    line = ["evaluate", "--compare", str(bundle), str(checkpoint), "--data", str(bins), "--split", "all"]
    assert main([*line, "--json"]) == 0
    printed = json.loads(capsys.readouterr().out)
    a, b = (evaluate_model(str(model), bins, "all") for model in (bundle, checkpoint))
    assert (printed["a"], printed["b"], printed["n_all"]) == (str(bundle), str(checkpoint), 21)
    for name, entry in printed["differences"].items():
        assert (entry["a"], entry["b"]) == (pytest.approx(a[name]), pytest.approx(b[name]))
    assert main(line) == 0
    assert printed["verdict"] in capsys.readouterr().out


def test_the_comparison_stands_beside_the_figures_of_a_model(bundle: Path, bins: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["evaluate", str(bundle), "--compare", str(bundle), str(bundle), "--data", str(bins), "--json", "--speed"]) == 0
    printed = json.loads(capsys.readouterr().out)
    assert set(printed) >= KEYS
    assert printed["comparison"]["discordant"]["accuracy"]["p_value"] == 1.0
    assert printed["speed"]["ms_per_image"] > 0


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ([], "name a MODEL"),
        (["--report", "x.html", "--compare", "a.pt", "b.pt"], "about one model"),
        (["default", "--report", "x.txt"], "ends with .html"),
        (["default", "--report", "nowhere/x.html"], "there is no folder nowhere"),
    ],
)
def test_wrong_use_exits_2_with_one_line_before_any_work(
    words: list[str], told: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["evaluate", *words, "--data", str(tmp_path / "missing")]) == 2
    error = capsys.readouterr().err
    assert told in error
    assert error.count("\n") == 1
