"""Open a checkpoint or a bundle, so that both are asked by the same code."""

from __future__ import annotations

import hashlib
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from os import getloadavg
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bintally.bundle import DEFAULT_BUNDLE, open_bundle
from bintally.errors import InputError
from bintally.frames import Frame, read_frame, resize
from bintally.processor import in_words
from trainer.data.dataset import Example
from trainer.evaluation.metrics import MAX_COUNT

_BATCH = 32


@dataclass(frozen=True)
class Model:
    """A counter that can be asked.

    Attributes:
        path: the file.
        name: for people: a bundle's name and version, a checkpoint's file name.
        digest: SHA-256 of the file.
        size: height and width of its frames in pixels.
        device: what it runs on, in words.
        training: what the file says of its training.
        temperature: what its own answers divide the logits by; None where none was fitted yet.
        abstain_below: its own abstain threshold; None where none was fitted yet.
        promised: accuracy promised above that threshold; None where nothing was promised yet.
        logits: from frames, uint8 [n, height, width, 3] BGR, to float [n, 7], of which the softmax is the probability before any temperature.
    """

    path: Path
    name: str
    digest: str
    size: tuple[int, int]
    device: str
    training: dict[str, Any]
    temperature: float | None
    abstain_below: float | None
    promised: float | None
    logits: Callable[[Frame], NDArray[np.floating[Any]]]

    def ask(self, examples: Sequence[Example]) -> NDArray[np.float64]:
        """The logits [n, 7] of n > 0 examples.

        Raises:
            InputError: an image cannot be read, or the model answers with anything but numbers.
        """
        batches = [examples[start : start + _BATCH] for start in range(0, len(examples), _BATCH)]
        logits = np.concatenate([np.asarray(self.logits(self.frames(batch)), np.float64) for batch in batches])
        if not np.isfinite(logits).all():
            raise InputError(
                f"{self.path}: {(~np.isfinite(logits).all(1)).sum()} of {len(logits)} answers are no numbers; the model is damaged: train it again"
            )
        return logits

    def frames(self, examples: Sequence[Example]) -> Frame:
        """The frames of examples, uint8 [n, height, width, 3], by the one resize."""
        return np.stack([resize(read_frame(Path(example.image)), self.size) for example in examples])

    def trained_on(self) -> dict[str, str]:
        """The data sets that its record names: digest → name."""
        found: dict[str, str] = {}

        def look(facts: Any) -> None:
            if isinstance(facts, dict) and isinstance(facts.get("digest"), str) and isinstance(facts.get("source"), str):
                found[facts["digest"]] = facts["source"]
            for inner in facts.values() if isinstance(facts, dict) else facts if isinstance(facts, list) else ():
                look(inner)

        look(self.training)
        return found


def open_model(model: str) -> Model:
    """Open a model.

    Args:
        model: path of a checkpoint or, ending with .onnx, of a bundle; ``default`` for the shipped bundle.

    Raises:
        InputError: the file is missing, damaged, of another kind, or has other classes.
    """
    path = DEFAULT_BUNDLE if model == "default" else Path(model)
    return _bundle(path) if path.suffix == ".onnx" else _checkpoint(path)


def _bundle(path: Path) -> Model:
    bundle = open_bundle(path)
    manifest = bundle.manifest
    if len(manifest.classes) != MAX_COUNT + 2:
        raise InputError(f"{path}: has {len(manifest.classes)} classes; 0 to {MAX_COUNT} and one open class are scored")

    def logits(frames: Frame) -> NDArray[np.float64]:
        # float64, so that probabilities which differ keep their order
        probabilities = np.maximum(bundle.probabilities(frames).astype(np.float64), np.finfo(np.float32).tiny)
        return np.asarray(np.log(probabilities) * manifest.temperature, np.float64)

    return Model(
        path=path,
        name=f"{manifest.name} {manifest.version}",
        digest=bundle.digest,
        size=bundle.size,
        device="CPU, ONNX Runtime",
        training=manifest.training,
        temperature=manifest.temperature,
        abstain_below=manifest.abstain_below,
        promised=manifest.promised_accuracy,
        logits=logits,
    )


def _checkpoint(path: Path) -> Model:
    import torch

    from trainer.network import checkpoint

    found = checkpoint.read(path)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    counter = found.counter().to(device)

    def logits(frames: Frame) -> NDArray[np.float32]:
        with torch.inference_mode():
            answers: NDArray[np.float32] = counter(torch.from_numpy(frames).to(device)).float().cpu().numpy()
        return answers

    return Model(
        path=path,
        name=path.name,
        digest=_digest(path),
        size=(found.input_size, found.input_size),
        device=f"{torch.cuda.get_device_name() if device.type == 'cuda' else 'CPU'}, torch {torch.__version__}",
        training=found.facts,
        temperature=None,
        abstain_below=None,
        promised=None,
        logits=logits,
    )


def _digest(path: Path) -> str:
    sha256 = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            sha256.update(block)
    return sha256.hexdigest()


@dataclass(frozen=True)
class Speed:
    """How fast a model is on this machine; frames are decoded and resized beforehand.

    Attributes:
        ms_per_image: median time of one frame alone.
        images_per_s: median over batches of ``batch`` frames.
        batch: frames in a batch.
        runs_alone: frames timed alone.
        runs_batch: batches timed.
        machine: in words.
        load: programs that wanted a core before it began, on average over a minute.
    """

    ms_per_image: float
    images_per_s: float
    batch: int
    runs_alone: int
    runs_batch: int
    machine: str
    load: float


def measure_speed(model: Model, examples: Sequence[Example], clock: Callable[[], float] = time.perf_counter) -> Speed:
    """Time a model on some of n > 0 examples, after a few untimed runs.

    Args:
        model: to be timed.
        examples: the first 32 are taken, in turn where there are fewer.
        clock: gives seconds.
    """
    frames = np.resize(model.frames(examples[:_BATCH]), (_BATCH, *model.size, 3))
    alone, together, load = 40, 5, getloadavg()[0]

    def seconds(batch: Frame) -> float:
        start = clock()
        model.logits(batch)
        return clock() - start

    singles = [seconds(frames[i % _BATCH, None]) for i in range(5 + alone)][5:]
    batches = [seconds(frames) for _ in range(1 + together)][1:]
    return Speed(
        1000 * statistics.median(singles), _BATCH / statistics.median(batches), _BATCH, alone, together, machine(model.device), load
    )


def machine(device: str) -> str:
    """This machine in words: what runs the model, the processor and its cores."""
    return f"{device}; {in_words()}"
