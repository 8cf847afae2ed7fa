"""The devices that bundles are made for, and the arithmetic of each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

from bintally.processor import has_vnni, is_arm

Precision = Literal["float32", "float16", "int8"]


@dataclass(frozen=True)
class Arithmetic:
    """How a graph's numbers become eight bits.

    Attributes:
        activations: their type; asymmetric ones use the whole range of what a layer gives, symmetric ones have the zero point 0.
        symmetric: whether the activations are symmetric.
        weight_bits: 7 or 8; weights are int8, symmetric, with a scale for each channel.
        weighted_inputs_only: Q/DQ on the inputs of layers with weights and on the identity branch of residual adds only, as TensorRT
            wants it; otherwise on every tensor, as ONNX Runtime's integer kernels want it.
    """

    activations: Literal["uint8", "int8"]
    symmetric: bool
    weight_bits: Literal[7, 8]
    weighted_inputs_only: bool

    @property
    def kind(self) -> tuple[bool, int, bool]:
        """What decides the answers. Asymmetric int8 is uint8 less 128, so both round every number alike."""
        return self.symmetric, self.weight_bits, self.weighted_inputs_only

    def __str__(self) -> str:
        shape = "symmetric, zero point 0" if self.symmetric else "asymmetric"
        weights = "int8, per channel, symmetric" + (", reduced range (7 bits)" if self.weight_bits == 7 else "")
        return f"activations {self.activations}, per tensor, {shape}; weights {weights}"


@dataclass(frozen=True)
class Target:
    """A kind of device.

    Attributes:
        name: on the command line and in the manifest.
        devices: in words.
        arithmetic: of the quantized graph; None where nothing is quantized.
    """

    name: str
    devices: str
    arithmetic: Arithmetic | None = None

    @property
    def precision(self) -> Precision:
        """Of the weights and activations."""
        return "int8" if self.arithmetic else "float16" if self.name == "float16" else "float32"

    def runs_here(self) -> bool:
        """Whether this machine's kernels compute what the target's would; else its graph is judged as it is written, in float32."""
        return self.name in ("cpu", "float", "float16") or (self.name == "cpu-vnni" and has_vnni()) or (self.name == "arm" and is_arm())


_TARGETS = (
    # AVX2 without VNNI adds products of bytes in 16 bits, which saturate with full 8-bit weights.
    Target("cpu", "x86-64 with AVX2, and any other CPU", Arithmetic("uint8", False, 7, False)),
    Target("cpu-vnni", "x86-64 with AVX-512 VNNI or AVX-VNNI", Arithmetic("uint8", False, 8, False)),
    Target("arm", "64-bit ARM with dot products (Cortex-A78AE of Jetson Orin, Graviton)", Arithmetic("int8", False, 8, False)),
    Target("tensorrt", "NVIDIA GPUs and Jetson through TensorRT 8.6 or later", Arithmetic("int8", True, 8, True)),
    Target("float", "any device, float32"),
    Target("float16", "GPUs and CPUs with float16 arithmetic"),
)
TARGETS: Mapping[str, Target] = MappingProxyType({target.name: target for target in _TARGETS})
