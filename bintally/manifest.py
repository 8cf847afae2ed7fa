"""The manifest of a count bundle: everything that its user must know, as JSON inside the ONNX file."""

from __future__ import annotations

import base64
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from bintally.errors import InputError
from bintally.frames import Frame, decode_frame

SCHEMA = 1
NAME_PATTERN, VERSION_PATTERN = r"^[a-z0-9][a-z0-9-]*$", r"^\d+\.\d+\.\d+$"
Probability = Annotated[float, Field(ge=0, le=1)]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class InputContract(_Part):
    """What the graph takes: ``frames: uint8[N, height, width, 3]``, resized by ``bintally.frames.resize``."""

    name: Literal["frames"] = "frames"
    dtype: Literal["uint8"] = "uint8"
    layout: Literal["NHWC"] = "NHWC"
    channels: Literal["BGR"] = "BGR"
    height: int = Field(ge=32, le=1024)
    width: int = Field(ge=32, le=1024)


class Measured(_Part):
    """Figures on one part of one data set, as ``bintally evaluate --json`` gives them."""

    data: str
    data_digest: str
    part: Literal["train", "val", "test", "all"]
    precision: Literal["float32", "float16", "int8"]
    scores: dict[str, Any]


class LayerNoise(_Part):
    """What one layer adds to the noise: signal-to-noise of its result beside the float graph's, in dB, and how much less than its inputs'."""

    layer: str
    kind: str
    snr_db: float
    lost_db: float


class Gate(_Part):
    """One thing that an export had to reach: ``value`` at most, or at least, ``limit``."""

    name: str
    value: float
    limit: float
    at_least: bool = False

    @property
    def passed(self) -> bool:
        """Whether it did; a value that is no number does not."""
        return self.value >= self.limit if self.at_least else self.value <= self.limit


class Proof(_Part):
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
    frames_sha256: str = Field(pattern=r"^[0-9a-f]{64}$")
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


class Golden(_Part):
    """One input and what the graph answered where the bundle was made."""

    png: str = Field(description="the frame as PNG, base64")
    probabilities: list[Probability]

    def frame(self) -> Frame:
        """The input, uint8 [height, width, 3], BGR."""
        return decode_frame(base64.b64decode(self.png), "golden input")


class Manifest(_Part):
    """The manifest.

    Attributes:
        graph_bytes: length of the ONNX graph at the file's beginning; the manifest stands behind it.
        graph_sha256: digest of these bytes.
        classes: names of the outputs in order; the last one is open.
        temperature: the logits are divided by it inside the graph.
        abstain_below: an answer with a smaller probability counts as unsure; 1 makes every answer unsure.
        promised_accuracy: share of right answers above the threshold, on the validation part.
        target: the arithmetic that the graph was made for.
        recipe: how it was quantized.
        proof: that it equals the checkpoint, since version 0.2 of bintally.
        training: settings and data digests of the checkpoint.
    """

    schema_number: Literal[1] = Field(alias="schema")
    task: Literal["count"] = "count"
    name: str = Field(pattern=NAME_PATTERN)
    version: str = Field(pattern=VERSION_PATTERN)
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
    source_commit: str
    licence: str
    golden: list[Golden] = Field(min_length=1)
    golden_tolerance: Probability
    graph_bytes: int = Field(gt=0)
    graph_sha256: str = Field(pattern=r"^[0-9a-f]{64}$")

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)

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


def parse_manifest(text: str, where: str) -> Manifest:
    """Read a manifest.

    Raises:
        InputError: it is no JSON, has another schema number, or a field is missing, unknown or out of range.
    """
    try:
        return Manifest.model_validate_json(text)
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(str(part) for part in first["loc"]) or "manifest"
        if field == "schema":
            raise InputError(
                f"{where}: bundle schema {first['input']!r}; this version reads schema {SCHEMA}; update bintally or export again"
            ) from error
        raise InputError(f"{where}: the manifest's {field} is wrong ({first['msg']}); export the bundle again") from error
