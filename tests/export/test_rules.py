"""TensorRT's rules: a graph that keeps them all, and each rule broken once."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from bintally.cli import main
from bintally.errors import InputError
from export.rules import RULES, findings, read_graph


def _pair(name: str, scale: np.ndarray | float, axis: int | None = None) -> tuple[list[onnx.NodeProto], list[onnx.TensorProto]]:
    """Q and DQ of a tensor, named ``{name}_Q`` and ``{name}_DQ``."""
    scales = np.asarray(scale, np.float32)
    constants = [numpy_helper.from_array(scales, f"{name}_scale"), numpy_helper.from_array(np.zeros(scales.shape, np.int8), f"{name}_zero")]
    given = [f"{name}_scale", f"{name}_zero"]
    where: Any = {} if axis is None else {"axis": axis}
    return [
        helper.make_node("QuantizeLinear", [name, *given], [f"{name}_q"], f"{name}_Q", **where),
        helper.make_node("DequantizeLinear", [f"{name}_q", *given], [f"{name}_dq"], f"{name}_DQ", **where),
    ], constants


@pytest.fixture
def model() -> onnx.ModelProto:
    """bytes → cast → conv a → ReLU → conv b → add to the ReLU's result → ReLU → mean → Gemm, quantized as TensorRT wants it."""
    rng = np.random.default_rng(0)
    weights = {
        name: rng.normal(size=shape).astype(np.float32) for name, shape in (("wa", (4, 3, 1, 1)), ("wb", (4, 4, 1, 1)), ("wg", (7, 4)))
    }
    constants = [numpy_helper.from_array(value, name) for name, value in weights.items()]
    constants += [numpy_helper.from_array(np.zeros(4, np.float32), "bias"), numpy_helper.from_array(np.array([-1, 4]), "flat")]
    rounded: dict[str, list[onnx.NodeProto]] = {}
    for name, value in weights.items():
        rounded[name], more = _pair(name, np.abs(value).reshape(len(value), -1).max(1) / 127, 0)
        constants += more
    for name in ("pixels", "ra", "mean_flat"):
        rounded[name], more = _pair(name, 0.02)
        constants += more
    node = helper.make_node
    nodes = [
        node("Cast", ["frames"], ["numbers"], "cast", to=TensorProto.FLOAT),
        node("Transpose", ["numbers"], ["pixels"], "transpose", perm=[0, 3, 1, 2]),
        *rounded["pixels"], *rounded["wa"],
        node("Conv", ["pixels_dq", "wa_dq", "bias"], ["ca"], "conv_a"),
        node("Relu", ["ca"], ["ra"], "relu_a"),
        *rounded["ra"], *rounded["wb"],
        node("Conv", ["ra_dq", "wb_dq", "bias"], ["cb"], "conv_b"),
        node("Add", ["cb", "ra_dq"], ["sum"], "add"),
        node("Relu", ["sum"], ["rs"], "relu_s"),
        node("GlobalAveragePool", ["rs"], ["mean"], "pool"),
        node("Reshape", ["mean", "flat"], ["mean_flat"], "reshape"),
        *rounded["mean_flat"], *rounded["wg"],
        node("Gemm", ["mean_flat_dq", "wg_dq"], ["logits"], "gemm", transB=1),
        node("Softmax", ["logits"], ["probabilities"], "softmax"),
    ]  # fmt: skip
    frames = helper.make_tensor_value_info("frames", TensorProto.UINT8, ["N", 8, 8, 3])
    out = helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, ["N", 7])
    graph = helper.make_graph(nodes, "small", [frames], [out], constants)
    made: onnx.ModelProto = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(made, full_check=True)
    return made


def _node(model: onnx.ModelProto, name: str) -> onnx.NodeProto:
    found: onnx.NodeProto = next(node for node in model.graph.node if node.name == name)
    return found


def _set(model: onnx.ModelProto, name: str, value: np.ndarray) -> None:
    next(tensor for tensor in model.graph.initializer if tensor.name == name).CopyFrom(numpy_helper.from_array(value, name))


def _axis(node: onnx.NodeProto, axis: int) -> None:
    del node.attribute[:]
    node.attribute.append(helper.make_attribute("axis", axis))


def unsigned(model: onnx.ModelProto) -> None:
    _set(model, "ra_zero", np.array(0, np.uint8))


def moved_zero(model: onnx.ModelProto) -> None:
    _set(model, "ra_zero", np.array(-128, np.int8))


def no_scale(model: onnx.ModelProto) -> None:
    _set(model, "ra_scale", np.array(0, np.float32))


def scale_per_channel(model: onnx.ModelProto) -> None:
    _set(model, "ra_scale", np.full(4, 0.02, np.float32))
    _set(model, "ra_zero", np.zeros(4, np.int8))
    for name in ("ra_Q", "ra_DQ"):
        _axis(_node(model, name), 1)


def one_weight_scale(model: onnx.ModelProto) -> None:
    _set(model, "wb_scale", np.array(0.02, np.float32))
    _set(model, "wb_zero", np.array(0, np.int8))


def wrong_weight_axis(model: onnx.ModelProto) -> None:
    for name in ("wb_Q", "wb_DQ"):
        _axis(_node(model, name), 1)


def float_input(model: onnx.ModelProto) -> None:
    _node(model, "conv_b").input[0] = "ra"


def float_weight(model: onnx.ModelProto) -> None:
    _node(model, "gemm").input[1] = "wg"


def integer_constant(model: onnx.ModelProto) -> None:
    model.graph.initializer.append(numpy_helper.from_array(np.ones((4, 4, 1, 1), np.int8), "whole"))
    _node(model, "wb_DQ").input[0] = "whole"


def other_scale_behind(model: onnx.ModelProto) -> None:
    model.graph.initializer.append(numpy_helper.from_array(np.array(0.03, np.float32), "other"))
    _node(model, "ra_DQ").input[1] = "other"


def quantized_bias(model: onnx.ModelProto) -> None:
    nodes, constants = _pair("bias", 0.01)
    model.graph.initializer.extend(constants)
    for number, node in enumerate(nodes):
        model.graph.node.insert(number, node)
    _node(model, "conv_b").input[2] = "bias_dq"


def rounded_output(model: onnx.ModelProto) -> None:
    nodes, constants = _pair("cb", 0.02)
    model.graph.initializer.extend(constants)
    place = next(number for number, node in enumerate(model.graph.node) if node.name == "add")
    for number, node in enumerate(nodes):
        model.graph.node.insert(place + number, node)
    _node(model, "add").input[0] = "cb_dq"


def float_identity(model: onnx.ModelProto) -> None:
    _node(model, "add").input[1] = "ra"


def fixed_batch(model: onnx.ModelProto) -> None:
    model.graph.input[0].type.tensor_type.shape.dim[0].dim_value = 1


def open_height(model: onnx.ModelProto) -> None:
    model.graph.input[0].type.tensor_type.shape.dim[1].dim_param = "H"


def bytes_moved_first(model: onnx.ModelProto) -> None:
    _node(model, "transpose").input[0] = "frames"


def unknown_operator(model: onnx.ModelProto) -> None:
    _node(model, "softmax").op_type = "NonMaxSuppression"


def own_domain(model: onnx.ModelProto) -> None:
    _node(model, "softmax").domain = "com.microsoft"


def newer_operator_set(model: onnx.ModelProto) -> None:
    model.opset_import[0].version = 18


BREACHES = [
    (unsigned, "int8", "ra_Q"),
    (moved_zero, "zero-point", "ra_Q"),
    (no_scale, "scale", "ra_DQ"),
    (scale_per_channel, "activation-scale", "ra_Q"),
    (one_weight_scale, "weight-scale", "conv_b"),
    (wrong_weight_axis, "weight-scale", "conv_b"),
    (float_input, "weighted-inputs", "conv_b"),
    (float_weight, "weighted-inputs", "gemm"),
    (integer_constant, "pairs", "wb_DQ"),
    (other_scale_behind, "pairs", "ra_DQ"),
    (quantized_bias, "bias", "conv_b"),
    (rounded_output, "placement", "cb_DQ"),
    (float_identity, "residual", "add"),
    (fixed_batch, "dynamic-batch", "frames"),
    (open_height, "dynamic-batch", "frames"),
    (bytes_moved_first, "uint8-input", "transpose"),
    (unknown_operator, "operators", "softmax"),
    (own_domain, "operators", "softmax"),
    (newer_operator_set, "operators", "graph"),
]


def test_a_graph_made_for_tensorrt_keeps_every_rule(model: onnx.ModelProto) -> None:
    assert findings(model) == []


@pytest.mark.parametrize(("breach", "rule", "node"), BREACHES, ids=[breach.__name__ for breach, _, _ in BREACHES])
def test_each_breach_is_found_with_the_nodes_name(
    model: onnx.ModelProto, breach: Callable[[onnx.ModelProto], None], rule: str, node: str
) -> None:
    breach(model)
    assert (rule, node) in {(finding.rule, finding.node) for finding in findings(model)}


def test_no_rule_is_without_a_breach(model: onnx.ModelProto) -> None:
    broken = set()
    for breach, _, _ in BREACHES:
        copied = onnx.ModelProto()
        copied.CopyFrom(model)
        breach(copied)
        broken |= {number for number, rule in enumerate(RULES) if findings_of(rule, copied)}
    assert broken == set(range(len(RULES)))


def findings_of(rule: Callable[..., object], model: onnx.ModelProto) -> list[object]:
    from export.rules import Graph

    return list(rule(Graph(model)))  # type: ignore[call-overload, no-any-return]


def test_the_command_names_rule_and_node_and_exits_1(model: onnx.ModelProto, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    whole, broken = tmp_path / "whole.onnx", tmp_path / "broken.onnx"
    onnx.save(model, whole)
    assert main(["export", "check", str(whole), "--target", "tensorrt"]) == 0
    assert "keeps all rules" in capsys.readouterr().out
    float_identity(model)
    onnx.save(model, broken)
    assert main(["export", "check", str(whole), str(broken), "--json"]) == 1
    printed = json.loads(capsys.readouterr().out)
    assert printed[str(whole)] == []
    assert [(one["rule"], one["node"]) for one in printed[str(broken)]] == [("residual", "add")]


def test_nodes_without_names_are_told_by_their_place(model: onnx.ModelProto, tmp_path: Path) -> None:
    float_identity(model)
    for node in model.graph.node:
        node.name = ""
    onnx.save(model, tmp_path / "a.onnx")
    assert [finding.node for finding in findings(read_graph(tmp_path / "a.onnx"))] == ["Add_13"]


def test_what_is_no_graph_is_refused(tmp_path: Path) -> None:
    (tmp_path / "text.onnx").write_text("not a graph")
    (tmp_path / "empty.onnx").touch()
    for name in ("missing.onnx", "text.onnx", "empty.onnx"):
        with pytest.raises(InputError, match=name):
            read_graph(tmp_path / name)
