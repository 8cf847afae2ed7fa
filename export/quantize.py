"""Static INT8 quantization in QDQ form, calibrated on real frames."""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnxruntime.quantization import CalibrationDataReader, CalibrationMethod, QuantFormat, QuantType, quantize_static
from onnxruntime.quantization.shape_inference import quant_pre_process

from bintally.frames import Frame

RECIPE: dict[str, Any] = {
    "format": "QDQ",
    "activations": "uint8, per tensor, asymmetric",
    "weights": "int8, per channel, symmetric, reduced range (7 bits)",
    "calibration": "min-max",
}
"""For CPUs without VNNI: with full 8-bit weights the 16-bit sums of AVX2's multiply-add saturate."""
_BATCH = 8


class _Frames(CalibrationDataReader):  # type: ignore[misc]  # ships no types
    def __init__(self, frames: Sequence[Frame]) -> None:
        self._batches: Iterator[np.ndarray] = (np.stack(frames[start : start + _BATCH]) for start in range(0, len(frames), _BATCH))

    def get_next(self) -> dict[str, np.ndarray] | None:
        batch = next(self._batches, None)
        return None if batch is None else {"frames": batch}


def quantize(model: onnx.ModelProto, frames: Sequence[Frame]) -> onnx.ModelProto:
    """Quantize a float32 graph by ``RECIPE``.

    Args:
        model: from ``export.graph.to_onnx``.
        frames: calibration frames, uint8 [size, size, 3] each, of the size that the graph takes.
    """
    logging.getLogger().setLevel(logging.ERROR)  # the quantizer warns of what is done here on purpose
    with tempfile.TemporaryDirectory() as folder:
        plain, inferred, quantized = (Path(folder) / name for name in ("plain.onnx", "inferred.onnx", "quantized.onnx"))
        onnx.save(model, plain)
        quant_pre_process(plain, inferred, skip_symbolic_shape=True)
        quantize_static(
            inferred,
            quantized,
            _Frames(frames),
            quant_format=QuantFormat.QDQ,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
            per_channel=True,
            reduce_range=True,
            calibrate_method=CalibrationMethod.MinMax,
            op_types_to_quantize=["Conv", "Relu", "Gemm", "Add", "MaxPool", "GlobalAveragePool", "ReduceMean"],  # ReLUs vanish into ranges
        )
        return _without_idle_domains(onnx.load(quantized))


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
            if onnx.numpy_helper.to_array(constants[pair.input[2]]).any():
                renamed[node.output[0]] = source
            else:  # a range that begins at zero is also the ReLU that vanished into it
                kept.append(onnx.helper.make_node("Relu", [source], [node.output[0]]))
        elif node.op_type == "DequantizeLinear" and node.input[0] in constants:
            plain.graph.initializer.append(_dequantized(node, constants))
        elif node.op_type != "QuantizeLinear":
            kept.append(node)
    ends = [output.name for output in plain.graph.output if output.name in renamed]
    kept += [onnx.helper.make_node("Identity", [renamed[name]], [name]) for name in ends]
    del plain.graph.node[:]
    plain.graph.node.extend(kept)
    used = {name for node in kept for name in node.input}
    needed = [tensor for tensor in plain.graph.initializer if tensor.name in used]
    del plain.graph.initializer[:]
    plain.graph.initializer.extend(needed)
    return plain


def _dequantized(node: onnx.NodeProto, constants: Mapping[str, onnx.TensorProto]) -> onnx.TensorProto:
    """The float32 tensor that a DequantizeLinear of a constant gives: (q - zero point) * scale along its axis."""
    whole, scale, zero = (onnx.numpy_helper.to_array(constants[name]) for name in node.input)
    axis = next((attribute.i for attribute in node.attribute if attribute.name == "axis"), 1)
    if scale.ndim:
        shape = [-1 if dimension == axis % max(1, whole.ndim) else 1 for dimension in range(whole.ndim)]
        scale, zero = scale.reshape(shape), zero.reshape(shape)
    value = (whole.astype(np.float32) - zero.astype(np.float32)) * scale
    return onnx.numpy_helper.from_array(value.astype(np.float32), node.output[0])
