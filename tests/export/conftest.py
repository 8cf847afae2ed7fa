"""One export for all tests: random weights, small frames, labels that the float network gets right."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
import pytest
import structlog
import torch

from bintally import abid
from bintally.bundle import read_manifest
from bintally.frames import read_frame, resize
from bintally.manifest import Manifest
from export.bundle import export_bundles
from export.proof import Limits
from export.settings import ExportSettings
from export.source import Source
from tests.trainer.folders import write_bins, write_random_resnet
from trainer.data.dataset import DataSet
from trainer.data.prepare import load
from trainer.network import checkpoint as checkpoints
from trainer.network.checkpoint import Checkpoint
from trainer.network.design import Design
from trainer.network.model import Counter, load_imagenet

SIZE = 64
ANYTHING = Limits(lost=1.0, rmse=10.0, agreement=0.0)
SETTINGS = ExportSettings(calibration=8, limits=ANYTHING, fine_tune=0, promised=0.5)


@dataclass(frozen=True)
class Exported:
    """An export with what it was made from; only to be read."""

    checkpoint: Path
    folder: Path
    data: DataSet
    bundle: Path
    manifest: Manifest
    source: Source
    quantized: onnx.ModelProto

    @property
    def plain(self) -> onnx.ModelProto:
        """The float32 graph."""
        return self.source.plain

    def frames(self) -> np.ndarray:
        """All images as the graph takes them, uint8 [n, SIZE, SIZE, 3]."""
        return np.stack([resize(read_frame(Path(example.image)), (SIZE, SIZE)) for example in self.data.examples])


def _spread_the_answers(counter: Counter, frames: np.ndarray) -> np.ndarray:
    """Shift and scale the head so that the images get different answers, and give these."""
    with torch.inference_mode():
        logits = counter.eval()(torch.from_numpy(frames))
        scale = 1 / logits.std(0).mean()
        counter.net.fc.weight *= scale
        counter.net.fc.bias.copy_((counter.net.fc.bias - logits.mean(0)) * scale)
        return np.asarray(counter(torch.from_numpy(frames)).argmax(1).numpy())


@pytest.fixture(autouse=True)
def _own_log() -> Iterator[None]:
    """A command sets the log to the test's own standard error, which is closed behind it."""
    yield
    structlog.reset_defaults()


@pytest.fixture(scope="session")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Exported:
    folder = tmp_path_factory.mktemp("export")
    bins = write_bins(folder / "bins", 40)
    torch.manual_seed(5)
    counter = Counter()
    load_imagenet(counter, write_random_resnet(folder / "resnet50.pth"))
    images = abid.image_paths(bins)
    answers = _spread_the_answers(counter, np.stack([resize(read_frame(path), (SIZE, SIZE)) for path in images]))
    for i, (path, answer) in enumerate(zip(images, answers.tolist(), strict=True)):
        abid.metadata_path(path).write_text(abid.metadata_json(answer, {f"ASIN-{i}": 1}, {}))
    facts = {"settings": {"seed": 1}, "data": [], "commit": "unknown", "step": 0, "validation": []}
    checkpoints.write(folder / "best.pt", Checkpoint(Design(), counter.state_dict(), SIZE, facts, None))

    data = load(bins)
    found = export_bundles([folder / "best.pt"], [data], {"cpu": folder / "bundle.onnx"}, SETTINGS)
    manifest = read_manifest(folder / "bundle.onnx")
    return Exported(folder / "best.pt", bins, data, folder / "bundle.onnx", manifest, found.source, found.judged[0].model)
