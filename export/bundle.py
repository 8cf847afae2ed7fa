"""Make a bundle: graph, quantization, calibrated confidence, the gate, and the manifest."""

from __future__ import annotations

import base64
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import onnx
import onnxruntime as ort
import structlog
from numpy.typing import NDArray

from bintally.bundle import open_bundle
from bintally.errors import BintallyError, InputError, UsageError
from bintally.files import write_with
from bintally.frames import Frame, read_frame, resize
from bintally.manifest import NAME_PATTERN, VERSION_PATTERN, Golden, InputContract, Manifest, Measured
from bintally.scenes import render_scene
from export.graph import to_onnx
from export.pack import pack
from export.quantize import RECIPE, quantize
from trainer.data.dataset import DataSet, Example
from trainer.evaluation.calibration import fit_temperature, softmax
from trainer.evaluation.metrics import MAX_COUNT, scores
from trainer.evaluation.selective import abstain_threshold
from trainer.network import checkpoint as checkpoints
from trainer.network.checkpoint import Checkpoint, source_commit
from trainer.network.infer import infer

GOLDEN_TOLERANCE = 0.03
_GOLDEN_QUANTITIES = (0, 2, 5)
_BATCH = 16
log = structlog.get_logger()


@dataclass(frozen=True)
class ExportSettings:
    """What the caller chooses; a value out of its range is a UsageError.

    Attributes:
        name: of the bundle.
        version: semantic.
        input_size: side of the frames in pixels; None for the checkpoint's own.
        calibration: how many training frames the ranges are read from.
        most_lost: points of accuracy that quantization may cost, 0 to 1.
        promised: accuracy that answers above the abstain threshold shall have on the validation part of each data set.
        licence: under which the bundle may be used.
    """

    name: str = "bin-counter"
    version: str = "0.1.0"
    input_size: int | None = None
    calibration: int = 256
    most_lost: float = 0.01
    promised: float = 0.9
    licence: str = "as its training data allows"

    def __post_init__(self) -> None:
        if not re.fullmatch(NAME_PATTERN, self.name) or not re.fullmatch(VERSION_PATTERN, self.version):
            raise UsageError(f"--name {self.name!r} --version {self.version!r}: small letters, digits and dashes; three numbers like 1.2.0")
        if self.input_size is not None and not 32 <= self.input_size <= 1024:
            raise UsageError(f"--input-size {self.input_size}: must be from 32 to 1024 pixels")
        if self.calibration < 1:
            raise UsageError(f"--calibration {self.calibration}: must be 1 frame or more")
        for option, share in (("--most-lost", self.most_lost), ("--promised", self.promised)):
            if not 0 <= share <= 1:
                raise UsageError(f"{option} {share}: must be from 0 to 1")


def export_bundle(paths: Sequence[Path], data: Sequence[DataSet], out: Path, settings: ExportSettings) -> Manifest:
    """Export a checkpoint, or the average of several, to a bundle.

    Args:
        paths: the checkpoints.
        data: the data sets that it was trained on; ranges come from their training, confidence and the gate from their
            validation parts.
        out: where the bundle goes; nothing is written when the gate fails.
        settings: see there.

    Returns:
        The manifest of the bundle.

    Raises:
        InputError: the checkpoint cannot be used, there are too few frames, or quantization costs too much accuracy.
        UsageError: a setting is wrong.
    """
    if out.suffix != ".onnx":
        raise UsageError(f"{out}: a bundle's name ends with .onnx")
    checkpoint = checkpoints.average([checkpoints.read(path) for path in paths])
    size = settings.input_size or checkpoint.input_size
    training = [example for one in data for example in one.part("train")]
    held_out = [example for one in data for example in one.part("val")]
    if len(training) < settings.calibration or not held_out:
        raise InputError(f"{len(training)} training and {len(held_out)} validation images; calibration alone takes {settings.calibration}")

    counter = checkpoint.counter()
    logits, quantities = infer(counter, held_out, size)
    temperature = fit_temperature(logits, np.minimum(quantities, MAX_COUNT + 1))
    log.info("temperature fitted", temperature=round(temperature, 3), images=len(held_out))
    plain = to_onnx(counter, size, temperature)
    chosen = np.random.default_rng(0).choice(len(training), settings.calibration, replace=False)
    model = quantize(plain, [_frame(training[i], size) for i in chosen])
    log.info("quantized", calibration_frames=settings.calibration)

    before = softmax(logits, temperature)
    after = probabilities(model.SerializeToString(), held_out, size)
    refuse_loss(scores(before, quantities), scores(after, quantities), settings.most_lost)
    confidence, right = after.max(1), after.argmax(1) == np.minimum(quantities, MAX_COUNT + 1)
    threshold = strictest_threshold([len(one.part("val")) for one in data], confidence, right, settings.promised)

    content = pack(model, _manifest(model, checkpoint, data, before, after, size, temperature, threshold, settings))
    write_with(out, lambda temporary: _write_checked(temporary, content))
    return open_bundle(out).manifest


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


def refuse_loss(before: dict[str, Any], after: dict[str, Any], most_lost: float) -> None:
    """The gate: quantization may cost at most so much accuracy, by the challenge's measure and over all classes.

    Raises:
        InputError: it costs more, or the quantized graph gives no finite figures.
    """
    for name in ("accuracy", "accuracy_all"):
        if before[name] is None:
            continue
        lost = before[name] - after[name]
        log.info("gate", measure=name, float32=round(before[name], 4), int8=round(after[name], 4))
        if not lost <= most_lost:
            raise InputError(
                f"quantization costs {100 * lost:.2f} points of {name} ({100 * before[name]:.2f} % to {100 * after[name]:.2f} %), at most "
                f"{100 * most_lost:.2f} are allowed; no bundle was written; try more --calibration frames"
            )


def probabilities(graph: bytes, examples: Sequence[Example], size: int) -> NDArray[np.float32]:
    """Run a graph on examples: float32 [n, 7]."""
    options = ort.SessionOptions()
    options.log_severity_level = 4
    session = ort.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
    answers = []
    for start in range(0, len(examples), _BATCH):
        frames = np.stack([_frame(example, size) for example in examples[start : start + _BATCH]])
        answers.append(session.run(["probabilities"], {"frames": frames})[0])
    return np.concatenate(answers)


def _write_checked(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    try:
        open_bundle(path)
    except BintallyError as error:
        raise InputError(f"the new bundle does not pass its own checks: {error}") from error


def _manifest(
    model: onnx.ModelProto,
    checkpoint: Checkpoint,
    data: Sequence[DataSet],
    before: NDArray[np.floating[Any]],
    after: NDArray[np.float32],
    size: int,
    temperature: float,
    threshold: float,
    settings: ExportSettings,
) -> dict[str, Any]:
    golden = np.stack([resize(render_scene((0, quantity), quantity).frame, (size, size)) for quantity in _GOLDEN_QUANTITIES])
    session = ort.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    expected = session.run(["probabilities"], {"frames": golden})[0]
    return {
        "schema": 1,
        "name": settings.name,
        "version": settings.version,
        "target": "cpu (x86-64 with AVX2; any CPU that ONNX Runtime runs on)",
        "input": InputContract(height=size, width=size),
        "classes": [*map(str, range(MAX_COUNT + 1)), f"{MAX_COUNT + 1} or more"],
        "temperature": temperature,
        "abstain_below": threshold,
        "promised_accuracy": settings.promised,
        "measured": list(_measured(data, before, after)),
        "recipe": {**RECIPE, "calibration_frames": settings.calibration},
        "training": checkpoint.facts,
        "source_commit": source_commit(),
        "licence": settings.licence,
        "golden": [
            Golden(png=_png(frame), probabilities=[min(1.0, float(p)) for p in row]) for frame, row in zip(golden, expected, strict=True)
        ],
        "golden_tolerance": GOLDEN_TOLERANCE,
    }


def _measured(data: Sequence[DataSet], before: NDArray[np.floating[Any]], after: NDArray[np.float32]) -> list[Measured]:
    """The validation figures of each data set, before and after quantization."""
    figures, start = [], 0
    for one in data:
        quantities = np.array([example.quantity for example in one.part("val")])
        rows = slice(start, start + len(quantities))
        start = rows.stop
        for precision, answers in (("float32", before), ("int8", after)):
            figures.append(
                Measured.model_validate(
                    {
                        "data": Path(one.source).name,
                        "data_digest": one.digest,
                        "part": "val",
                        "precision": precision,
                        "scores": scores(answers[rows], quantities),
                    }
                )
            )
    return figures


def _frame(example: Example, size: int) -> Frame:
    return resize(read_frame(Path(example.image)), (size, size))


def _png(frame: Frame) -> str:
    _, data = cv2.imencode(".png", frame)
    return base64.b64encode(data.tobytes()).decode()
