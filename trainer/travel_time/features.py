"""From pick lists to a raster: what lies in each cell of each sub-aisle, made inside the graph from the ladder's constants.

Padding has the quantity 0, and adds nothing to any cell. Positions are compared as float32, the ladder's as well as the picks'.
"""

from __future__ import annotations

import itertools
import math

import torch
from torch import Tensor, nn

from bintally.layouts import Ladder

CHANNELS = 2
"""Of a cell: places, and items."""
SUMS = 4
"""Of a sub-aisle: how deep the picks reach into it, from its front and from its back, as shares of its length; whether there are any; places."""
TOTALS = 7
"""Of a list, behind its bases: places and items, the places' square root, sub-aisles and aisles to be entered, and the sub-aisles' depths; each
about 1 in a long list."""
MANY = 32.0
"""Places, or items, of a long list: what the totals are measured in."""

_ROUNDING = 1e-3
"""Of a cell: places that lie at cells' ends stay on one side, however float32 rounds."""


class Features(nn.Module):
    """Raster and totals of pick lists.

    Args:
        ladder: with S sub-aisles, those of an aisle one after the other.
        cell_m: length of a cell; the longest sub-aisle has C of them.
    """

    aisle_of: Tensor
    y_m: Tensor
    length_m: Tensor

    def __init__(self, ladder: Ladder, cell_m: float) -> None:
        super().__init__()
        aisle_of, aisles = [], 0
        for is_aisle in ladder.aisles:
            aisle_of.append(aisles if is_aisle else 0)
            aisles += is_aisle
        lengths_m = [high - low for low, high in itertools.pairwise(ladder.y_m)]
        self.blocks, self.aisles = ladder.blocks, aisles
        self.sub_aisles = aisles * ladder.blocks
        self.cells = max(1, math.ceil(max(lengths_m) / cell_m - 1e-6))
        self.cell_m = cell_m
        self.whole_m = 2 * (ladder.x_m[-1] - ladder.x_m[0] + ladder.y_m[-1])
        self.register_buffer("aisle_of", torch.tensor(aisle_of), persistent=False)
        self.register_buffer("y_m", torch.tensor(ladder.y_m, dtype=torch.float32), persistent=False)
        self.register_buffer("length_m", torch.tensor(lengths_m, dtype=torch.float32), persistent=False)

    @property
    def of_sub_aisle(self) -> int:
        """F, features of a sub-aisle."""
        return CHANNELS * self.cells + SUMS

    def forward(self, picks: Tensor, base: Tensor) -> tuple[Tensor, Tensor]:
        """Make the features.

        Args:
            picks: float32[N, L, 3], column, y_m and quantity, padded with quantity 0.
            base: float32[N, B], what is known of each list: the length of the shortest tour, and perhaps a time.

        Returns:
            float32[N, S, F], and the totals float32[N, B + TOTALS].
        """
        column, y_m, items = picks.unbind(2)
        taken = (items > 0).to(y_m.dtype)
        block = torch.zeros_like(column, dtype=torch.int64)
        for row_m in self.y_m[1:-1]:
            block = block + (y_m > row_m)  # a pick at an intersection belongs to the block before it
        sub_aisle = _looked_up(self.aisle_of, column.long()) * self.blocks + block
        front_m, length_m = _looked_up(self.y_m, block), _looked_up(self.length_m, block)
        cell = ((y_m - front_m) / self.cell_m + _ROUNDING).long().clamp(0, self.cells - 1)
        at = sub_aisle * self.cells + cell
        places, quantities = (self._sum(at, value).reshape(-1, self.sub_aisles, self.cells) for value in (taken, items * taken))
        depth = ((y_m - front_m) / length_m).clamp(0, 1)
        depths = [self._most(sub_aisle, reach * taken) for reach in (depth, 1 - depth)]
        in_each = places.sum(2)
        full = (in_each > 0).to(y_m.dtype)
        sums = torch.stack([*depths, full, in_each / 4], 2)
        entered = [full.mean(1), full.reshape(-1, self.aisles, self.blocks).amax(2).mean(1)]
        count, total = taken.sum(1), (items * taken).sum(1)
        totals = torch.stack([count / MANY, total / MANY, (count / MANY).sqrt(), *entered, *(one.mean(1) for one in depths)], 1)
        # few cells are full: weighed so that they count
        return torch.cat([2 * places, quantities / 2, sums], 2), torch.cat([base / self.whole_m, totals], 1)

    def of_sub_aisles(self, raster: Tensor) -> Tensor:
        """What a person would ask of each sub-aisle, from what ``forward`` made: its items and its sums, float32[N, S, 1 + SUMS]."""
        items = 2 * raster[..., self.cells : 2 * self.cells].sum(2, keepdim=True)
        return torch.cat([items, raster[..., 2 * self.cells :]], 2)

    def _sum(self, at: Tensor, value: Tensor) -> Tensor:
        return value.new_zeros(value.shape[0], self.sub_aisles * self.cells).scatter_add(1, at, value)

    def _most(self, at: Tensor, value: Tensor) -> Tensor:
        return value.new_zeros(value.shape[0], self.sub_aisles).scatter_reduce(1, at, value, "amax")


def _looked_up(table: Tensor, index: Tensor) -> Tensor:
    """Entries of a table [K] at int64[N, L]; ``table[index]`` would become ONNX's slower GatherND."""
    return table.index_select(0, index.reshape(-1)).view_as(index)
