"""What export refuses: a graph that lost accuracy, weights that are no numbers, wrong settings. Nothing is written then."""

from __future__ import annotations

import dataclasses
import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper

import export.bundle
import export.judge
from bintally.cli import main
from bintally.errors import InputError, UnavailableError, UsageError
from export.bundle import export_bundles, places, strictest_threshold
from export.proof import Limits
from export.settings import ExportSettings
from tests.export.conftest import SETTINGS, Exported
from trainer.data.dataset import DataSet
from trainer.network import checkpoint as checkpoints

STRICT = dataclasses.replace(SETTINGS, limits=Limits(lost=0.0, rmse=0.0, agreement=1.0))


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


@pytest.fixture
def _quick(exported: Exported, monkeypatch: pytest.MonkeyPatch) -> None:
    """The checkpoint is not read, nor its graph quantized, again."""
    monkeypatch.setattr(export.bundle, "read_source", lambda *_: exported.source)
    monkeypatch.setattr(export.judge, "METHODS", ("min-max",))
    monkeypatch.setattr(export.judge, "observe", lambda *_: {})
    monkeypatch.setattr(export.judge, "ranges", lambda *_: {})
    monkeypatch.setattr(export.judge, "quantize", lambda *_: _copy(exported.quantized))


@pytest.fixture
def _ruined(exported: Exported, _quick: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(export.judge, "quantize", lambda *_: _one_off(exported.quantized))


@pytest.mark.usefixtures("_ruined")
def test_a_graph_that_quantization_ruined_is_not_written_and_its_layers_are_named(exported: Exported, tmp_path: Path) -> None:
    found = export_bundles([exported.checkpoint], [exported.data], {"cpu": tmp_path / "a.onnx"}, STRICT)
    assert found.written == {}
    assert list(tmp_path.iterdir()) == []
    assert re.search(r"cpu: same decision is 0\.\d+, must be at least 1", found.failed)
    assert re.search(r"cpu: the layers that lose most: net\.\S+ \(-\d+\.\d dB\)", found.failed)


@pytest.mark.usefixtures("_ruined")
def test_one_target_that_fails_keeps_the_others_from_being_written(exported: Exported, tmp_path: Path) -> None:
    (tmp_path / "float.onnx").write_bytes(b"previous")
    places = {"float": tmp_path / "float.onnx", "cpu": tmp_path / "cpu.onnx"}
    limits = dataclasses.replace(STRICT, limits=Limits(lost=0.0, rmse=0.01, agreement=1.0))
    found = export_bundles([exported.checkpoint], [exported.data], places, limits)
    assert [(one.target.name, bool(one.failed)) for one in found.judged] == [("float", False), ("cpu", True)]
    assert [(path.name, path.read_bytes()) for path in tmp_path.iterdir()] == [("float.onnx", b"previous")]


@pytest.mark.parametrize("name", ["net.fc.bias", "net.layer2.0.bn1.running_var"])
def test_weights_that_are_not_numbers_are_refused(exported: Exported, tmp_path: Path, name: str) -> None:
    checkpoint = checkpoints.read(exported.checkpoint)
    checkpoint.model[name][0] = float("nan")
    checkpoints.write(tmp_path / "nan.pt", checkpoint)
    with pytest.raises(InputError, match="not numbers"):
        export_bundles([tmp_path / "nan.pt"], [exported.data], {"cpu": tmp_path / "a.onnx"}, SETTINGS)
    assert not (tmp_path / "a.onnx").exists()


def test_one_target_goes_to_a_file_and_several_to_a_folder(tmp_path: Path) -> None:
    assert places(tmp_path / "a.onnx", ["arm"], SETTINGS) == {"arm": tmp_path / "a.onnx"}
    assert places(tmp_path, ["arm", "cpu", "arm"], SETTINGS) == {
        name: tmp_path / f"bin-counter-0.1.0-{name}.onnx" for name in ("arm", "cpu")
    }
    (tmp_path / "bundle.gz").touch()
    for out, targets, said in (
        (tmp_path / "a.onnx", ["arm", "cpu"], "one file for 2 targets"),
        (tmp_path / "bundle.gz", ["arm"], r"ends with \.onnx"),
        (tmp_path, ["gpu"], "--target gpu: must be of cpu, cpu-vnni, arm"),
        (tmp_path, [], "--target nothing"),
    ):
        with pytest.raises(UsageError, match=said):
            places(out, targets, SETTINGS)


def test_too_few_calibration_frames_are_refused(exported: Exported, tmp_path: Path) -> None:
    many = dataclasses.replace(SETTINGS, calibration=33)
    with pytest.raises(InputError, match="32 training and 4 validation images; calibration takes 33"):
        export_bundles([exported.checkpoint], [exported.data], {"cpu": tmp_path / "a.onnx"}, many)


def test_without_validation_images_nothing_is_exported(exported: Exported, tmp_path: Path) -> None:
    training = tuple(example for example in exported.data.examples if example.part != "val")
    data = DataSet(exported.data.source, exported.data.seed, training, ())
    with pytest.raises(InputError, match="0 validation images"):
        export_bundles([exported.checkpoint], [data], {"cpu": tmp_path / "a.onnx"}, SETTINGS)


@pytest.mark.parametrize(
    "wrong",
    [
        {"version": "1.0"},
        {"name": "Bin Counter"},
        {"promised": 1.5},
        {"calibration": 0},
        {"fine_tune": -1},
        {"limits": Limits(lost=-0.5)},
        {"limits": Limits(lost=float("nan"))},
        {"limits": Limits(agreement=97)},
        {"limits": Limits(rmse=-1)},
        {"input_size": 8},
    ],
    ids=str,
)
def test_a_wrong_setting_is_wrong_use(wrong: dict[str, Any]) -> None:
    with pytest.raises(UsageError):
        dataclasses.replace(SETTINGS, **wrong)


@pytest.mark.usefixtures("_quick")
def test_a_folder_that_cannot_be_made_is_an_error(exported: Exported, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(UnavailableError, match="cannot make this folder"):
        export_bundles([exported.checkpoint], [exported.data], {"cpu": tmp_path / "file" / "a.onnx"}, SETTINGS)


def _words(exported: Exported, folder: Path, out: Path) -> list[str]:
    loose = ["--calibration", "8", "--most-lost", "1", "--most-rmse", "10", "--agreement", "0", "--fine-tune", "0"]
    return ["export", str(exported.checkpoint), "--data", str(folder), "--out", str(out), *loose]


@pytest.mark.usefixtures("_quick")
def test_the_command_writes_bundles_a_report_and_their_proofs(
    exported: Exported, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = [*_words(exported, exported.folder, tmp_path / "out"), "--target", "cpu", "float", "--report", str(tmp_path / "r.html")]
    assert main([*words, "--json"]) == 0
    printed = json.loads(capsys.readouterr().out)
    assert list(printed) == ["cpu", "float"]
    assert {Path(one["path"]).name for one in printed.values()} == {path.name for path in (tmp_path / "out").iterdir()}
    assert printed["float"]["proof"]["agreement"] == 1.0
    page = (tmp_path / "r.html").read_text()
    assert "Every target counts as the checkpoint does" in page
    assert "http:" not in page
    assert "https:" not in page
    assert main(words) == 0
    assert "same decision 100.0 %" in capsys.readouterr().out


@pytest.mark.usefixtures("_quick")
def test_the_command_prints_figures_over_no_image_too(exported: Exported, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where all bins hold six or more, the challenge's accuracy is over no image."""
    many = dataclasses.replace(exported.source, quantities=np.full_like(exported.source.quantities, 8))
    monkeypatch.setattr(export.bundle, "read_source", lambda *_: many)
    assert main([*_words(exported, exported.folder, tmp_path / "a.onnx"), "--report", str(tmp_path / "r.html")]) == 0


@pytest.mark.usefixtures("_ruined")
def test_the_command_exits_1_when_a_gate_fails_and_the_report_says_why(
    exported: Exported, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = [*_words(exported, exported.folder, tmp_path / "a.onnx"), "--agreement", "1", "--report", str(tmp_path / "r.html")]
    assert main(words) == 1
    assert "bintally export: no bundle was written: cpu: same decision is" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["r.html"]
    assert "No bundle was written: 1 of 1 targets" in (tmp_path / "r.html").read_text()


def test_the_defaults_are_those_that_the_fleet_is_promised() -> None:
    assert ExportSettings().limits == Limits(lost=0.01, rmse=0.03, agreement=0.97)


def test_the_promise_is_kept_on_each_data_set_and_not_only_on_average() -> None:
    sure = np.array([0.9, 0.8, 0.7, 0.6] * 2)
    right = np.array([True] * 4 + [True, False, False, False])
    assert strictest_threshold([8], sure, right, 0.6) == pytest.approx(0.6)
    assert strictest_threshold([4, 4], sure, right, 0.6) == pytest.approx(0.9)
    assert strictest_threshold([4, 0, 4], sure, right, 0.6) == pytest.approx(0.9)
