"""Does the counter count here, and how fast?"""

from __future__ import annotations

import statistics
import time

from agent.doctor.finding import Finding
from agent.doctor.machine import PROVIDERS
from agent.doctor.storage import state_dir
from agent.settings import AgentSettings
from bintally.bundle import Bundle

_FRAMES, _MEASURE_S = 15, 3.0
_SLOW_MS = 1000.0


def check_model(settings: AgentSettings) -> Finding:
    """Open the bundle, which proves its golden answers, and measure a frame; TensorRT's engine is looked for and not built."""
    from agent.counting.warm_up import ENGINES
    from bintally.bundle import open_bundle

    others = [PROVIDERS[name] for name in settings.providers if name != "tensorrt"] or [PROVIDERS["cpu"]]
    bundle = open_bundle(settings.bundle, others, settings.threads)
    frame_ms = _frame_ms(bundle)
    manifest = bundle.manifest
    text = (
        f"{manifest.name} {manifest.version} for {manifest.target}: golden answers right, "
        f"{frame_ms:.3g} ms a frame with {bundle.providers[0].removesuffix('ExecutionProvider')}"
    )
    if "tensorrt" in settings.providers and settings.engine is None:
        folder = state_dir(settings) / ENGINES / manifest.graph_sha256[:16]
        if not folder.is_dir():
            return Finding("model", "warning", f"{text}; no TensorRT engine yet", "The first start builds one, for minutes")
    if bundle.providers[0] != others[0]:
        return Finding("model", "warning", f"{text}, as {others[0]} did not load", "Install the libraries that this provider needs")
    if frame_ms > _SLOW_MS:
        return Finding("model", "warning", text, "Use a quantized bundle for this processor, fewer --frames, or a faster device")
    return Finding("model", "ok", text)


def _frame_ms(bundle: Bundle) -> float:
    """Median milliseconds for resize and inference of a camera's frame."""
    import numpy as np

    frame = np.random.default_rng(0).integers(0, 255, (480, 640, 3), np.uint8)
    times: list[float] = []
    while len(times) < _FRAMES and sum(times) < _MEASURE_S:
        started = time.perf_counter()
        bundle.count_frame(frame)
        times.append(time.perf_counter() - started)
    return statistics.median(times) * 1000
