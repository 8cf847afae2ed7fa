"""What this machine's processor can add without an overflow."""

from __future__ import annotations

import platform
from pathlib import Path

_CPU_INFO = Path("/proc/cpuinfo")


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
