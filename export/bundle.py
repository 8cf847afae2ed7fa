"""Make bundles: a graph for each target, judged against the checkpoint, with calibrated confidence and the manifest."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import onnx
from numpy.typing import NDArray

from bintally.bundle import open_bundle, read_manifest
from bintally.errors import BintallyError, InputError, UsageError
from bintally.files import make_folder, write_with
from bintally.frames import Frame, resize
from bintally.manifest import Golden, InputContract, Manifest, Measured
from bintally.scenes import render_scene
from export.judge import Judge, Judged, words
from export.pack import pack
from export.sessions import probabilities
from export.settings import ExportSettings
from export.source import Source, read_source
from export.targets import TARGETS, Target
from trainer.data.dataset import DataSet
from trainer.evaluation.metrics import MAX_COUNT, scores
from trainer.evaluation.selective import abstain_threshold
from trainer.network.checkpoint import source_commit

GOLDEN_TOLERANCE = 0.03
SIMULATED_TOLERANCE = 0.06
"""Of golden answers that were simulated: the target's kernels add in another order."""
_GOLDEN_QUANTITIES = (0, 2, 5)


@dataclass(frozen=True)
class Exported:
    """What an export made.

    Attributes:
        source: the checkpoint.
        judged: the graph and proof of each target, in the order asked for.
        written: target → its bundle; empty where a gate failed.
    """

    source: Source
    judged: list[Judged]
    written: dict[str, Path]

    @property
    def failed(self) -> str:
        """What failed, for people; empty where nothing did."""
        return words(self.judged)


def places(out: Path, targets: Sequence[str], settings: ExportSettings) -> dict[str, Path]:
    """Where the bundles go: target → file; ``out`` is a folder, or a file ending with .onnx for a single target.

    Raises:
        UsageError: an unknown target, or one file for several.
    """
    unknown = [name for name in targets if name not in TARGETS]
    if unknown or not targets:
        raise UsageError(f"--target {' '.join(unknown) or 'nothing'}: must be of {', '.join(TARGETS)}")
    if out.suffix == ".onnx":
        if len(targets) > 1:
            raise UsageError(f"--out {out}: one file for {len(targets)} targets; name a folder")
        return {targets[0]: out}
    if out.is_file():
        raise UsageError(f"--out {out}: a bundle's name ends with .onnx; or name a folder")
    return {name: out / f"{settings.name}-{settings.version}-{name}.onnx" for name in dict.fromkeys(targets)}


def export_bundles(paths: Sequence[Path], data: Sequence[DataSet], out: Mapping[str, Path], settings: ExportSettings) -> Exported:
    """Export a checkpoint, or the average of several, for some targets.

    Args:
        paths: the checkpoints.
        data: the data sets that it was trained on; ranges come from their training, confidence and the gates from their
            validation parts.
        out: target → its bundle; either all are written, or, where a gate fails, none.
        settings: see there.

    Raises:
        InputError: the checkpoint cannot be used, or there are too few frames.
        UnavailableError: a bundle cannot be written.
    """
    source = read_source(paths, data, settings)
    judge = Judge(source, settings.limits, settings.fine_tune)
    judged = [judge.judge(TARGETS[name]) for name in out]
    if any(one.failed for one in judged):
        return Exported(source, judged, {})
    contents = {one.target.name: pack(one.model, Manifest, manifest_fields(source, one, settings)) for one in judged}
    for one in judged:
        make_folder(out[one.target.name].parent)
        write_with(out[one.target.name], lambda path, name=one.target.name: _write_checked(path, contents[name], TARGETS[name]))  # type: ignore[misc]
    return Exported(source, judged, dict(out))


def strictest_threshold(lengths: Sequence[int], confidence: NDArray[np.floating[Any]], right: NDArray[np.bool_], promised: float) -> float:
    """The smallest confidence from which on the answers keep the promise on each data set by itself, not only on all together.

    Args:
        lengths: validation images of each data set, in the order of the rows.
        confidence: [n], probability of each answer.
        right: [n], whether it was right.
        promised: accuracy wanted among the answers given.
    """
    ends = np.cumsum(lengths)[:-1]
    parts = zip(np.split(confidence, ends), np.split(right, ends), strict=True)
    return max(abstain_threshold(*part, promised) for part in parts if len(part[0]))


def _write_checked(path: Path, content: bytes, target: Target) -> None:
    path.write_bytes(content)
    try:
        if target.runs_here():
            open_bundle(path)
        else:
            read_manifest(path)
    except BintallyError as error:
        raise InputError(f"the new bundle for {target.name} does not pass its own checks: {error}") from error


def manifest_fields(source: Source, judged: Judged, settings: ExportSettings) -> dict[str, Any]:
    """The manifest of a judged graph, but for what ``pack`` adds."""
    target, answers = judged.target, judged.answers
    confidence, right = answers.max(1), answers.argmax(1) == source.classes
    simulated = judged.proof.simulated
    return {
        "schema": 1,
        "name": settings.name,
        "version": settings.version,
        "target": target.name,
        "input": InputContract(height=source.size, width=source.size),
        "classes": [*map(str, range(MAX_COUNT + 1)), f"{MAX_COUNT + 1} or more"],
        "temperature": source.temperature,
        "abstain_below": strictest_threshold(source.lengths, confidence, right, settings.promised),
        "promised_accuracy": settings.promised,
        "measured": list(_measured(source, judged)),
        "recipe": _recipe(judged, settings),
        "proof": judged.proof,
        "training": source.checkpoint.facts,
        "source_commit": source_commit(),
        "licence": settings.licence,
        "golden": _golden(judged.model, source.size, simulated),
        "golden_tolerance": SIMULATED_TOLERANCE if simulated else GOLDEN_TOLERANCE,
    }


def _recipe(judged: Judged, settings: ExportSettings) -> dict[str, Any]:
    target = judged.target
    if target.arithmetic is None:
        return {"format": target.precision, "devices": target.devices}
    return {
        "format": "QDQ",
        "devices": target.devices,
        "arithmetic": str(target.arithmetic),
        "calibration": min(judged.proof.calibration, key=judged.proof.calibration.__getitem__),
        "calibration_frames": settings.calibration,
        "fine_tuned_steps": judged.proof.fine_tuned_steps,
    }


def _golden(model: onnx.ModelProto, size: int, simulated: bool) -> list[Golden]:
    frames = np.stack([resize(render_scene((0, quantity), quantity).frame, (size, size)) for quantity in _GOLDEN_QUANTITIES])
    answers = probabilities(model, frames, simulated)
    return [Golden(png=_png(frame), probabilities=[min(1.0, float(p)) for p in row]) for frame, row in zip(frames, answers, strict=True)]


def _measured(source: Source, judged: Judged) -> list[Measured]:
    """The validation figures of each data set, of the checkpoint and of the target's graph."""
    figures = []
    ends = np.cumsum(source.lengths)[:-1]
    answers: dict[str, NDArray[np.floating[Any]]] = {"float32": source.answers, judged.target.precision: judged.answers}
    for precision, rows in answers.items():
        parts = zip(source.data, np.split(rows, ends), np.split(source.quantities, ends), strict=True)
        for one, probabilities_of, quantities in parts:
            figures.append(
                Measured.model_validate(
                    {
                        "data": Path(one.source).name,
                        "data_digest": one.digest,
                        "part": "val",
                        "precision": precision,
                        "scores": scores(probabilities_of, quantities),
                    }
                )
            )
    return figures


def _png(frame: Frame) -> str:
    _, data = cv2.imencode(".png", frame)
    return base64.b64encode(data.tobytes()).decode()
