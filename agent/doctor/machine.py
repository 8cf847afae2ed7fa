"""Is this machine made for it: OpenCV's GStreamer, ONNX Runtime's execution providers, processor, clock?"""

from __future__ import annotations

import os
import platform
import re
from datetime import datetime, timezone
from pathlib import Path

from agent.doctor.finding import Finding
from agent.health.sensors import ROOT, clock_synchronised, temperature_c, throttled
from agent.settings import AgentSettings
from bintally.errors import UnavailableError
from bintally.processor import is_arm, saturates

PROVIDERS = {"tensorrt": "TensorrtExecutionProvider", "cuda": "CUDAExecutionProvider", "cpu": "CPUExecutionProvider"}
"""ONNX Runtime's names of what the settings call so."""
_WRITTEN = datetime(2026, 11, 1, tzinfo=timezone.utc)
"""A clock that shows an earlier time than this file's is wrong."""


def has_gstreamer() -> bool:
    """Whether this OpenCV was built with GStreamer."""
    import cv2

    return re.search(r"GStreamer:\s+YES", cv2.getBuildInformation()) is not None


def check_gstreamer(settings: AgentSettings) -> Finding:
    """Pipelines need an OpenCV that was built with GStreamer."""
    import cv2

    from agent.camera.kind import kind_of

    if Path(settings.source).is_dir() or kind_of(settings.source) != "pipeline":
        return Finding("GStreamer", "skipped", "the source is no pipeline")
    if not has_gstreamer():
        return Finding(
            "GStreamer",
            "failed",
            f"OpenCV {cv2.__version__} here was built without GStreamer",
            "Install the system's OpenCV (on Jetson it comes with JetPack, see the extra agent-jetson) and remove the one of pip",
        )
    return Finding("GStreamer", "ok", f"OpenCV {cv2.__version__} has it")


def check_providers(settings: AgentSettings) -> Finding:
    """Which of the preferred execution providers are here."""
    import onnxruntime as ort

    from bintally.tensorrt.machine import provider_machine

    present = set(ort.get_available_providers())
    here = [name for name in settings.providers if PROVIDERS[name] in present]
    missing = {name: f"ONNX Runtime {ort.__version__} has no {PROVIDERS[name]}" for name in settings.providers if name not in here}
    if "tensorrt" in here:
        try:
            machine = provider_machine()
        except UnavailableError as error:
            here.remove("tensorrt")
            missing["tensorrt"] = str(error)
        else:
            return Finding("providers", "ok", f"{', '.join(here)}: {machine}")
    if not here:
        return Finding("providers", "failed", " and ".join(missing.values()), "Install an ONNX Runtime with it, or set --providers cpu")
    if missing:
        name, reason = next(iter(missing.items()))
        return Finding(
            "providers",
            "warning",
            f"counting with {', '.join(here)}: {reason}",
            f"Install what {name} needs, or take it out of --providers",
        )
    return Finding("providers", "ok", f"{', '.join(here)}, ONNX Runtime {ort.__version__}")


def check_processor(settings: AgentSettings, root: Path = ROOT) -> Finding:
    """What the processor can do, whether there are as many cores as threads are asked for, and whether it is too hot.

    Args:
        settings: of the agent.
        root: of the file system, for the sensors.
    """
    cores = len(os.sched_getaffinity(0))
    celsius = temperature_c(root)
    warmth = "" if celsius is None else f", {celsius:.0f} °C"
    text = f"{platform.machine()}, {cores} {'core' if cores == 1 else 'cores'}{warmth}: {_sums()}"
    if throttled(root):
        return Finding(
            "processor", "warning", f"{text}; it slows down to keep cool", "Give it more air or a heat sink, or a lower power mode"
        )
    if settings.threads > cores:
        advice = f"Set --threads {cores} or 0: more only wait for others"
        return Finding("processor", "warning", f"{text}; {settings.threads} threads are asked for", advice)
    return Finding("processor", "ok", text)


def _sums() -> str:
    """Which bundles' integer sums are right here."""
    if saturates():
        return "8-bit sums saturate, bundles for cpu fit"
    return f"8-bit sums are exact, bundles for {'arm' if is_arm() else 'cpu-vnni'} and cpu fit"


def check_clock(_: AgentSettings, now: datetime | None = None, synchronised: bool | None = None) -> Finding:
    """Is the clock set? Counts carry the time of day, and TLS needs it.

    Args:
        now: time of day; by default this machine's.
        synchronised: what the kernel says; by default it is asked.
    """
    now = now or datetime.now(timezone.utc)
    synchronised = clock_synchronised() if synchronised is None else synchronised
    shown = f"{now:%Y-%m-%d %H:%M:%S} UTC"
    advice = "Let the clock be set over the network ('timedatectl set-ntp true'), and see that NTP (UDP port 123) gets out"
    if now < _WRITTEN:
        return Finding("clock", "failed", f"it says {shown}, which is over", advice)
    if synchronised is None:
        return Finding("clock", "ok", f"{shown}; whether it is kept right cannot be told here")
    if not synchronised:
        return Finding("clock", "warning", f"{shown}, but nothing keeps it right", advice)
    return Finding("clock", "ok", f"{shown}, synchronised")
