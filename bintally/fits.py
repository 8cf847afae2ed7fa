"""Which bundles a kind of device runs, so that stations, and who gives them bundles, think the same of it."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

_RUN_ON: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "cpu": ("cpu", "float"),
        "cpu-vnni": ("cpu-vnni", "cpu", "float"),
        "arm": ("arm", "cpu", "float"),
        "tensorrt": ("tensorrt", "float16", "float"),
    }
)


def fitting(device: str) -> tuple[str, ...]:
    """The arithmetics, by ``export.targets``, that are right on a kind of device, the best first; a kind of one's own runs its own alone."""
    return _RUN_ON.get(device, (device,))
