"""Static INT8 quantization in QDQ form, with the ranges that calibration found."""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import onnx
from onnx import helper, numpy_helper, version_converter
from onnxruntime.quantization import CalibrationMethod, QuantType
from onnxruntime.quantization.calibrate import TensorsData
from onnxruntime.quantization.qdq_quantizer import QDQQuantizer
from onnxruntime.quantization.shape_inference import quant_pre_process

from export.ranges import Range
from export.targets import Arithmetic

WEIGHTED = ("Conv", "Gemm")
"""Layers with weights."""
TENSORRT_OPSET = 17
"""The newest that TensorRT 8.6 of JetPack 6.0 reads."""
_EVERYWHERE = [*WEIGHTED, "Relu", "Add", "MaxPool"]  # ReLUs vanish into ranges


def prepared(model: onnx.ModelProto) -> onnx.ModelProto:
    """Infer the shapes of a float32 graph and simplify it, as the quantizer needs it; ``observe`` and ``quantize`` take this one."""
    with tempfile.TemporaryDirectory() as folder:
        plain, ready = Path(folder) / "plain.onnx", Path(folder) / "ready.onnx"
        onnx.save(model, plain)
        quant_pre_process(plain, ready, skip_symbolic_shape=True)
        return _without_idle_domains(onnx.load(ready))


def quantize(model: onnx.ModelProto, ranges: Mapping[str, Range], arithmetic: Arithmetic) -> onnx.ModelProto:
    """Quantize a float32 graph.

    Args:
        model: from ``prepared``.
        ranges: of its activations, by name.
        arithmetic: of the target.
    """
    logging.getLogger().setLevel(logging.ERROR)  # the quantizer warns of what is done here on purpose
    copied = onnx.ModelProto()
    copied.CopyFrom(model)
    narrow = arithmetic.weighted_inputs_only
    quantizer = QDQQuantizer(
        copied,
        per_channel=True,
        reduce_range=arithmetic.weight_bits == 7,
        weight_qType=QuantType.QInt8,
        activation_qType=QuantType.QInt8 if arithmetic.activations == "int8" else QuantType.QUInt8,
        tensors_range=TensorsData(
            CalibrationMethod.MinMax, {name: (np.float32(low), np.float32(high)) for name, (low, high) in ranges.items()}
        ),
        nodes_to_quantize=[],
        nodes_to_exclude=[] if narrow else _last_layer(model),  # costs no time in float, and rounded logits cost decisions
        op_types_to_quantize=list(WEIGHTED) if narrow else _EVERYWHERE,
        extra_options={
            "ActivationSymmetric": arithmetic.symmetric,
            "WeightSymmetric": True,
            "QDQOpTypePerChannelSupportToAxis": {"Gemm": 0},  # torch's weights are [outputs, inputs]
            # TensorRT wants float biases, and weights that are quantized in the graph (8.x reads no int8 constants)
            "QuantizeBias": not narrow,
            "AddQDQPairToWeight": narrow,
            "OpTypesToExcludeOutputQuantization": list(WEIGHTED) if narrow else [],
        },
    )
    quantizer.quantize_model()
    quantizer.model.topological_sort()
    quantized = _without_idle_domains(quantizer.model.model)
    if narrow:
        _quantize_identities(quantized, ranges)
        quantized = _at_opset(quantized, TENSORRT_OPSET)
    return quantized


def identity_branches(model: onnx.ModelProto) -> dict[str, int]:
    """The residual adds of a graph, and which of their two inputs is the identity branch: the one with fewer layers behind it.

    Args:
        model: float32 or quantized.

    Returns:
        name of the Add node → 0 or 1.
    """
    constants = {tensor.name for tensor in model.graph.initializer}
    depth: dict[str, int] = {}
    found = {}
    for node in model.graph.node:  # in topological order
        deepest = max((depth.get(name, 0) for name in node.input), default=0)
        for name in node.output:
            depth[name] = deepest + (node.op_type in WEIGHTED)
        if node.op_type == "Add" and not constants & set(node.input):
            first, second = (depth.get(name, 0) for name in node.input)
            found[node.name] = 0 if first < second else 1
    return found


def _last_layer(model: onnx.ModelProto) -> list[str]:
    return [node.name for node in model.graph.node if node.op_type in WEIGHTED][-1:]


def _quantize_identities(model: onnx.ModelProto, ranges: Mapping[str, Range]) -> None:
    """Put Q/DQ on the identity branches, so that TensorRT runs convolution, addition and ReLU as one integer kernel.

    Source:
        NVIDIA TensorRT documentation, Q/DQ Layer-Placement Recommendations («Quantize the residual input in skip connections»).
    """
    branches = identity_branches(model)
    dequantized = {node.output[0]: node for node in model.graph.node if node.op_type == "DequantizeLinear"}
    placed = []
    for node in model.graph.node:
        if node.name in branches and (name := node.input[branches[node.name]]) not in dequantized:
            scale, zero, whole, rounded = (f"{node.name}_identity_{part}" for part in ("scale", "zero_point", "quantized", "dequantized"))
            step = np.float32(max(ranges[name]) / 127)
            model.graph.initializer.extend(
                [numpy_helper.from_array(np.array(step), scale), numpy_helper.from_array(np.array(0, np.int8), zero)]
            )
            placed.append(helper.make_node("QuantizeLinear", [name, scale, zero], [whole], f"{node.name}_identity_QuantizeLinear"))
            placed.append(helper.make_node("DequantizeLinear", [whole, scale, zero], [rounded], f"{node.name}_identity_DequantizeLinear"))
            node.input[branches[node.name]] = rounded
        placed.append(node)
    copies = [onnx.NodeProto.FromString(node.SerializeToString()) for node in placed]
    del model.graph.node[:]
    model.graph.node.extend(copies)


def _at_opset(model: onnx.ModelProto, version: int) -> onnx.ModelProto:
    """The same graph in an older operator set; the converter leaves an attribute behind that means nothing where axes are given."""
    for node in model.graph.node:
        kept = [attribute for attribute in node.attribute if attribute.name != "noop_with_empty_axes"]
        del node.attribute[:]
        node.attribute.extend(kept)
    converted: onnx.ModelProto = version_converter.convert_version(model, version)
    return converted


def _without_idle_domains(model: onnx.ModelProto) -> onnx.ModelProto:
    """Take out the operator sets that no node uses; ONNX Runtime's optimizer names all that it knows."""
    used = {node.domain for node in model.graph.node}
    needed = [entry for entry in model.opset_import if entry.domain in used]
    del model.opset_import[:]
    model.opset_import.extend(needed)
    return model


def to_float(model: onnx.ModelProto) -> onnx.ModelProto:
    """Take quantization out of a graph: the same network with float32 weights and activations, to measure against."""
    plain = onnx.ModelProto()
    plain.CopyFrom(model)
    quantizers = {node.output[0]: node for node in plain.graph.node if node.op_type == "QuantizeLinear"}
    constants = {tensor.name: tensor for tensor in plain.graph.initializer}
    renamed: dict[str, str] = {}
    kept = []
    for node in plain.graph.node:
        for position, name in enumerate(node.input):
            node.input[position] = renamed.get(name, name)
        if node.op_type == "DequantizeLinear" and node.input[0] in quantizers:
            pair = quantizers[node.input[0]]
            source = renamed.get(pair.input[0], pair.input[0])
            zero = numpy_helper.to_array(constants[pair.input[2]])
            if (zero == np.iinfo(zero.dtype).min).all():  # a range that begins at zero is also the ReLU that vanished into it
                kept.append(helper.make_node("Relu", [source], [node.output[0]]))
            else:
                renamed[node.output[0]] = source
        elif node.op_type == "DequantizeLinear" and node.input[0] in constants:
            plain.graph.initializer.append(_dequantized(node, constants))
        elif node.op_type != "QuantizeLinear":
            kept.append(node)
    ends = [output.name for output in plain.graph.output if output.name in renamed]
    kept += [helper.make_node("Identity", [renamed[name]], [name]) for name in ends]
    del plain.graph.node[:]
    plain.graph.node.extend(kept)
    used = {name for node in kept for name in node.input}
    needed = [tensor for tensor in plain.graph.initializer if tensor.name in used]
    del plain.graph.initializer[:]
    plain.graph.initializer.extend(needed)
    return plain


def _dequantized(node: onnx.NodeProto, constants: Mapping[str, onnx.TensorProto]) -> onnx.TensorProto:
    """The float32 tensor that a DequantizeLinear of a constant gives: (q - zero point) * scale along its axis."""
    whole, scale, zero = (numpy_helper.to_array(constants[name]) for name in node.input)
    axis = next((attribute.i for attribute in node.attribute if attribute.name == "axis"), 1)
    if scale.ndim:
        shape = [-1 if dimension == axis % max(1, whole.ndim) else 1 for dimension in range(whole.ndim)]
        scale, zero = scale.reshape(shape), zero.reshape(shape)
    value = (whole.astype(np.float32) - zero.astype(np.float32)) * scale
    return numpy_helper.from_array(value.astype(np.float32), node.output[0])
