"""TensorRT engines from a bundle, for this machine."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from bintally.errors import UnavailableError
from bintally.files import make_folder
from bintally.tensorrt.artifact import EngineManifest, Kind, Profile
from bintally.tensorrt.build import ensure_engine
from bintally.tensorrt.machine import Machine, plain_machine, provider_machine

ASK: Mapping[Kind, Callable[[], Machine]] = {"provider": provider_machine, "plain": plain_machine}
"""Each kind has its own TensorRT: that of ONNX Runtime's provider, and that of Python's package."""


def build_engines(
    bundle: Path, out: Path, kinds: Sequence[Kind], profile: Profile, ask: Mapping[Kind, Callable[[], Machine]] | None = None
) -> list[tuple[Path, EngineManifest]]:
    """Build engines, each into a folder of ``out`` that has its kind's name; one that is there and fits is kept.

    Args:
        bundle: for a target of TensorRT.
        out: folder; those above it are made too.
        kinds: of engine.
        profile: batch sizes.
        ask: tells for a kind what this machine is; ``ASK`` by default.

    Raises:
        InputError: the bundle is not for TensorRT, or TensorRT refuses it.
        UsageError: the profile does not suit the bundle.
        UnavailableError: what a kind needs is not here, and nothing was built; the disk is full, or TensorRT crashed.
    """
    machines = [_asked(kind, kinds, (ask or ASK)[kind]) for kind in kinds]
    make_folder(out)
    return [(out / kind, ensure_engine(kind, bundle, out / kind, profile, machine)) for kind, machine in zip(kinds, machines, strict=True)]


def _asked(kind: Kind, kinds: Sequence[Kind], ask: Callable[[], Machine]) -> Machine:
    try:
        return ask()
    except UnavailableError as error:
        other = next((one for one in kinds if one != kind), None)
        hint = f" (or give --kind {other})" if other else ""
        raise UnavailableError(f"no {kind} engine can be built here: {error}{hint}") from error
