"""The manifest of a count bundle: everything that its user must know, as JSON inside the ONNX file."""

from __future__ import annotations

import base64
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import Field, model_validator

from bintally.frames import Frame, decode_frame
from bintally.manifest_base import DIGEST_PATTERN, BaseManifest, Gate, Part

Probability = Annotated[float, Field(ge=0, le=1)]


class InputContract(Part):
    """What the graph takes: ``frames: uint8[N, height, width, 3]``, resized by ``bintally.frames.resize``."""

    name: Literal["frames"] = "frames"
    dtype: Literal["uint8"] = "uint8"
    layout: Literal["NHWC"] = "NHWC"
    channels: Literal["BGR"] = "BGR"
    height: int = Field(ge=32, le=1024)
    width: int = Field(ge=32, le=1024)


class Measured(Part):
    """Figures on one part of one data set, as ``bintally evaluate --json`` gives them."""

    data: str
    data_digest: str
    part: Literal["train", "val", "test", "all"]
    precision: Literal["float32", "float16", "int8"]
    scores: dict[str, Any]


class LayerNoise(Part):
    """What one layer adds to the noise: signal-to-noise of its result beside the float graph's, in dB, and how much less than its inputs'."""

    layer: str
    kind: str
    snr_db: float
    lost_db: float


class Proof(Part):
    """How a graph's answers compare with the checkpoint's on the same frames.

    A float32 graph is compared with what torch computes; every other one with the float32 graph, which was itself compared so.

    Attributes:
        frames: how many.
        frames_sha256: digest of them, in order.
        simulated: whether the rounding was computed in float32 as it is written, because this machine's kernels are not the target's.
        agreement: share of frames with the same decision.
        largest_difference: of two probabilities of one class and frame.
        mean_difference: of all of them, absolute.
        before: the checkpoint's ``accuracy`` and ``rmse`` (at most five items), ``accuracy_all`` and ``ece``.
        after: the graph's.
        calibration: method → mean divergence (nats) of the answers from the checkpoint's on training frames that calibration did not see.
        fine_tuned_steps: of quantization-aware fine-tuning; 0 for none.
        layers: those that lose most, worst first.
        gates: all of them; a bundle is only written when all are passed.
    """

    frames: int
    frames_sha256: str = Field(pattern=DIGEST_PATTERN)
    simulated: bool
    agreement: Probability
    largest_difference: Probability
    mean_difference: Probability
    before: dict[str, float | None]
    after: dict[str, float | None]
    calibration: dict[str, float]
    fine_tuned_steps: int = Field(ge=0)
    layers: list[LayerNoise]
    gates: list[Gate]


class Golden(Part):
    """One input and what the graph answered where the bundle was made."""

    png: str = Field(description="the frame as PNG, base64")
    probabilities: list[Probability]

    def frame(self) -> Frame:
        """The input, uint8 [height, width, 3], BGR."""
        return decode_frame(base64.b64decode(self.png), "golden input")


class Manifest(BaseManifest):
    """The manifest.

    Attributes:
        classes: names of the outputs in order; the last one is open.
        temperature: the logits are divided by it inside the graph.
        abstain_below: an answer with a smaller probability counts as unsure; 1 makes every answer unsure.
        promised_accuracy: share of right answers above the threshold, on the validation part.
        target: the arithmetic that the graph was made for.
        recipe: how it was quantized.
        proof: that it equals the checkpoint, since version 0.2 of bintally.
        training: settings and data digests of the checkpoint.
    """

    task: Literal["count"] = "count"
    target: str
    input: InputContract
    classes: list[str] = Field(min_length=2)
    temperature: float = Field(gt=0)
    abstain_below: Probability
    promised_accuracy: Probability
    measured: list[Measured]
    recipe: dict[str, Any]
    proof: Proof | None = None
    training: dict[str, Any]
    golden: list[Golden] = Field(min_length=1)
    golden_tolerance: Probability

    @model_validator(mode="after")
    def _golden_fits(self) -> Manifest:
        if any(len(golden.probabilities) != len(self.classes) for golden in self.golden):
            raise ValueError(f"a golden output does not have {len(self.classes)} probabilities")
        return self

    @property
    def open_class(self) -> int:
        """Index of the class that means «this many or more»; equal to that number."""
        return len(self.classes) - 1

    def golden_frames(self) -> Frame:
        """The golden inputs, uint8 [n, height, width, 3]."""
        return np.stack([golden.frame() for golden in self.golden])

    def golden_probabilities(self) -> np.ndarray:
        """The golden outputs, float32 [n, classes]."""
        return np.array([golden.probabilities for golden in self.golden], np.float32)
