"""The station's figures: the bundle's size and speed, and a whole count.

Every pair that is compared is measured in turn, in one run, so that a machine whose speed drifts changes both alike.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import onnx
import onnxruntime as ort

from agent.counting.counter import FrameCounter
from bintally.bundle import DEFAULT_BUNDLE, open_bundle
from bintally.frames import resize
from bintally.scenes import render_scene
from export.quantize import to_float

THREADS = 2


def in_turn(one: Callable[[], object], other: Callable[[], object], rounds: int = 12) -> tuple[float, float]:
    """Median milliseconds of two calls.

    They are measured in turn, ten calls at a time of which the first two do not count: the threads of one session go on
    spinning for a moment, and must not disturb the other.
    """
    times: tuple[list[float], list[float]] = ([], [])
    for _ in range(rounds):
        for call, spent in zip((one, other), times, strict=True):
            time.sleep(0.05)
            for number in range(10):
                started = time.perf_counter()
                call()
                if number >= 2:
                    spent.append((time.perf_counter() - started) * 1000)
    return statistics.median(times[0]), statistics.median(times[1])


def session(model: bytes) -> ort.InferenceSession:
    """ONNX Runtime as the agent uses it, with two threads."""
    options = ort.SessionOptions()
    options.intra_op_num_threads = THREADS
    options.log_severity_level = 4
    return ort.InferenceSession(model, options, providers=["CPUExecutionProvider"])


def main() -> None:
    """Print the figures."""
    print(f"ONNX Runtime {ort.__version__}, {THREADS} threads, one image")
    content = DEFAULT_BUNDLE.read_bytes()
    print(f"bundle: {len(content) / 1e6:.2f} MB")

    bundle = open_bundle(threads=THREADS)
    small = resize(render_scene(1).frame, bundle.size)[None]
    quantized = session(content)
    plain = session(to_float(onnx.load_from_string(content)).SerializeToString())
    int8_ms, float_ms = in_turn(lambda: quantized.run(None, {"frames": small}), lambda: plain.run(None, {"frames": small}))
    print(f"INT8 {int8_ms:.1f} ms, float32 {float_ms:.1f} ms: {float_ms / int8_ms:.2f} times as fast")

    counter = FrameCounter(bundle)
    for name, size in (("480×360", (360, 480)), ("1280×720", (720, 1280))):
        frame = resize(render_scene(2).frame, size)
        ready = resize(frame, bundle.size)[None]
        whole_ms, bare_ms = in_turn(lambda f=frame: counter.count(f), lambda r=ready: bundle.probabilities(r))  # type: ignore[misc]
        print(
            f"{name} frame: resize, inference and decision {whole_ms:.2f} ms, bare session.run {bare_ms:.2f} ms: {whole_ms / bare_ms:.3f} times"
        )

    with tempfile.TemporaryDirectory() as folder:
        image = Path(folder) / "bin.jpg"
        cv2.imwrite(str(image), np.asarray(render_scene(3).frame))
        spent = []
        for _ in range(5):
            started = time.perf_counter()
            subprocess.run([sys.executable, "-m", "bintally.cli", "count", str(image)], check=True, capture_output=True, timeout=60)
            spent.append(time.perf_counter() - started)
    print(f"bintally count, cold process to answer: {statistics.median(spent):.2f} s (median of 5, slowest {max(spent):.2f} s)")
