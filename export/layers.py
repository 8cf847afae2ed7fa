"""Which layers of a quantized graph lose most: signal against noise, layer by layer."""

from __future__ import annotations

import numpy as np
import onnx

from bintally.frames import Frame
from bintally.manifest import LayerNoise
from export.quantize import WEIGHTED
from export.sessions import activations, float_tensors

_CLEAN_DB = 60.0
"""Noise below it is that of float32."""


def layer_noise(plain: onnx.ModelProto, quantized: onnx.ModelProto, frames: Frame) -> list[LayerNoise]:
    """Compare what the layers of two graphs give.

    Args:
        plain: the float32 graph that was quantized.
        quantized: made from it; it is run as its rounding is written.
        frames: a few, uint8 [n, height, width, 3].

    Returns:
        Each convolution, matrix product and residual add, the one that loses most first.
    """
    shown = _shown_as(quantized)
    after_relu = {node.input[0]: node.output[0] for node in plain.graph.node if node.op_type == "Relu"}
    names = [name for name in float_tensors(plain) if name in shown]
    snr = _snr_db(plain, quantized, names, shown, frames)
    constants = {tensor.name for tensor in plain.graph.initializer}
    found = []
    for node in plain.graph.node:
        if node.op_type in WEIGHTED or (node.op_type == "Add" and not constants & set(node.input)):
            result = after_relu.get(node.output[0], node.output[0])
            if result in snr:
                before = min((snr[name] for name in node.input if name in snr), default=_CLEAN_DB)
                layer = next((name.removesuffix(".weight") for name in node.input if name in constants), node.name)
                found.append(
                    LayerNoise(layer=layer, kind=node.op_type, snr_db=round(snr[result], 2), lost_db=round(before - snr[result], 2))
                )
    return sorted(found, key=lambda noise: -noise.lost_db)


def _shown_as(quantized: onnx.ModelProto) -> dict[str, str]:
    """Tensor of the float graph → the tensor that stands for it in the quantized one: after its own Q/DQ, where it has some."""
    shown = {name: name for node in quantized.graph.node for name in node.output}
    source = {node.output[0]: node.input[0] for node in quantized.graph.node if node.op_type == "QuantizeLinear"}
    for node in quantized.graph.node:
        if node.op_type == "DequantizeLinear" and node.input[0] in source:
            shown[source[node.input[0]]] = node.output[0]
    return shown


def _snr_db(plain: onnx.ModelProto, quantized: onnx.ModelProto, names: list[str], shown: dict[str, str], frames: Frame) -> dict[str, float]:
    signal, noise = dict.fromkeys(names, 0.0), dict.fromkeys(names, 0.0)
    pairs = zip(activations(plain, names, frames), activations(quantized, [shown[name] for name in names], frames, True), strict=True)
    for exact, rounded in pairs:
        for name in names:
            signal[name] += float(np.square(exact[name], dtype=np.float64).sum())
            noise[name] += float(np.square(exact[name] - rounded[shown[name]], dtype=np.float64).sum())
    with np.errstate(divide="ignore"):
        return {name: min(_CLEAN_DB, float(10 * np.log10(signal[name] / noise[name]))) if noise[name] else _CLEAN_DB for name in names}
