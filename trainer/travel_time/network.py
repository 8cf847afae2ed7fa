"""The travel-time network: a raster of the picks, one encoder for all sub-aisles, and residual blocks that see them side by side.

What the blocks give is a factor to a straight line through the list's totals, the best guess without knowing where the picks lie. So a list
without picks takes no time, and one that is longer than any in training gets a sensible value, too.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from bintally.layouts import Ladder
from trainer.travel_time.design import Design
from trainer.travel_time.features import TOTALS, Features

LEAST_SPREAD, MOST_SPREAD = 1e-4, 1.0
_FIRST_DOUBT = -3.0
"""Logarithm of the spread that an untrained network tells: 5 %."""


class TravelTime(nn.Module):
    """Estimates a labelled function of pick lists in one ladder.

    Args:
        ladder: the warehouse.
        design: the network's form.

    Attributes:
        line: float32[TOTALS], the straight line; fitted before training.
        spread_scale: by what spreads must be multiplied to be as large as errors; measured on validation lists.

    Source:
        He et al. 2016, Identity Mappings in Deep Residual Networks, section 3 (blocks that normalise first); Nix & Weigend 1994, Estimating the
        mean and variance of the target probability distribution (the spread).
    """

    line: Tensor
    spread_scale: Tensor

    def __init__(self, ladder: Ladder, design: Design) -> None:
        super().__init__()
        self.features = Features(ladder, design.cell_m)
        sub_aisles = self.features.sub_aisles
        self.encoder = nn.Linear(self.features.of_sub_aisle, design.encoder)
        self.whereabouts = nn.Parameter(0.3 * torch.randn(sub_aisles, design.encoder))
        self.squeeze = nn.Linear(design.encoder, design.sub_aisle)
        self.join = nn.Linear(sub_aisles * design.sub_aisle + 2 * TOTALS, design.width)
        self.blocks = nn.ModuleList(_block(design.width) for _ in range(design.depth))
        self.norm = nn.LayerNorm(design.width)
        self.head = _head(design.width)
        self.register_buffer("line", torch.tensor([1.0] + [0.0] * (TOTALS - 1)))
        self.register_buffer("spread_scale", torch.ones(()))

    def forward(self, picks: Tensor, base: Tensor) -> tuple[Tensor, Tensor]:
        """Estimate.

        Args:
            picks: float32[N, L, 3], column, y_m and quantity, padded behind with quantity 0.
            base: float32[N], metres, the length of the shortest tour.

        Returns:
            The values float32[N] in the label's unit, and the relative standard deviations float32[N] of their errors.
        """
        raster, totals = self.features(picks, base)
        sub_aisles = self.squeeze(torch.relu(self.encoder(raster) + self.whereabouts)).relu()
        mixed = self.join(torch.cat([sub_aisles.flatten(1), totals, (totals + 1e-3).log()], 1))
        for block in self.blocks:
            mixed = mixed + block(mixed)
        correction, doubt = self.head(self.norm(mixed)).unbind(1)
        spread = (doubt.exp() * self.spread_scale).clamp(LEAST_SPREAD, MOST_SPREAD)
        return (totals @ self.line) * correction.exp(), spread


def _block(width: int) -> nn.Sequential:
    return nn.Sequential(nn.LayerNorm(width), nn.Linear(width, width), nn.ReLU(), nn.Linear(width, width))


def _head(width: int) -> nn.Linear:
    """Correction and doubt; next to no correction at first."""
    head = nn.Linear(width, 2)
    nn.init.normal_(head.weight, std=0.01)
    with torch.no_grad():
        head.bias.copy_(torch.tensor([0.0, _FIRST_DOUBT]))
    return head
