"""What ``bintally export`` does with a checkpoint of a travel-time network."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from bintally.errors import UsageError
from bintally.travel_time import TravelTimeManifest
from trainer.network.torch_files import load_torch
from trainer.travel_time.checkpoint import is_travel_time

_OPTIONS = ("checkpoint", "data", "out", "name", "version", "licence", "json")


def takes(path: Path) -> bool:
    """Whether a checkpoint is of a travel-time network.

    Raises:
        InputError: it is no file of torch's.
    """
    return is_travel_time(load_torch(path, "'bintally train' writes checkpoints"))


def export(options: Mapping[str, Any], given: Sequence[str]) -> int:
    """Export and print what was found.

    Args:
        options: of the command line.
        given: names of those that are not at their defaults.

    Raises:
        UsageError: one of them is for counters only, or there are several checkpoints.
    """
    from export.travel_time.bundle import NAME, export_travel_time

    others = [f"--{name.replace('_', '-')}" for name in given if name not in _OPTIONS]
    if others:
        raise UsageError(f"{', '.join(others)}: for counters only; {options['checkpoint'][0]} is of the task travel-time")
    if len(options["checkpoint"]) > 1:
        raise UsageError(f"{len(options['checkpoint'])} checkpoints: those of travel-time networks are not averaged; name one")
    names = {"name": options["name"] or NAME, "version": options["version"], "licence": options["licence"]}
    manifest = export_travel_time(options["checkpoint"][0], options["data"], options["out"], **names)
    print(_as_json(manifest, options["out"]) if options["json"] else _as_text(manifest, options["out"]))
    return 0


def _as_json(manifest: TravelTimeManifest, path: Path) -> str:
    return json.dumps({"path": str(path), "measured": manifest.measured.model_dump(), "proof": manifest.proof.model_dump()})


def _as_text(manifest: TravelTimeManifest, path: Path) -> str:
    measured, largest = manifest.measured, max(gate.value for gate in manifest.proof.gates)
    scores = {"the graph": measured.scores, **measured.baselines}
    lines = [f"|estimated ÷ calculated − 1| of {manifest.label} over {measured.lists} lists that training did not see: mean, worst 1 %"]
    lines += [f"  {name:<34} {figures['error']:>8.3%} {figures['worst']:>8.2%}" for name, figures in scores.items()]
    lines.append(f"as torch on {manifest.proof.lists} lists: largest relative difference {largest:.1e}")
    return "\n".join([*lines, f"{path.stat().st_size / 1e6:.1f} MB  {path}"])
