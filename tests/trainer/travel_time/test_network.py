"""The network and its checkpoints."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from bintally.errors import InputError
from bintally.labels import Label
from bintally.layouts import Cart, Ways
from tests.trainer.travel_time.labels import HALL
from trainer.travel_time import checkpoint as checkpoints
from trainer.travel_time.checkpoint import Checkpoint, Subject
from trainer.travel_time.design import Design
from trainer.travel_time.network import MOST_SPREAD, TravelTime

DESIGN = Design(aisle=8, looks=2, told=4, width=16, depth=2)


def network() -> TravelTime:
    torch.manual_seed(4)
    return TravelTime(HALL, 2, DESIGN).eval()


def picks(lists: int, width: int) -> torch.Tensor:
    chance = torch.Generator().manual_seed(2)
    columns = torch.tensor([0.0, 1.0, 3.0, 4.0])[torch.randint(4, (lists, width), generator=chance)]
    y_m = torch.rand(lists, width, generator=chance) * 14
    return torch.stack([columns, y_m, torch.randint(1, 9, (lists, width), generator=chance).float()], 2)


@pytest.mark.parametrize("width", [1, 8, 500])
def test_any_number_of_picks_is_answered(width: int) -> None:
    value, spread = network()(picks(3, width), torch.full((3, 2), 30.0))
    assert value.shape == spread.shape == (3,)
    assert torch.isfinite(value).all()
    assert ((spread > 0) & (spread <= MOST_SPREAD)).all()


def test_a_list_without_picks_takes_no_time() -> None:
    value, _ = network()(torch.zeros(2, 5, 3), torch.zeros(2, 2))
    assert value.tolist() == [0.0, 0.0]


def test_an_answer_does_not_depend_on_the_lists_beside_it() -> None:
    net, several, base = network(), picks(6, 4), torch.linspace(10, 60, 12).reshape(6, 2)
    together = net(several, base)
    for row in range(6):
        alone = net(several[row : row + 1], base[row : row + 1])
        torch.testing.assert_close([part[row : row + 1] for part in together], list(alone))


@pytest.fixture
def checkpoint() -> Checkpoint:
    subject = Subject(HALL, Cart(hands=None), "cart_s", Label(unit="s", about="a time"), ("plain_m", "along_s"), 50)
    return Checkpoint(DESIGN, subject, network().state_dict(), {"step": 7, "validation": []})


def test_what_was_written_is_read(tmp_path: Path, checkpoint: Checkpoint) -> None:
    checkpoints.write(tmp_path / "best.pt", checkpoint)
    found = checkpoints.read(tmp_path / "best.pt")
    assert (found.design, found.subject, found.facts, found.state) == (checkpoint.design, checkpoint.subject, checkpoint.facts, None)
    base = torch.full((3, 2), 30.0)
    assert torch.equal(found.network()(picks(3, 4), base)[0], network()(picks(3, 4), base)[0])


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"format": "bintally-checkpoint-2"}, "no travel-time checkpoint"),
        ({"format": "bintally-travel-time-0"}, "no travel-time checkpoint"),
        ({"design": {"encoder": 8}}, "does not know"),
        ({"subject": "{}"}, "does not say what it estimates"),
        ({"model": {}}, "the weights are not those"),
        ({"facts": None}, "damaged"),
    ],
)
def test_other_files_of_torch_are_refused(tmp_path: Path, checkpoint: Checkpoint, changes: dict[str, Any], says: str) -> None:
    path = tmp_path / "best.pt"
    checkpoints.write(path, checkpoint)
    torch.save({**torch.load(path, weights_only=True), **changes}, path)
    with pytest.raises(InputError, match=says):
        checkpoints.read(path)


def test_weights_of_another_ladder_are_refused(tmp_path: Path, checkpoint: Checkpoint) -> None:
    deeper = replace(HALL, y_m=(0.0, 8.0, 14.0, 20.0), ways=Ways((0,) * 5, (0,) * 4))
    other = replace(checkpoint, subject=replace(checkpoint.subject, ladder=deeper))
    checkpoints.write(tmp_path / "best.pt", replace(other, model=checkpoint.model))
    with pytest.raises(InputError, match="the weights are not those"):
        checkpoints.read(tmp_path / "best.pt")
