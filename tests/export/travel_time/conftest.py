"""One export for all tests: a small network with random weights, and lists whose label is a formula."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch

from bintally.labels import ALONG, PLAIN, SHEET, Label, Labelled, LabelSheet, shard_bytes
from bintally.layouts import Cart, Ladder
from bintally.layouts.generate import regular_ladder, uniform_list
from bintally.travel_time import TravelTimeManifest
from export.travel_time.bundle import export_travel_time
from trainer.travel_time import checkpoint as checkpoints
from trainer.travel_time.checkpoint import Checkpoint
from trainer.travel_time.design import Design
from trainer.travel_time.lists import load
from trainer.travel_time.network import TravelTime

LADDER, CART = regular_ladder(4, 3, depot=1), Cart(push_m_s=0.5)
LISTS, MOST_PICKS = 400, 12
NAMES = {"name": "small-hall", "version": "1.2.3", "licence": "CC0-1.0"}


@dataclass(frozen=True)
class Exported:
    """An export with what it was made from; only to be read."""

    checkpoint: Path
    labels: Path
    bundle: Path
    manifest: TravelTimeManifest

    @property
    def network(self) -> TravelTime:
        """The checkpoint's."""
        return checkpoints.read(self.checkpoint).network()


def write_labels(folder: Path, ladder: Ladder = LADDER, cart: Cart | None = CART, lists: int = LISTS) -> Path:
    """Labelled lists: ``plain_m`` is no tour's length, but a number like it, since nobody here may route."""
    folder.mkdir()
    rng = np.random.default_rng(0)
    drawn = [uniform_list(rng, ladder, int(size), most_items=4) for size in rng.integers(1, MOST_PICKS + 1, lists)]
    first = np.concatenate([[0], np.cumsum([len(one) for one in drawn])])
    plain_m = np.array([20.0 + 5.0 * len(one) + one.y_m.max() for one in drawn])
    labelled = Labelled(
        numbers=np.arange(lists),
        kinds=np.zeros(lists, np.int64),
        kind_names=("uniform",),
        first=first,
        columns=np.concatenate([one.columns for one in drawn]).astype(np.int16),
        blocks=np.concatenate([one.blocks for one in drawn]).astype(np.int16),
        y_m=np.concatenate([one.y_m for one in drawn]),
        quantities=np.concatenate([one.quantities for one in drawn]).astype(np.int32),
        labels={PLAIN: plain_m, "cart_s": 1.5 * plain_m + np.diff(first), ALONG: 1.6 * plain_m + 2 * np.diff(first)},
    )
    labels = {PLAIN: Label(unit="m", about="a length"), "cart_s": Label(unit="s", about="a time"), ALONG: Label(unit="s", about="another")}
    sheet = LabelSheet(
        schema=1, ladder=ladder, cart=cart, labels=labels, lists=lists, shard=lists, seed=0, most_picks=MOST_PICKS, settings={}, version="0"
    )
    (folder / SHEET).write_text(sheet.model_dump_json(by_alias=True))
    (folder / sheet.shards()[0]).write_bytes(shard_bytes(labelled))
    return folder


@pytest.fixture(scope="session")
def travel(tmp_path_factory: pytest.TempPathFactory) -> Exported:
    folder = tmp_path_factory.mktemp("travel-time")
    labels = write_labels(folder / "labels")
    data = load([labels], "cart_s")
    torch.manual_seed(5)
    design = Design(aisle=8, looks=2, told=4, width=16)
    network = TravelTime(data.subject.ladder, len(data.subject.bases), design)
    for parameter in network.parameters():
        torch.nn.init.normal_(parameter, std=0.1)
    network.line.uniform_(5, 50)
    tested = {"scores": {"network": {"error": 1.0, "worst": 1.0}, "a constant": {"error": 0.5, "worst": 0.75}}}
    facts = {"settings": {"seed": 5}, "data": {"digest": data.digest}, "test": tested}
    checkpoints.write(folder / "best.pt", Checkpoint(design, data.subject, network.state_dict(), facts))
    manifest = export_travel_time(folder / "best.pt", [labels], folder / "travel.onnx", **NAMES)
    return Exported(folder / "best.pt", labels, folder / "travel.onnx", manifest)


@pytest.fixture(scope="session")
def travel_graph(travel: Exported) -> onnx.ModelProto:
    """The graph, as torch wrote it; that takes seconds, so once must do."""
    content = travel.bundle.read_bytes()
    return onnx.load_from_string(content[: travel.manifest.graph_bytes])
