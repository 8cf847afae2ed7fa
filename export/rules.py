"""TensorRT's rules of explicit quantization, each as a function that names the nodes that break it (pure, but for reading the file).

Source:
    NVIDIA TensorRT documentation: Working with Quantized Types (explicit quantization, Q/DQ layer-placement recommendations,
    Q/DQ limitations); onnx-tensorrt's operator support matrix for 8.6.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from google.protobuf.message import DecodeError
from numpy.typing import NDArray
from onnx import numpy_helper

from bintally.errors import InputError
from export.quantize import TENSORRT_OPSET, WEIGHTED, identity_branches

_OPERATORS = frozenset(
    {
        *WEIGHTED, "Add", "AveragePool", "BatchNormalization", "Cast", "Clip", "Concat", "Constant", "DequantizeLinear", "Div", "Exp",
        "Flatten", "GlobalAveragePool", "HardSigmoid", "HardSwish", "Identity", "LeakyRelu", "MatMul", "MaxPool", "Mul", "Neg", "Pad",
        "QuantizeLinear", "ReduceMean", "ReduceSum", "Relu", "Reshape", "Resize", "Sigmoid", "Slice", "Softmax", "Sqrt", "Squeeze", "Sub",
        "Tanh", "Transpose", "Unsqueeze",
    }
)  # fmt: skip
_FLOATS = (onnx.TensorProto.FLOAT, onnx.TensorProto.FLOAT16)


@dataclass(frozen=True)
class Finding:
    """One breach: the rule's name, the node (or input) that breaks it, and what to change."""

    rule: str
    node: str
    text: str


class Graph:
    """A graph with the lookups that the rules need."""

    def __init__(self, model: onnx.ModelProto) -> None:
        self.model = model
        self.nodes = list(model.graph.node)
        self.producer = {name: node for node in self.nodes for name in node.output}
        self.consumers: dict[str, list[onnx.NodeProto]] = defaultdict(list)
        for node in self.nodes:
            for name in node.input:
                self.consumers[name].append(node)
        self.constants = {tensor.name: tensor for tensor in model.graph.initializer}
        for node in self.nodes:
            if node.op_type == "Constant" and node.attribute[0].HasField("t"):
                self.constants[node.output[0]] = node.attribute[0].t

    @cached_property
    def identities(self) -> dict[str, str]:
        """Residual Add node → the tensor of its identity branch."""
        branches = identity_branches(self.model)
        return {node.name: node.input[branches[node.name]] for node in self.nodes if node.name in branches}

    def of(self, *kinds: str) -> list[onnx.NodeProto]:
        """The nodes of some kinds."""
        return [node for node in self.nodes if node.op_type in kinds]

    def constant(self, name: str) -> NDArray[Any] | None:
        """A constant's value; None for what is none."""
        return numpy_helper.to_array(self.constants[name]) if name in self.constants else None

    def rounds(self, name: str) -> onnx.NodeProto | None:
        """The DequantizeLinear that gives a tensor; None where another node does."""
        node = self.producer.get(name)
        return node if node is not None and node.op_type == "DequantizeLinear" else None

    def is_weight(self, node: onnx.NodeProto) -> bool:
        """Whether a Q or DQ node rounds a constant."""
        name = node.input[0]
        while (before := self.producer.get(name)) is not None and before.op_type in ("QuantizeLinear", "DequantizeLinear"):
            name = before.input[0]
        return name in self.constants


def findings(model: onnx.ModelProto) -> list[Finding]:
    """Every breach of every rule; an empty list for a graph that TensorRT takes as it is meant."""
    graph = Graph(model)
    return [finding for rule in RULES for finding in rule(graph)]


def read_graph(path: Path) -> onnx.ModelProto:
    """Read an ONNX file, a bundle or any other.

    Raises:
        InputError: it is missing or no ONNX graph.
    """
    try:
        model: onnx.ModelProto = onnx.load(path)
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror or error}); name an ONNX file") from error
    except DecodeError as error:
        raise InputError(f"{path}: no ONNX file; 'bintally export' makes bundles") from error
    if not model.graph.node:
        raise InputError(f"{path}: holds no graph; name an ONNX file")
    for number, node in enumerate(model.graph.node):
        node.name = node.name or f"{node.op_type}_{number}"
    return model


def _is_int8(graph: Graph) -> Iterator[Finding]:
    for node in graph.of("QuantizeLinear", "DequantizeLinear"):
        zero = graph.constant(node.input[2]) if len(node.input) > 2 else np.uint8(0)
        if zero is None or zero.dtype != np.int8:
            kind = "computed" if zero is None else str(zero.dtype)
            yield Finding("int8", node.name, f"rounds to {kind}; TensorRT takes int8 only")


def _zero_point(graph: Graph) -> Iterator[Finding]:
    for node in graph.of("QuantizeLinear", "DequantizeLinear"):
        zero = graph.constant(node.input[2]) if len(node.input) > 2 else None
        if zero is not None and zero.any():
            yield Finding("zero-point", node.name, f"has the zero point {int(zero.ravel()[0])}; quantize symmetrically, around 0")


def _scale(graph: Graph) -> Iterator[Finding]:
    for node in graph.of("QuantizeLinear", "DequantizeLinear"):
        scale = graph.constant(node.input[1])
        if scale is None or not (np.isfinite(scale) & (scale > 0)).all():
            yield Finding("scale", node.name, "has a scale that is no constant, or not finite and above 0")


def _activation_scale(graph: Graph) -> Iterator[Finding]:
    for node in graph.of("QuantizeLinear", "DequantizeLinear"):
        scale = graph.constant(node.input[1])
        if scale is not None and not graph.is_weight(node) and scale.size != 1:
            yield Finding("activation-scale", node.name, f"has {scale.size} scales; activations take one for the whole tensor")


def _weight_scale(graph: Graph) -> Iterator[Finding]:
    for node in graph.of(*WEIGHTED):
        rounded = graph.rounds(node.input[1])
        scale = graph.constant(rounded.input[1]) if rounded is not None else None
        if rounded is None or scale is None:
            continue  # told by weighted-inputs, or by scale
        transposed = any(attribute.name == "transB" and attribute.i for attribute in node.attribute)
        wanted = 0 if node.op_type == "Conv" or transposed else 1
        axis = next((attribute.i for attribute in rounded.attribute if attribute.name == "axis"), 1)
        outputs = _weight_shape(graph, rounded)[wanted]
        if scale.size != outputs or (axis != wanted and outputs > 1):
            yield Finding(
                "weight-scale",
                node.name,
                f"has {scale.size} weight scales along axis {axis}; give each of its {outputs} outputs one, axis {wanted}",
            )


def _weighted_inputs(graph: Graph) -> Iterator[Finding]:
    for node in graph.of(*WEIGHTED):
        for number, what in ((0, "input"), (1, "weight")):
            if graph.rounds(node.input[number]) is None:
                yield Finding("weighted-inputs", node.name, f"takes a float {what}; put Q/DQ before it, or it runs in float")


def _pairs(graph: Graph) -> Iterator[Finding]:
    for node in graph.of("QuantizeLinear"):
        if any(user.op_type != "DequantizeLinear" for user in graph.consumers[node.output[0]]):
            yield Finding("pairs", node.name, "is not followed by DequantizeLinear alone")
    for node in graph.of("DequantizeLinear"):
        before = graph.producer.get(node.input[0])
        if node.input[0] in graph.constants:
            yield Finding("pairs", node.name, "starts from an integer constant; TensorRT 8 wants the float weight and Q before it")
        elif before is None or before.op_type != "QuantizeLinear":
            yield Finding("pairs", node.name, "does not follow a QuantizeLinear")
        elif list(before.input[1:]) != list(node.input[1:]) and not _same_rounding(graph, before, node):
            yield Finding("pairs", node.name, f"has another scale or zero point than {before.name}")


def _bias(graph: Graph) -> Iterator[Finding]:
    for node in graph.of(*WEIGHTED):
        if (
            len(node.input) > 2
            and node.input[2]
            and (node.input[2] not in graph.constants or graph.constants[node.input[2]].data_type not in _FLOATS)
        ):
            yield Finding("bias", node.name, "has a bias that is no float constant; leave biases unquantized")


def _placement(graph: Graph) -> Iterator[Finding]:
    """Activations are rounded where a layer with weights or an identity branch takes them, and nowhere else."""
    for node in graph.of("DequantizeLinear"):
        if graph.is_weight(node):
            continue
        for user in graph.consumers[node.output[0]]:
            at_weighted = user.op_type in WEIGHTED and user.input[0] == node.output[0]
            if not at_weighted and graph.identities.get(user.name) != node.output[0]:
                yield Finding(
                    "placement",
                    node.name,
                    f"rounds what {user.op_type} {user.name} takes; only layers with weights and identity branches want it",
                )


def _residual(graph: Graph) -> Iterator[Finding]:
    for name, tensor in graph.identities.items():
        if graph.rounds(tensor) is None:
            yield Finding(
                "residual", name, "adds a float identity branch; put Q/DQ on it, or the addition is not fused into the convolution"
            )


def _batch(graph: Graph) -> Iterator[Finding]:
    names = set(graph.constants)
    for value in graph.model.graph.input:
        dimensions = value.type.tensor_type.shape.dim
        if value.name in names or not dimensions:
            continue
        if dimensions[0].HasField("dim_value"):
            yield Finding("dynamic-batch", value.name, f"has the fixed batch {dimensions[0].dim_value}; leave the first dimension open")
        if any(not dimension.HasField("dim_value") for dimension in dimensions[1:]):
            yield Finding("dynamic-batch", value.name, "has an open dimension beside the batch; fix height, width and channels")


def _bytes(graph: Graph) -> Iterator[Finding]:
    for value in graph.model.graph.input:
        if value.type.tensor_type.elem_type == onnx.TensorProto.UINT8:
            for user in graph.consumers[value.name]:
                if user.op_type != "Cast":
                    yield Finding("uint8-input", user.name, f"{user.op_type} takes bytes; TensorRT wants them cast to float first")


def _operators(graph: Graph) -> Iterator[Finding]:
    for node in graph.nodes:
        if node.domain not in ("", "ai.onnx") or node.op_type not in _OPERATORS:
            yield Finding(
                "operators", node.name, f"{node.domain}{'.' * bool(node.domain)}{node.op_type} is not among those known to run in TensorRT"
            )
    for entry in graph.model.opset_import:
        if entry.domain in ("", "ai.onnx") and entry.version > TENSORRT_OPSET:
            yield Finding("operators", "graph", f"operator set {entry.version}; TensorRT 8.6 reads up to {TENSORRT_OPSET}")


RULES: tuple[Callable[[Graph], Iterator[Finding]], ...] = (
    _is_int8, _zero_point, _scale, _activation_scale, _weight_scale, _weighted_inputs, _pairs, _bias, _placement, _residual, _batch, _bytes,
    _operators,
)  # fmt: skip


def _weight_shape(graph: Graph, rounded: onnx.NodeProto) -> tuple[int, ...]:
    name = rounded.input[0]
    while name not in graph.constants:
        name = graph.producer[name].input[0]
    return tuple(graph.constants[name].dims)


def _same_rounding(graph: Graph, quantizer: onnx.NodeProto, dequantizer: onnx.NodeProto) -> bool:
    values = [[graph.constant(name) for name in node.input[1:]] for node in (quantizer, dequantizer)]
    return len(values[0]) == len(values[1]) and all(
        one is not None and other is not None and np.array_equal(one, other) for one, other in zip(*values, strict=True)
    )
