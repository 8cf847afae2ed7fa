"""What an export starts from: a checkpoint's answers to the validation frames, its float32 graph, and frames to calibrate on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
import structlog
import torch
from numpy.typing import NDArray

from bintally.errors import InputError
from bintally.frames import Frame, read_frame, resize
from export.graph import divide_logits, folded, to_onnx
from export.quantize import prepared
from export.sessions import probabilities
from export.settings import ExportSettings
from trainer.data.dataset import DataSet, Example
from trainer.evaluation.calibration import fit_temperature, softmax
from trainer.evaluation.metrics import MAX_COUNT
from trainer.network import checkpoint as checkpoints
from trainer.network.checkpoint import Checkpoint
from trainer.network.model import Counter

_BATCH = 32
_CHOSEN_ON = 64
_ASKED_IN_TORCH = 512
MOST_APART = 1e-3
"""Largest difference of a probability of the float32 graph from the checkpoint's own."""
log = structlog.get_logger()


@dataclass(frozen=True)
class Source:
    """A checkpoint, ready to be exported.

    Attributes:
        checkpoint: one, or the average of several.
        data: the data sets that it was trained on.
        size: side of the frames in pixels.
        temperature: that its logits are divided by.
        plain: its float32 graph, prepared for quantization.
        frames: of the validation parts, uint8 [n, size, size, 3].
        quantities: their true numbers of items, [n].
        groups: to which group of images each belongs, [n].
        answers: probabilities that the float32 graph gives, float64 [n, 7]; it stands for the checkpoint, being as near as ``apart``.
        asked: which of the frames the checkpoint itself answered, in torch.
        own_answers: its probabilities for these, float64 [asked, 7].
        training: all training images.
        calibration: some of their frames, that the ranges are read from.
        choosing: further training frames, on which the calibration method is chosen.
    """

    checkpoint: Checkpoint
    data: Sequence[DataSet]
    size: int
    temperature: float
    plain: onnx.ModelProto
    frames: Frame
    quantities: NDArray[np.int64]
    groups: list[str]
    answers: NDArray[np.float64]
    asked: NDArray[np.int64]
    own_answers: NDArray[np.float64]
    training: list[Example]
    calibration: Frame
    choosing: Frame

    @property
    def classes(self) -> NDArray[np.int64]:
        """True class of each validation frame, [n]."""
        return np.minimum(self.quantities, MAX_COUNT + 1)

    @property
    def lengths(self) -> list[int]:
        """Validation frames of each data set."""
        return [len(one.part("val")) for one in self.data]

    @property
    def apart(self) -> float:
        """Largest difference of the float32 graph's probabilities from the checkpoint's own."""
        return float(np.abs(self.answers[self.asked] - self.own_answers).max())


def read_source(paths: Sequence[Path], data: Sequence[DataSet], settings: ExportSettings) -> Source:
    """Read a checkpoint, or average several, and let it answer.

    Raises:
        InputError: it cannot be used, there are too few frames, or the graph answers otherwise than the checkpoint.
    """
    checkpoint = checkpoints.average([checkpoints.read(path) for path in paths])
    size = settings.input_size or checkpoint.input_size
    training = [example for one in data for example in one.part("train")]
    held_out = [example for one in data for example in one.part("val")]
    if len(training) <= settings.calibration or not held_out:
        raise InputError(
            f"{len(training)} training and {len(held_out)} validation images; calibration takes {settings.calibration}, and a few more "
            "choose its method: give more --data, or a smaller --calibration"
        )
    counter = checkpoint.counter().eval()
    plain = prepared(to_onnx(folded(counter), counter.mean, size))
    frames, quantities = frames_of(held_out, size), np.array([example.quantity for example in held_out])
    logs = np.log(np.maximum(probabilities(plain, frames), np.float32(1e-30)))
    temperature = fit_temperature(logs, np.minimum(quantities, MAX_COUNT + 1))
    divide_logits(plain, temperature)
    log.info("temperature fitted", temperature=round(temperature, 3), images=len(held_out))
    asked = np.unique(np.linspace(0, len(frames) - 1, _ASKED_IN_TORCH).astype(np.int64))
    number = min(len(training), settings.calibration + _CHOSEN_ON)
    drawn = frames_of([training[i] for i in np.random.default_rng(0).choice(len(training), number, replace=False)], size)
    source = Source(
        checkpoint=checkpoint,
        data=data,
        size=size,
        temperature=temperature,
        plain=plain,
        frames=frames,
        quantities=quantities,
        groups=[f"{position}/{example.group}" for position, one in enumerate(data) for example in one.part("val")],
        answers=softmax(logs, temperature),
        asked=asked,
        own_answers=softmax(_own_logits(counter, frames[asked]), temperature),
        training=training,
        calibration=drawn[: settings.calibration],
        choosing=drawn[settings.calibration :],
    )
    if not source.apart <= MOST_APART:
        raise InputError(f"the float32 graph's probabilities differ by {source.apart:.4f} from the checkpoint's; no bundle can be trusted")
    return source


def frames_of(examples: Sequence[Example], size: int) -> Frame:
    """The images as a station would see them, uint8 [n, size, size, 3]."""
    return np.stack([resize(read_frame(Path(example.image)), (size, size)) for example in examples])


def _own_logits(counter: Counter, frames: Frame) -> NDArray[np.float32]:
    with torch.inference_mode():
        starts = range(0, len(frames), _BATCH)
        return np.concatenate([counter(torch.from_numpy(frames[start : start + _BATCH])).numpy() for start in starts])
