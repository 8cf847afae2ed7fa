"""What export refuses: a graph that lost accuracy, weights that are no numbers, wrong settings. Nothing is written then."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper

import export.bundle
from bintally import abid
from bintally.cli import main
from bintally.errors import InputError, UnavailableError, UsageError
from export.bundle import ExportSettings, export_bundle, refuse_loss, strictest_threshold
from tests.export.conftest import SETTINGS, Exported
from trainer.data.dataset import DataSet
from trainer.network import checkpoint as checkpoints


@pytest.fixture
def _quick(exported: Exported, monkeypatch: pytest.MonkeyPatch) -> None:
    """Graphs are taken from the session's export, not made again."""
    monkeypatch.setattr(export.bundle, "to_onnx", lambda *_: exported.plain)
    monkeypatch.setattr(export.bundle, "quantize", lambda *_: _copy(exported.quantized))


def _copy(model: onnx.ModelProto) -> onnx.ModelProto:
    copied = onnx.ModelProto()
    copied.CopyFrom(model)
    return copied


def _one_off(model: onnx.ModelProto) -> onnx.ModelProto:
    """The same graph, but every answer is one class further."""
    ruined = _copy(model)
    for node in ruined.graph.node:
        for position, name in enumerate(node.output):
            if name == "probabilities":
                node.output[position] = "before"
    ruined.graph.initializer.append(numpy_helper.from_array(np.array([6, 0, 1, 2, 3, 4, 5]), "rolled"))
    ruined.graph.node.append(helper.make_node("Gather", ["before", "rolled"], ["probabilities"], axis=1))
    return ruined


def _figures(accuracy: float | None, accuracy_all: float | None) -> dict[str, Any]:
    return {"accuracy": accuracy, "accuracy_all": accuracy_all}


@pytest.mark.usefixtures("_quick")
def test_a_graph_that_quantization_ruined_is_not_written(exported: Exported, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(export.bundle, "quantize", lambda *_: _one_off(exported.quantized))
    with pytest.raises(InputError, match=r"costs \d+\.\d\d points of accuracy(_all)? \(100\.00 % to \d+\.\d\d %\), at most 0\.00"):
        export_bundle([exported.checkpoint], [exported.data], tmp_path / "a.onnx", dataclasses.replace(SETTINGS, most_lost=0.0))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.usefixtures("_quick")
def test_a_refused_export_leaves_the_previous_bundle(exported: Exported, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(export.bundle, "quantize", lambda *_: _one_off(exported.quantized))
    (tmp_path / "a.onnx").write_bytes(b"previous")
    with pytest.raises(InputError):
        export_bundle([exported.checkpoint], [exported.data], tmp_path / "a.onnx", dataclasses.replace(SETTINGS, most_lost=0.0))
    assert (tmp_path / "a.onnx").read_bytes() == b"previous"


def test_the_gate_lets_through_what_it_allows_and_says_numbers_when_it_does_not() -> None:
    refuse_loss(_figures(0.90, 0.80), _figures(0.895, 0.82), 0.01)
    refuse_loss(_figures(0.90, 0.80), _figures(0.95, 0.81), 0.0)
    with pytest.raises(InputError, match=r"2\.50 points of accuracy \(90\.00 % to 87\.50 %\), at most 1\.00"):
        refuse_loss(_figures(0.90, 0.80), _figures(0.875, 0.80), 0.01)
    with pytest.raises(InputError, match=r"5\.00 points of accuracy_all"):
        refuse_loss(_figures(0.90, 0.80), _figures(0.90, 0.75), 0.01)


def test_the_gate_refuses_figures_that_are_no_numbers() -> None:
    with pytest.raises(InputError, match="nan"):
        refuse_loss(_figures(0.9, 0.8), _figures(float("nan"), 0.8), 1.0)


def test_the_gate_looks_at_all_classes_where_the_challenge_has_no_image() -> None:
    refuse_loss(_figures(None, 0.8), _figures(None, 0.8), 0.01)
    with pytest.raises(InputError, match="accuracy_all"):
        refuse_loss(_figures(None, 0.8), _figures(None, 0.7), 0.01)


@pytest.mark.parametrize("name", ["net.fc.bias", "net.layer2.0.bn1.running_var"])
def test_weights_that_are_not_numbers_are_refused(exported: Exported, tmp_path: Path, name: str) -> None:
    checkpoint = checkpoints.read(exported.checkpoint)
    checkpoint.model[name][0] = float("nan")
    checkpoints.write(tmp_path / "nan.pt", checkpoint)
    with pytest.raises(InputError, match="not numbers"):
        export_bundle([tmp_path / "nan.pt"], [exported.data], tmp_path / "a.onnx", SETTINGS)
    assert not (tmp_path / "a.onnx").exists()


@pytest.mark.parametrize("name", ["bundle", "bundle.pt", "bundle.onnx.gz"])
def test_a_bundle_must_be_called_one(exported: Exported, tmp_path: Path, name: str) -> None:
    with pytest.raises(UsageError, match=r"ends with \.onnx"):
        export_bundle([exported.checkpoint], [exported.data], tmp_path / name, SETTINGS)


def test_too_few_calibration_frames_are_refused(exported: Exported, tmp_path: Path) -> None:
    many = dataclasses.replace(SETTINGS, calibration=33)
    with pytest.raises(InputError, match="32 training and 4 validation images; calibration alone takes 33"):
        export_bundle([exported.checkpoint], [exported.data], tmp_path / "a.onnx", many)


def test_without_validation_images_nothing_is_exported(exported: Exported, tmp_path: Path) -> None:
    training = tuple(example for example in exported.data.examples if example.part != "val")
    data = DataSet(exported.data.source, exported.data.seed, training, ())
    with pytest.raises(InputError, match="0 validation images"):
        export_bundle([exported.checkpoint], [data], tmp_path / "a.onnx", SETTINGS)


@pytest.mark.usefixtures("_quick")
@pytest.mark.parametrize(
    "wrong",
    [
        {"version": "1.0"},
        {"name": "Bin Counter"},
        {"promised": 1.5},
        {"calibration": 0},
        {"calibration": -1},
        {"most_lost": -0.5},
        {"most_lost": float("nan")},
        {"input_size": 0},
        {"input_size": 8},
    ],
    ids=str,
)
def test_a_wrong_setting_is_wrong_use(exported: Exported, tmp_path: Path, wrong: dict[str, Any]) -> None:
    with pytest.raises(UsageError):
        export_bundle([exported.checkpoint], [exported.data], tmp_path / "a.onnx", dataclasses.replace(SETTINGS, **wrong))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.usefixtures("_quick")
def test_a_folder_that_is_not_there_is_an_error(exported: Exported, tmp_path: Path) -> None:
    with pytest.raises(UnavailableError, match="cannot be written"):
        export_bundle([exported.checkpoint], [exported.data], tmp_path / "missing" / "a.onnx", SETTINGS)


def _words(exported: Exported, folder: Path, out: Path) -> list[str]:
    return ["export", str(exported.checkpoint), "--data", str(folder), "--out", str(out), "--calibration", "8", "--most-lost", "1"]


@pytest.mark.usefixtures("_quick")
def test_the_command_writes_a_bundle_and_prints_its_figures(exported: Exported, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*_words(exported, exported.folder, tmp_path / "a.onnx"), "--json"]) == 0
    printed = json.loads(capsys.readouterr().out)
    assert [entry["precision"] for entry in printed] == ["float32", "int8"]
    assert (tmp_path / "a.onnx").exists()
    assert main(_words(exported, exported.folder, tmp_path / "a.onnx")) == 0
    assert f"wrote {tmp_path / 'a.onnx'}" in capsys.readouterr().out


@pytest.mark.usefixtures("_quick")
def test_the_command_prints_figures_over_no_image_too(exported: Exported, tmp_path: Path) -> None:
    """Where all bins hold six or more, the challenge's accuracy is over no image."""
    for folder in (abid.IMAGES, abid.METADATA):
        (tmp_path / "in" / folder).mkdir(parents=True)
    for image in abid.image_paths(exported.folder):
        (tmp_path / "in" / abid.IMAGES / image.name).write_bytes(image.read_bytes())
        (tmp_path / "in" / abid.METADATA / f"{image.stem}.json").write_text('{"EXPECTED_QUANTITY": 8}')
    assert main(_words(exported, tmp_path / "in", tmp_path / "a.onnx")) == 0


@pytest.mark.usefixtures("_quick")
def test_the_command_exits_1_when_the_gate_refuses(
    exported: Exported, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(export.bundle, "quantize", lambda *_: _one_off(exported.quantized))
    assert main([*_words(exported, exported.folder, tmp_path / "a.onnx"), "--most-lost", "0.01"]) == 1
    assert "bintally export: quantization costs" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_the_defaults_allow_one_point() -> None:
    assert ExportSettings().most_lost == 0.01


def test_the_promise_is_kept_on_each_data_set_and_not_only_on_average() -> None:
    sure = np.array([0.9, 0.8, 0.7, 0.6] * 2)
    right = np.array([True] * 4 + [True, False, False, False])
    assert strictest_threshold([8], sure, right, 0.6) == pytest.approx(0.6)
    assert strictest_threshold([4, 4], sure, right, 0.6) == pytest.approx(0.9)
    assert strictest_threshold([4, 0, 4], sure, right, 0.6) == pytest.approx(0.9)
