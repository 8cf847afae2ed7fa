"""An exported bundle: what it answers, and what it says of itself."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime as ort
import pytest
import torch
from onnx import numpy_helper

from bintally.bundle import open_bundle
from bintally.sealed import MANIFEST_KEY
from export.bundle import strictest_threshold
from tests.export.conftest import SETTINGS, SIZE, Exported
from trainer.evaluation.evaluate import evaluate_model
from trainer.network import checkpoint as checkpoints


@pytest.mark.parametrize("number", [1, 2, 7])
def test_frames_in_any_number_give_probabilities(exported: Exported, number: int) -> None:
    found = open_bundle(exported.bundle).probabilities(exported.frames()[:number])
    assert found.shape == (number, 7)
    assert found.dtype == np.float32
    assert found.sum(1) == pytest.approx(np.ones(number), abs=1e-5)
    assert (found >= 0).all()


def test_an_answer_does_not_depend_on_the_other_frames_of_its_batch(exported: Exported) -> None:
    bundle, frames = open_bundle(exported.bundle), exported.frames()[:5]
    one_by_one = np.concatenate([bundle.probabilities(frame[None]) for frame in frames])
    assert bundle.probabilities(frames) == pytest.approx(one_by_one, abs=1e-3)


def test_the_graph_takes_raw_bgr_bytes_and_nothing_else(exported: Exported) -> None:
    session = ort.InferenceSession(exported.bundle.read_bytes(), providers=["CPUExecutionProvider"])
    (taken,), (given,) = session.get_inputs(), session.get_outputs()
    assert (taken.name, taken.type, taken.shape[1:]) == ("frames", "tensor(uint8)", [SIZE, SIZE, 3])
    assert (given.name, given.type, given.shape[1:]) == ("probabilities", "tensor(float)", [7])
    assert isinstance(taken.shape[0], str)


def test_the_float_graph_answers_as_torch_does(exported: Exported) -> None:
    session = ort.InferenceSession(exported.plain.SerializeToString(), providers=["CPUExecutionProvider"])
    frames = exported.frames()
    found = session.run(["probabilities"], {"frames": frames})[0]
    with torch.inference_mode():
        logits = checkpoints.read(exported.checkpoint).counter()(torch.from_numpy(frames))
        expected = (logits / exported.manifest.temperature).softmax(1).numpy()
    assert len(set(expected.argmax(1))) > 2
    np.testing.assert_allclose(found, expected, atol=1e-4)


def test_the_quantized_graph_has_something_to_say_of_the_same_frames(exported: Exported) -> None:
    sessions = [
        ort.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
        for model in (exported.plain, exported.quantized)
    ]
    plain, quantized = (session.run(["probabilities"], {"frames": exported.frames()})[0] for session in sessions)
    assert np.corrcoef(plain.ravel(), quantized.ravel())[0, 1] > 0.6
    assert not np.array_equal(plain, quantized)


def test_weights_are_int8_of_7_bits_around_zero(exported: Exported) -> None:
    """With full 8 bits the 16-bit sums of AVX2 saturate."""
    graph = exported.quantized.graph
    constants = {tensor.name: tensor for tensor in graph.initializer}
    dequantized = {node.output[0]: node for node in graph.node if node.op_type == "DequantizeLinear"}
    layers = [node for node in graph.node if node.op_type == "Conv"]
    assert len(layers) == 53
    for layer in layers:
        node = dequantized[layer.input[1]]
        weight, scale, zero = (numpy_helper.to_array(constants[name]) for name in node.input)
        assert weight.dtype == np.int8
        assert zero.dtype == np.int8
        assert -64 <= weight.min() < 0 < weight.max() <= 64
        assert not zero.any()
        assert scale.size == weight.shape[0]


def test_the_last_layer_stays_in_float(exported: Exported) -> None:
    """Rounded logits cost decisions."""
    constants = {tensor.name: tensor.data_type for tensor in exported.quantized.graph.initializer}
    (last,) = (node for node in exported.quantized.graph.node if node.op_type == "Gemm")
    assert constants[last.input[1]] == onnx.TensorProto.FLOAT


def test_batch_norms_are_folded_and_activations_are_quantized(exported: Exported) -> None:
    kinds = [node.op_type for node in exported.quantized.graph.node]
    assert "BatchNormalization" not in kinds
    assert kinds.count("QuantizeLinear") > 50


def test_the_oldest_runtime_can_read_it(exported: Exported) -> None:
    """ONNX Runtime 1.20 reads IR version 10 and operator set 21."""
    model = onnx.load(exported.bundle)
    assert model.ir_version <= 10
    assert {entry.domain for entry in model.opset_import} <= {"", "ai.onnx", "com.microsoft", "ai.onnx.ml"}
    assert all(entry.version <= 21 for entry in model.opset_import if entry.domain in ("", "ai.onnx"))
    assert {node.domain for node in model.graph.node} <= {"", "ai.onnx"}


def test_the_bundle_is_small(exported: Exported) -> None:
    assert exported.bundle.stat().st_size < 25e6


def test_the_manifest_names_the_data_and_gives_both_figures(exported: Exported) -> None:
    figures = {entry.precision: entry for entry in exported.manifest.measured}
    assert set(figures) == {"float32", "int8"}
    for entry in figures.values():
        assert (entry.data, entry.data_digest, entry.part) == ("bins", exported.data.digest, "val")
    assert figures["float32"].scores["accuracy_all"] == 1.0
    assert figures["float32"].scores["n_all"] == len(exported.data.part("val"))


def test_the_figures_are_those_that_evaluate_gives(exported: Exported) -> None:
    """Checkpoint and bundle go through the same evaluation; the temperature changes the confidence alone."""
    figures = {entry.precision: entry.scores for entry in exported.manifest.measured}
    of_bundle = evaluate_model(str(exported.bundle), exported.folder, "val")
    assert {name: of_bundle[name] for name in figures["int8"] if name != "ece"} == {k: v for k, v in figures["int8"].items() if k != "ece"}
    assert of_bundle["ece"] == pytest.approx(figures["int8"]["ece"], abs=1e-3)
    of_checkpoint = evaluate_model(str(exported.checkpoint), exported.folder, "val")
    for name in ("n", "accuracy", "rmse", "mae", "n_all", "accuracy_all"):
        assert of_checkpoint[name] == figures["float32"][name]


def test_the_abstain_threshold_keeps_its_promise_on_the_validation_part(exported: Exported) -> None:
    held_out = [example.part == "val" for example in exported.data.examples]
    quantities = np.array([example.quantity for example in exported.data.examples])[held_out]
    bundle = open_bundle(exported.bundle)
    found = np.concatenate([bundle.probabilities(frame[None]) for frame in exported.frames()[held_out]])
    right = found.argmax(1) == np.minimum(quantities, 6)
    threshold = strictest_threshold([len(found)], found.max(1), right, SETTINGS.promised)
    assert exported.manifest.abstain_below == pytest.approx(threshold, abs=1e-4)
    given = found.max(1) >= exported.manifest.abstain_below - 1e-4
    assert given.any()
    assert right[given].mean() >= SETTINGS.promised


def test_the_manifest_describes_graph_classes_recipe_and_training(exported: Exported) -> None:
    manifest = exported.manifest
    assert manifest.classes == ["0", "1", "2", "3", "4", "5", "6 or more"]
    assert (manifest.input.height, manifest.input.width, manifest.input.channels) == (SIZE, SIZE, "BGR")
    assert (manifest.target, manifest.recipe["format"], manifest.recipe["calibration_frames"]) == ("cpu", "QDQ", SETTINGS.calibration)
    assert manifest.training == checkpoints.read(exported.checkpoint).facts
    assert manifest.promised_accuracy == SETTINGS.promised
    assert re.fullmatch(r"[0-9a-f]{40}\+?|unknown", manifest.source_commit)


def test_golden_inputs_are_answered_as_the_manifest_says(exported: Exported) -> None:
    manifest = open_bundle(exported.bundle).manifest
    assert manifest.golden_frames().shape == (3, SIZE, SIZE, 3)
    found = open_bundle(exported.bundle).probabilities(manifest.golden_frames())
    assert found == pytest.approx(manifest.golden_probabilities(), abs=1e-5)
    assert manifest.golden_probabilities().sum(1) == pytest.approx(np.ones(3), abs=1e-4)


def test_onnx_reads_the_appended_manifest_too(exported: Exported) -> None:
    metadata: dict[str, Any] = {entry.key: entry.value for entry in onnx.load(exported.bundle).metadata_props}
    assert metadata[MANIFEST_KEY] == exported.manifest.model_dump_json(by_alias=True)


def test_nothing_else_is_left_in_the_folder(exported: Exported) -> None:
    left: list[Path] = [path for path in exported.bundle.parent.iterdir() if path.name.startswith(".")]
    assert left == []
