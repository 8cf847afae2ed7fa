"""Count the images of one request."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from bintally.bundle import DEFAULT_BUNDLE, Bundle, open_bundle
from bintally.decision import Decision, as_shares, decide
from bintally.errors import InputError
from bintally.frames import Frame, resize
from bintally.messages import ModelName
from deploy.cloud.endpoint.contract import Answer
from deploy.cloud.endpoint.images import frame_from
from deploy.cloud.endpoint.settings import EndpointSettings

MODEL_FOLDER = Path("/opt/ml/model")
"""Where SageMaker unpacks a model's archive."""


class Counter:
    """A bundle that answers requests.

    Attributes:
        model: which one it is.
    """

    def __init__(self, bundle: Bundle, max_pixels: int) -> None:
        self._bundle, self._max_pixels = bundle, max_pixels
        self.model = ModelName(name=bundle.manifest.name, version=bundle.manifest.version, digest=bundle.digest)

    def count(self, images: Sequence[tuple[str, bytes]]) -> list[Answer]:
        """Count images, all of them in one run of the graph.

        Args:
            images: name and file of each.

        Raises:
            RefusedError: one of them cannot be counted; it is named, and no other one is counted.
        """
        frames: list[Frame] = []
        spent_s = 0.0
        for name, data in images:  # only one at a time is held in its full size
            frame = frame_from(data, name, self._max_pixels)
            started = time.perf_counter()
            frames.append(resize(frame, self._bundle.size))
            spent_s += time.perf_counter() - started
        started = time.perf_counter()
        rows = self._bundle.probabilities(np.stack(frames))
        decisions = [decide(row, self._bundle.manifest.abstain_below) for row in rows]
        spent_s += time.perf_counter() - started
        frame_ms = round(spent_s * 1000 / len(frames), 2)
        return [self._answer(decision, row, frame_ms) for decision, row in zip(decisions, rows, strict=True)]

    def _answer(self, decision: Decision, probabilities: Iterable[float], frame_ms: float) -> Answer:
        return Answer(
            counted=decision.counted,
            at_least=decision.at_least,
            unsure=decision.unsure,
            confidence=round(decision.confidence, 4),
            probabilities=[round(p, 4) for p in as_shares(probabilities)],
            frame_ms=frame_ms,
            model=self.model,
        )


def load(settings: EndpointSettings) -> Counter:
    """Open the bundle that the settings name, or SageMaker has put there, and prove it with its golden inputs.

    Raises:
        InputError: there is not exactly one bundle, or it cannot be used here.
    """
    path = settings.bundle or (the_bundle_in(MODEL_FOLDER) if MODEL_FOLDER.is_dir() else DEFAULT_BUNDLE)
    return Counter(open_bundle(path, threads=settings.threads), settings.max_pixels)


def the_bundle_in(folder: Path) -> Path:
    """The one ``.onnx`` file of a folder; hidden files, as macOS puts them into archives, are not seen.

    Raises:
        InputError: there is none, or several.
    """
    try:
        found = sorted(path for path in folder.iterdir() if path.suffix == ".onnx" and not path.name.startswith("."))
    except OSError as error:
        raise InputError(f"{folder}: cannot be read ({error.strerror})") from error
    if len(found) != 1:
        there = ", ".join(path.name for path in found) or "none"
        raise InputError(f"{folder}: must hold exactly one bundle, an .onnx file; there is {there}")
    return found[0]
