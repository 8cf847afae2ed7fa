"""The travel-time network: a raster of the picks, one encoder for all sub-aisles, and a mixing that sees them together.

What it gives is a factor to a straight line through the totals, the best guess without knowing where the picks lie; so a list without picks, or one
that is longer than any in training, gets a sensible value, too.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from bintally.layouts import Ladder
from trainer.travel_time.design import Design
from trainer.travel_time.features import TOTALS, Features

LEAST_SPREAD, MOST_SPREAD = 1e-4, 1.0


class TravelTime(nn.Module):
    """Estimates a labelled function of pick lists in one ladder.

    Args:
        ladder: the warehouse.
        design: the network's form.
    """

    line: Tensor
    spread_scale: Tensor

    def __init__(self, ladder: Ladder, design: Design) -> None:
        super().__init__()
        self.features = Features(ladder, design.cell_m)
        sub_aisles, width = self.features.sub_aisles, design.sub_aisle
        self.encoder = nn.Linear(self.features.of_sub_aisle, design.encoder)
        self.place = nn.Parameter(torch.zeros(sub_aisles, design.encoder))
        self.squeeze = nn.Linear(design.encoder, width)
        self.mixing: nn.Module = Dense(sub_aisles, design) if design.mixing == "dense" else Mixer(sub_aisles, design)
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
        hidden = torch.relu(self.encoder(raster) + self.place)
        correction, doubt = self.mixing(self.squeeze(hidden), totals).unbind(1)
        spread = (doubt.exp() * self.spread_scale).clamp(LEAST_SPREAD, MOST_SPREAD)
        return (totals @ self.line) * correction.exp(), spread


class Dense(nn.Module):
    """All sub-aisles' features side by side, then residual blocks.

    Source:
        He et al. 2016, Identity Mappings in Deep Residual Networks, section 3 (normalise first).
    """

    def __init__(self, sub_aisles: int, design: Design) -> None:
        super().__init__()
        self.join = nn.Linear(sub_aisles * design.sub_aisle + TOTALS, design.width)
        self.blocks = nn.ModuleList(_block(design.width, design.width) for _ in range(design.depth))
        self.norm = nn.LayerNorm(design.width)
        self.head = _head(design.width)

    def forward(self, sub_aisles: Tensor, totals: Tensor) -> Tensor:
        mixed = self.join(torch.cat([sub_aisles.relu().flatten(1), totals], 1))
        for block in self.blocks:
            mixed = mixed + block(mixed)
        out: Tensor = self.head(self.norm(mixed))
        return out


class Mixer(nn.Module):
    """Each sub-aisle keeps its features; blocks mix over sub-aisles, then over features.

    Source:
        Tolstikhin et al. 2021, MLP-Mixer, section 2.
    """

    def __init__(self, sub_aisles: int, design: Design) -> None:
        super().__init__()
        self.tell = nn.Linear(TOTALS, design.sub_aisle)
        self.over_aisles = nn.ModuleList(_block(sub_aisles, 2 * sub_aisles) for _ in range(design.depth))
        self.over_features = nn.ModuleList(_block(design.sub_aisle, design.width) for _ in range(design.depth))
        self.join = nn.Linear(sub_aisles * design.sub_aisle, design.width)
        self.head = _head(design.width)

    def forward(self, sub_aisles: Tensor, totals: Tensor) -> Tensor:
        mixed = sub_aisles + self.tell(totals).unsqueeze(1)
        for over_aisles, over_features in zip(self.over_aisles, self.over_features, strict=True):
            mixed = mixed + over_aisles(mixed.transpose(1, 2)).transpose(1, 2)
            mixed = mixed + over_features(mixed)
        out: Tensor = self.head(self.join(mixed.flatten(1)).relu())
        return out


def _block(width: int, hidden: int) -> nn.Sequential:
    return nn.Sequential(nn.LayerNorm(width), nn.Linear(width, hidden), nn.ReLU(), nn.Linear(hidden, width))


def _head(width: int) -> nn.Linear:
    """Correction and doubt; both small at first."""
    head = nn.Linear(width, 2)
    nn.init.normal_(head.weight, std=0.01)
    with torch.no_grad():
        head.bias.copy_(torch.tensor([0.0, -3.0]))
    return head
