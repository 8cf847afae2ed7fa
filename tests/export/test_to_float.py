"""The float network inside a quantized graph, to measure against."""

from __future__ import annotations

import numpy as np
import onnx
import onnxruntime as ort

from bintally.bundle import DEFAULT_BUNDLE, open_bundle
from bintally.frames import resize
from bintally.scenes import render_scene
from export.quantize import to_float
from tests.export.conftest import Exported


def _run(model: onnx.ModelProto, frames: np.ndarray) -> np.ndarray:
    session = ort.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    return np.asarray(session.run(["probabilities"], {"frames": frames})[0])


def test_no_activation_is_quantized_any_more_and_every_layer_is_there(exported: Exported) -> None:
    before = [node.op_type for node in exported.quantized.graph.node]
    after = [node.op_type for node in to_float(exported.quantized).graph.node]
    assert "QuantizeLinear" in before
    assert not {"QuantizeLinear", "DequantizeLinear"} & set(after)
    for kind in ("Conv", "Gemm", "Add", "MaxPool"):
        assert after.count(kind) == before.count(kind), kind


def test_the_shipped_bundle_answers_nearly_alike_in_float() -> None:
    bundle = open_bundle()
    frames = np.stack([resize(render_scene((77, n)).frame, bundle.size) for n in range(24)])
    found, quantized = _run(to_float(onnx.load(DEFAULT_BUNDLE)), frames), bundle.probabilities(frames)
    assert np.abs(found - quantized).mean() < 0.02
    assert np.corrcoef(found.ravel(), quantized.ravel())[0, 1] > 0.98
    assert (found.argmax(1) == quantized.argmax(1)).mean() > 0.85


def test_the_quantized_graph_itself_is_left_alone(exported: Exported) -> None:
    before = exported.quantized.SerializeToString()
    to_float(exported.quantized)
    assert exported.quantized.SerializeToString() == before


def test_a_graph_that_ends_with_a_quantized_output_keeps_its_output() -> None:
    half, zero = (
        onnx.numpy_helper.from_array(np.array(0.5, np.float32), "half"),
        onnx.numpy_helper.from_array(np.array(0, np.uint8), "zero"),
    )
    nodes = [
        onnx.helper.make_node("Relu", ["frames"], ["positive"]),
        onnx.helper.make_node("QuantizeLinear", ["positive", "half", "zero"], ["q"]),
        onnx.helper.make_node("DequantizeLinear", ["q", "half", "zero"], ["probabilities"]),
    ]
    ends = [onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, [3]) for name in ("frames", "probabilities")]
    graph = onnx.helper.make_graph(nodes, "small", ends[:1], ends[1:], [half, zero])
    model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 18)], ir_version=10)
    values = np.array([-1, 0.3, 2.2], np.float32)
    assert _run(model, values).tolist() == [0, 0.5, 2]
    assert _run(to_float(model), values).tolist() == np.array([0, 0.3, 2.2], np.float32).tolist()
