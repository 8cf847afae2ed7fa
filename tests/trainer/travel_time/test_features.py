"""The raster: what lies where, told by the graph as a plain loop tells it."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from bintally.layouts import Ladder, PickList, Shelf
from bintally.layouts.generate import regular_ladder
from tests.trainer.travel_time.labels import HALL, draw
from trainer.travel_time.features import SUMS, TOTALS, Features

CELL_M = 0.5


def padded(lists: list[PickList], width: int | None = None) -> torch.Tensor:
    found = torch.zeros(len(lists), width or max(map(len, lists)), 3)
    for row, one in enumerate(lists):
        found[row, : len(one)] = torch.tensor(np.stack([one.columns, one.y_m, one.quantities], 1))
    return found


def slow_raster(ladder: Ladder, picks: PickList) -> np.ndarray:
    """Cells of places, cells of items and sums of each sub-aisle, pick by pick."""
    aisles = [column for column, is_aisle in enumerate(ladder.aisles) if is_aisle]
    cells = math.ceil(max(b - a for a, b in zip(ladder.y_m, ladder.y_m[1:], strict=False)) / CELL_M)
    raster = np.zeros((len(aisles) * ladder.blocks, 2 * cells + SUMS))
    for column, block, y_m, items in zip(picks.columns, picks.blocks, picks.y_m, picks.quantities, strict=True):
        row = raster[aisles.index(column) * ladder.blocks + block]
        front_m, back_m = ladder.y_m[block], ladder.y_m[block + 1]
        cell = min(int((y_m - front_m) / CELL_M + 1e-3), cells - 1)
        row[cell] += 2
        row[cells + cell] += items / 2
        row[2 * cells] = max(row[2 * cells], (y_m - front_m) / (back_m - front_m))
        row[2 * cells + 1] = max(row[2 * cells + 1], (back_m - y_m) / (back_m - front_m))
        row[2 * cells + 2] = 1
        row[2 * cells + 3] += 0.25
    return raster


@pytest.mark.parametrize(
    "ladder", [HALL, regular_ladder(3, 2), regular_ladder(2, 4, depot=1, row=3)], ids=["hall", "one-block", "three-blocks"]
)
def test_the_raster_is_what_a_plain_loop_makes_of_the_picks(ladder: Ladder) -> None:
    lists = [draw(number, ladder) for number in range(60)]
    raster, totals = Features(ladder, CELL_M)(padded(lists), torch.ones(60, 2))
    np.testing.assert_allclose(raster, [slow_raster(ladder, one) for one in lists], atol=1e-6)
    assert totals.shape == (60, 2 + TOTALS)


def test_totals_tell_bases_places_items_and_what_is_entered() -> None:
    picks = PickList.of(HALL, [(Shelf("a", 0, 0, 2.0), 3), (Shelf("b", 0, 1, 11.0), 1), (Shelf("c", 4, 0, 4.0), 4)])
    _, totals = Features(HALL, CELL_M)(padded([picks]), torch.tensor([[23.0, 46.0]]))
    whole_m, sub_aisles, aisles = 2 * (9 + 14), 8, 4
    expected = [23 / whole_m, 46 / whole_m, 3 / 32, 8 / 32, (3 / 32) ** 0.5, 3 / sub_aisles, 2 / aisles]
    depths = [(2 / 8 + 3 / 6 + 4 / 8) / sub_aisles, (6 / 8 + 3 / 6 + 4 / 8) / sub_aisles]
    np.testing.assert_allclose(totals[0], [*expected, *depths], rtol=1e-6)


def test_padding_changes_nothing_and_neither_does_the_order_of_the_picks() -> None:
    lists = [draw(number) for number in range(20)]
    features, base = Features(HALL, CELL_M), torch.ones(20, 1)
    picks = padded(lists, 8)
    shuffled = picks[:, torch.randperm(8, generator=torch.Generator().manual_seed(1))]
    for other in (padded(lists, 30), shuffled):
        for mine, theirs in zip(features(picks, base), features(other, base), strict=True):
            torch.testing.assert_close(mine, theirs)


def test_a_pick_at_an_intersection_belongs_to_the_block_before_it() -> None:
    picks = PickList.of(HALL, [(Shelf("a", 1, 1, 8.0), 1), (Shelf("b", 3, 1, 14.0), 1)])
    raster, _ = Features(HALL, CELL_M)(padded([picks]), torch.ones(1, 1))
    assert torch.nonzero(raster[0].sum(1)).flatten().tolist() == [2, 5]  # aisle 1's front block, aisle 2's back block
    np.testing.assert_allclose(raster[0], slow_raster(HALL, picks), atol=1e-6)


def test_places_as_far_apart_as_cells_never_share_one() -> None:
    """Tenths of a metre are no exact numbers; the picks' float32 may round to either side of a cell's end."""
    ladder = regular_ladder(1, 2, block_m=20.0)
    picks = PickList.of(ladder, [(Shelf(str(k), 0, 0, k * 0.1), 1) for k in range(1, 200)])
    raster, _ = Features(ladder, 0.1)(padded([picks]), torch.ones(1, 1))
    assert raster[0, 0, :200].tolist() == [0.0] + [2.0] * 199
