"""TensorRT's figures, on a machine that has it: both engines built from a bundle, the golden answers, load time, latency.

``python -m tests.bench.engine [BUNDLE]``; by default the shipped bundle with its quantization taken out.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import onnx

from bintally.bundle import DEFAULT_BUNDLE, Bundle, read_manifest
from bintally.errors import UnavailableError
from bintally.manifest import Manifest
from bintally.tensorrt.artifact import Profile
from bintally.tensorrt.provider import open_engine
from export.engine import build_engines
from export.pack import pack
from export.quantize import to_float


def float_twin(folder: Path) -> Path:
    """The shipped bundle in float32, as a bundle for TensorRT."""
    path, manifest = folder / "float.onnx", read_manifest(DEFAULT_BUNDLE)
    path.write_bytes(pack(to_float(onnx.load(str(DEFAULT_BUNDLE))), Manifest, {**manifest.model_dump(by_alias=True), "target": "float"}))
    return path


def latency_ms(bundle: Bundle, batch: int) -> float:
    """Median of 200 calls after 20 to warm up."""
    frames = np.repeat(bundle.manifest.golden_frames()[:1], batch, 0)
    spent = []
    for _ in range(220):
        started = time.perf_counter()
        bundle.probabilities(frames)
        spent.append((time.perf_counter() - started) * 1000)
    return statistics.median(spent[20:])


def main(given: Path | None = None) -> None:
    """Print the figures, or why there are none."""
    with tempfile.TemporaryDirectory() as temporary:
        path = given or float_twin(Path(temporary))
        try:
            engines = dict(build_engines(path, Path(temporary) / "engines", ["provider", "plain"], Profile()))
        except UnavailableError as error:
            print(f"TensorRT: not measured: {error}")
            return
        for folder, made in engines.items():
            print(
                f"TensorRT, {made.kind}: built in {made.build_s:.1f} s for {made.machine}; {', '.join(sorted(path.name for path in folder.iterdir()))}"
            )
        folder, made = next(iter(engines.items()))
        started = time.perf_counter()
        bundle = open_engine(path, read_manifest(path), folder, made)
        print(
            f"TensorRT, provider: golden answers kept; loads in {time.perf_counter() - started:.2f} s, in a new process {made.load_s:.2f} s"
        )
        print(f"TensorRT, provider: one frame {latency_ms(bundle, 1):.2f} ms, eight {latency_ms(bundle, 8):.2f} ms")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else None)
