"""This machine's processor: its name, and what it can add without an overflow."""

from __future__ import annotations

import os
import platform
from pathlib import Path

_CPU_INFO = Path("/proc/cpuinfo")


def in_words(cpu_info: Path = _CPU_INFO) -> str:
    """The processor and its cores."""
    try:
        lines = cpu_info.read_text(encoding="utf-8").splitlines()
        name = next(line.partition(":")[2].strip() for line in lines if line.startswith(("model name", "Model")))
    except (OSError, StopIteration):
        name = platform.processor() or platform.machine()
    return f"{name}, {os.cpu_count()} cores"


def saturates() -> bool:
    """Whether ONNX Runtime's integer kernels overflow here with full 8-bit weights: on x86 without VNNI they add in 16 bits."""
    return not is_arm() and not has_vnni()


def has_vnni(cpu_info: Path = _CPU_INFO) -> bool:
    """Whether this x86 processor adds products of bytes in 32 bits."""
    try:
        flags = cpu_info.read_text(encoding="utf-8").split()
    except OSError:  # no Linux
        return False
    return "avx512_vnni" in flags or "avx_vnni" in flags


def is_arm() -> bool:
    """Whether this is a 64-bit ARM processor."""
    return platform.machine() in ("aarch64", "arm64")
