"""Who is measured: each bundle on each execution provider, the same network in float32, and OpenVINO as a yardstick."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import onnx
import onnxruntime as ort
from numpy.typing import NDArray

from bintally.bundle import read_manifest
from bintally.errors import InputError, UsageError
from bintally.frames import Frame
from bintally.manifest import Manifest
from export.quantize import to_float

Runtime = Literal["onnxruntime", "openvino"]
Answer = Callable[[Frame], NDArray[np.float32]]
"""Probabilities [n, 7] of frames uint8 [n, height, width, 3]."""
PROVIDERS = {"CPUExecutionProvider": "cpu", "CUDAExecutionProvider": "cuda", "TensorrtExecutionProvider": "tensorrt"}


@dataclass(frozen=True)
class Contender:
    """A graph and what runs it.

    Attributes:
        name: for people, unique in one run.
        bundle: its file.
        target: that its manifest names.
        version: likewise.
        size: height and width of its frames in pixels.
        runtime: ``onnxruntime`` or ``openvino``.
        provider: ONNX Runtime's execution provider; ``CPU`` for OpenVINO.
        as_float: whether the quantization is taken out of the graph first.
    """

    name: str
    bundle: Path
    target: str
    version: str
    size: tuple[int, int]
    runtime: Runtime
    provider: str
    as_float: bool

    def graph(self) -> bytes:
        """The ONNX graph that is run."""
        if self.as_float:
            content: bytes = to_float(onnx.load(self.bundle)).SerializeToString()
            return content
        return self.bundle.read_bytes()

    def open(self, threads: int) -> Answer:
        """Make it ready to answer frames uint8 [n, height, width, 3].

        Args:
            threads: for one request; 0 for one a core.

        Raises:
            InputError: the runtime does not take the graph.
        """
        run = _onnxruntime if self.runtime == "onnxruntime" else _openvino
        try:
            return run(self.graph(), self.provider, threads)
        except Exception as error:  # neither runtime's exceptions have a common base
            raise InputError(f"{self.name}: cannot be opened ({str(error).partition(chr(10))[0][:160]})") from error


def has_openvino() -> bool:
    """Whether OpenVINO is installed."""
    return importlib.util.find_spec("openvino") is not None


def contenders(bundles: Sequence[Path], beside_float: bool, openvino: bool) -> list[Contender]:
    """Everyone who can be measured here.

    Args:
        bundles: files.
        beside_float: also the float32 network of the first quantized bundle, where no float bundle is given.
        openvino: also OpenVINO with each bundle for CPUs.

    Raises:
        InputError: a bundle cannot be read.
        UsageError: OpenVINO is asked for and not installed, or bundles of different frames are mixed.
    """
    if openvino and not has_openvino():
        raise UsageError("--openvino: it is not installed; pip install openvino")
    manifests = {path: read_manifest(path) for path in dict.fromkeys(bundles)}
    if len({(manifest.input.height, manifest.input.width) for manifest in manifests.values()}) > 1:
        raise UsageError("the bundles take frames of different sizes; measure them in separate runs")
    found = [one for path, manifest in manifests.items() for one in _of(path, manifest, False, openvino and _runs_on_cpus(manifest))]
    kinds = {path: _kind(manifest) for path, manifest in manifests.items()}
    quantized = [path for path, kind in kinds.items() if "float" not in kind]
    if beside_float and quantized and "float" not in kinds.values():
        found += _of(quantized[0], manifests[quantized[0]], True, openvino)
    return found


def _of(path: Path, manifest: Manifest, as_float: bool, openvino: bool) -> list[Contender]:
    """One bundle on each execution provider that is here, and on OpenVINO."""
    label = f"{path.stem} ({'as float32' if as_float else _kind(manifest)})"
    size = (manifest.input.height, manifest.input.width)
    present: list[tuple[str, Runtime, str]] = [
        (f"ONNX Runtime {PROVIDERS[name]}", "onnxruntime", name) for name in PROVIDERS if name in ort.get_available_providers()
    ]
    if openvino:
        present.append(("OpenVINO", "openvino", "CPU"))
    return [
        Contender(f"{label}, {short}", path, manifest.target, manifest.version, size, runtime, provider, as_float)
        for short, runtime, provider in present
    ]


def _kind(manifest: Manifest) -> str:
    return manifest.target.partition(" ")[0]


def _runs_on_cpus(manifest: Manifest) -> bool:
    return _kind(manifest) not in ("tensorrt", "float16")


def _onnxruntime(graph: bytes, provider: str, threads: int) -> Answer:
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.log_severity_level = 4
    session = ort.InferenceSession(graph, options, providers=[provider], enable_fallback=0)
    return lambda frames: np.asarray(session.run(["probabilities"], {"frames": frames})[0])


def _openvino(graph: bytes, device: str, threads: int) -> Answer:
    import openvino

    core = openvino.Core()
    settings = {"PERFORMANCE_HINT": "LATENCY", "NUM_STREAMS": "1", **({"INFERENCE_NUM_THREADS": str(threads)} if threads else {})}
    request = core.compile_model(core.read_model(graph), device, settings).create_infer_request()
    return lambda frames: np.asarray(request.infer({"frames": frames})[0])
