"""Each target's graph, made from one small network, and how it is judged."""

from __future__ import annotations

import dataclasses
import hashlib
import itertools
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

import bintally.bundle
import export.judge
from bintally.bundle import open_bundle
from bintally.errors import InputError
from bintally.manifest import Manifest
from bintally.processor import has_vnni
from export.bundle import manifest_fields
from export.judge import Judge, Judged
from export.layers import layer_noise
from export.pack import pack
from export.quantize import identity_branches, to_float
from export.rules import findings
from export.sessions import probabilities
from export.targets import TARGETS
from tests.export.conftest import ANYTHING, SETTINGS, Exported


@pytest.fixture(scope="module")
def judged(exported: Exported) -> dict[str, Judged]:
    """Every target, by a judge that lets all pass and does not fine-tune; two calibration methods are enough to choose from."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(export.judge, "METHODS", ("min-max", "percentile"))
        judge = Judge(exported.source, ANYTHING, 0)
        return {name: judge.judge(target) for name, target in TARGETS.items()}


def _dequantized(model: onnx.ModelProto) -> list[tuple[np.ndarray, np.ndarray]]:
    """(scale, zero point) of each activation."""
    constants = {tensor.name: numpy_helper.to_array(tensor) for tensor in model.graph.initializer}
    quantizers = [node for node in model.graph.node if node.op_type == "QuantizeLinear" and node.input[0] not in constants]
    return [(constants[node.input[1]], constants[node.input[2]]) for node in quantizers]


@pytest.mark.parametrize(("name", "kind"), [("cpu", np.uint8), ("cpu-vnni", np.uint8), ("arm", np.int8), ("tensorrt", np.int8)])
def test_activations_have_the_targets_type_and_one_scale_each(judged: dict[str, Judged], name: str, kind: type) -> None:
    activations = _dequantized(judged[name].model)
    assert len(activations) > 50
    assert all(zero.dtype == kind and scale.size == 1 for scale, zero in activations)
    assert all(zero == 0 for _, zero in activations) == (name == "tensorrt")


@pytest.mark.parametrize(("name", "largest"), [("cpu", 64), ("cpu-vnni", 127), ("arm", 127)])
def test_weights_use_the_bits_that_the_kernels_can_add(judged: dict[str, Judged], name: str, largest: int) -> None:
    tensors = [numpy_helper.to_array(tensor) for tensor in judged[name].model.graph.initializer]
    weights = [tensor for tensor in tensors if tensor.dtype == np.int8 and tensor.ndim == 4]
    assert len(weights) == 53
    assert max(int(np.abs(weight.astype(int)).max()) for weight in weights) == largest


def test_the_graph_for_tensorrt_keeps_its_rules_and_the_others_do_not(judged: dict[str, Judged]) -> None:
    assert findings(judged["tensorrt"].model) == []
    assert {"int8", "zero-point", "bias"} <= {finding.rule for finding in findings(judged["cpu"].model)}
    assert {"weighted-inputs"} <= {finding.rule for finding in findings(judged["float"].model)}


def test_the_arm_graph_is_the_vnni_graph_with_its_bytes_moved_by_128(judged: dict[str, Judged], exported: Exported) -> None:
    few = exported.source.frames[:3]
    np.testing.assert_array_equal(probabilities(judged["arm"].model, few, True), probabilities(judged["cpu-vnni"].model, few, True))
    zeros = [[int(zero) for _, zero in _dequantized(judged[name].model)] for name in ("cpu-vnni", "arm")]
    assert [zero - 128 for zero in zeros[0]] == zeros[1]


def test_float_graphs_answer_as_the_checkpoint_does(judged: dict[str, Judged]) -> None:
    assert judged["float"].proof.largest_difference < 1e-4
    assert judged["float16"].proof.largest_difference < 0.1  # random weights double every error on the way


@pytest.mark.parametrize("name", ["cpu", "cpu-vnni", "arm", "tensorrt"])
def test_early_layers_of_quantized_graphs_are_near_the_float_ones(judged: dict[str, Judged], exported: Exported, name: str) -> None:
    """Of a random network the last layers say little: it doubles every error on the way."""
    noise = {one.layer: one.snr_db for one in layer_noise(exported.plain, judged[name].model, exported.source.frames)}
    assert len(noise) == 53 + 1 + 16
    assert noise["net.conv1"] > 25
    assert noise["net.layer1.0.conv1"] > 20


def test_the_proof_says_what_was_compared_and_how(judged: dict[str, Judged], exported: Exported) -> None:
    for name, one in judged.items():
        assert one.proof.frames == len(exported.source.frames) == 4
        assert one.proof.frames_sha256 == hashlib.sha256(exported.source.frames.tobytes()).hexdigest()
        assert one.proof.simulated == (not TARGETS[name].runs_here())
        assert bool(one.proof.layers) == bool(one.proof.calibration) == (TARGETS[name].arithmetic is not None)
    assert judged["tensorrt"].proof.simulated
    assert not judged["cpu"].proof.simulated


def test_the_calibration_method_is_the_one_whose_answers_are_nearest(judged: dict[str, Judged]) -> None:
    proof = judged["tensorrt"].proof
    assert set(proof.calibration) == {"min-max", "percentile"}
    assert min(proof.calibration.values()) >= 0


def test_float16_weights_take_half_the_room_and_the_ends_stay(judged: dict[str, Judged]) -> None:
    half, whole = judged["float16"].model, judged["float"].model
    assert half.ByteSize() < 0.52 * whole.ByteSize()
    assert [value.type.tensor_type.elem_type for value in (*half.graph.input, *half.graph.output)] == [
        onnx.TensorProto.UINT8,
        onnx.TensorProto.FLOAT,
    ]


def test_a_graph_whose_answers_are_no_numbers_is_refused(exported: Exported, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(export.judge, "probabilities", lambda _model, frames, _simulated: np.full((len(frames), 7), np.nan, np.float32))
    with pytest.raises(InputError, match="float16: 4 of 4 answers are no numbers"):
        Judge(exported.source, ANYTHING, 0).judge(TARGETS["float16"])


@pytest.mark.parametrize("name", ["cpu", "arm", "tensorrt"])
def test_the_float_network_can_be_taken_out_of_every_targets_graph(judged: dict[str, Judged], exported: Exported, name: str) -> None:
    plain = to_float(judged[name].model)
    assert not {"QuantizeLinear", "DequantizeLinear"} & {node.op_type for node in plain.graph.node}
    few = exported.source.frames[:2]
    if name == "tensorrt":  # whose weights are still whole
        np.testing.assert_allclose(probabilities(plain, few), exported.source.answers[:2], atol=1e-4)
    assert np.isfinite(probabilities(plain, few)).all()


def test_the_noise_of_a_layer_is_told_where_it_arises(judged: dict[str, Judged], exported: Exported) -> None:
    """A graph in which one layer's weights are ruined has its largest loss there."""
    ruined = onnx.ModelProto()
    ruined.CopyFrom(judged["cpu"].model)
    for tensor in ruined.graph.initializer:
        if tensor.name.startswith("net.layer3.1.conv2.weight_quantized"):
            values = numpy_helper.to_array(tensor)
            tensor.CopyFrom(numpy_helper.from_array(np.roll(values, 1, axis=0), tensor.name))
    noise = layer_noise(exported.plain, ruined, exported.source.frames)
    assert noise[0].layer == "net.layer3.1.conv2"
    assert noise[0].lost_db > max(one.lost_db for one in noise[1:] if one.kind == "Conv") + 3
    assert all(one.lost_db >= after.lost_db for one, after in itertools.pairwise(noise))


def test_identity_branches_are_the_shorter_ones(exported: Exported) -> None:
    branches = identity_branches(exported.plain)
    assert len(branches) == 16
    inputs = {node.name: list(node.input) for node in exported.plain.graph.node}
    producer = {name: node for node in exported.plain.graph.node for name in node.output}
    weights = [producer[inputs[name][1 - branch]].input[1] for name, branch in branches.items()]
    assert all(name.endswith("conv3.weight") for name in weights)
    swapped = onnx.ModelProto()
    swapped.CopyFrom(exported.plain)
    for node in swapped.graph.node:
        if node.name in branches:
            node.input[0], node.input[1] = node.input[1], node.input[0]
    assert {name: 1 - branch for name, branch in branches.items()} == identity_branches(swapped)


def test_a_graph_that_fails_is_fine_tuned_and_judged_again(exported: Exported, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two steps change the weights; whether they help is for the long run on real data to show."""
    monkeypatch.setattr(export.judge, "METHODS", ("min-max",))
    strict = dataclasses.replace(ANYTHING, agreement=1.0, lost=0.0, rmse=0.0)
    source = dataclasses.replace(exported.source, answers=np.roll(exported.source.answers, 1, axis=1))
    judged = Judge(source, strict, 2).judge(TARGETS["tensorrt"])
    assert judged.failed
    assert judged.proof.fine_tuned_steps == 2
    assert findings(judged.model) == []
    weights = [numpy_helper.to_array(tensor) for tensor in judged.model.graph.initializer if tensor.name == "net.layer4.2.conv3.weight"]
    before = [numpy_helper.to_array(tensor) for tensor in exported.plain.graph.initializer if tensor.name == "net.layer4.2.conv3.weight"]
    assert 0 < np.abs(weights[0] - before[0]).max() < 1e-3


def test_a_processor_with_vnni_is_known_by_its_flags(tmp_path: Path) -> None:
    info = tmp_path / "cpuinfo"
    assert not has_vnni(info)
    for flags, has in (("fma avx2 bmi2", False), ("avx2 avx_vnni", True), ("avx512f avx512_vnni amx_int8", True)):
        info.write_text(f"processor : 0\nflags\t\t: {flags}\n")
        assert has_vnni(info) == has


@pytest.mark.parametrize("name", ["cpu-vnni", "arm"])
def test_a_bundle_with_full_weights_is_refused_where_sums_overflow(
    judged: dict[str, Judged], exported: Exported, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    path = tmp_path / "other.onnx"
    path.write_bytes(
        pack(judged[name].model, Manifest, {**manifest_fields(exported.source, judged[name], SETTINGS), "golden_tolerance": 1.0})
    )
    monkeypatch.setattr(bintally.bundle, "saturates", lambda: True)
    with pytest.raises(InputError, match=f"made for {name}; on this processor its sums would overflow"):
        open_bundle(path)
    monkeypatch.setattr(bintally.bundle, "saturates", lambda: False)
    assert open_bundle(path).manifest.target == name
