"""The travel-time network: a raster of the picks, aisles that look at their neighbours several times, and a whole that hears from all of them.

What it gives is a factor to a straight line through the list's totals, the best guess without knowing where the picks lie. So a list
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
        bases: B, what is known of each list.
        design: the network's form.

    Attributes:
        line: float32[B + TOTALS], the straight line; fitted before training.
        spread_scale: by what spreads must be multiplied to be as large as errors; measured on validation lists.

    Source:
        He et al. 2016, Identity Mappings in Deep Residual Networks, section 3 (blocks that normalise first); Nix & Weigend 1994, Estimating the
        mean and variance of the target probability distribution (the spread).
    """

    line: Tensor
    spread_scale: Tensor

    def __init__(self, ladder: Ladder, bases: int, design: Design) -> None:
        super().__init__()
        self.bases = bases
        self.features = Features(ladder, design.cell_m)
        aisles, totals = self.features.aisles, bases + TOTALS
        self.encoder = nn.Linear(self.features.blocks * self.features.of_sub_aisle, design.aisle)
        self.whereabouts = nn.Parameter(0.3 * torch.randn(aisles, design.aisle))
        self.context = nn.Linear(2 * totals, design.aisle)
        self.looks = nn.ModuleList(Look(design.aisle) for _ in range(design.looks))
        self.tell = nn.Linear(design.aisle, design.told)
        self.join = nn.Linear(aisles * design.told + 2 * totals, design.width)
        self.blocks = nn.ModuleList(_block(design.width) for _ in range(design.depth))
        self.norm = nn.LayerNorm(design.width)
        self.head = _head(design.width)
        self.register_buffer("line", torch.tensor([1.0] + [0.0] * (totals - 1)))
        self.register_buffer("spread_scale", torch.ones(()))

    def forward(self, picks: Tensor, base: Tensor) -> tuple[Tensor, Tensor]:
        """Estimate.

        Args:
            picks: float32[N, L, 3], column, y_m and quantity, padded behind with quantity 0.
            base: float32[N, B], what is known of each list; the length of the shortest tour first, in metres.

        Returns:
            The values float32[N] in the label's unit, and the relative standard deviations float32[N] of their errors.
        """
        raster, totals = self.features(picks, base)
        whole = torch.cat([totals, (totals + 1e-3).log()], 1)
        seen = raster.reshape(-1, self.features.aisles, self.encoder.in_features)
        aisles = torch.relu(self.encoder(seen) + self.whereabouts + self.context(whole).unsqueeze(1))
        for look in self.looks:
            aisles = aisles + look(aisles)
        mixed = self.join(torch.cat([torch.relu(self.tell(aisles)).flatten(1), whole], 1))
        for block in self.blocks:
            mixed = mixed + block(mixed)
        correction, doubt = self.head(self.norm(mixed)).unbind(1)
        spread = (doubt.exp() * self.spread_scale).clamp(LEAST_SPREAD, MOST_SPREAD)
        return (totals @ self.line) * correction.exp(), spread


class Look(nn.Module):
    """What each aisle learns from itself and the aisles on either side: a convolution over three, behind the ends of which is nothing."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.three = nn.Linear(3 * width, width)
        self.out = nn.Linear(width, width)

    def forward(self, aisles: Tensor) -> Tensor:
        """float32[N, A, width] → the same."""
        here = self.norm(aisles)
        nothing = torch.zeros_like(here[:, :1])
        left, right = torch.cat([nothing, here[:, :-1]], 1), torch.cat([here[:, 1:], nothing], 1)
        found: Tensor = self.out(torch.relu(self.three(torch.cat([left, here, right], 2))))
        return found


def _block(width: int) -> nn.Sequential:
    return nn.Sequential(nn.LayerNorm(width), nn.Linear(width, width), nn.ReLU(), nn.Linear(width, width))


def _head(width: int) -> nn.Linear:
    """Correction and doubt; next to no correction at first."""
    head = nn.Linear(width, 2)
    nn.init.normal_(head.weight, std=0.01)
    with torch.no_grad():
        head.bias.copy_(torch.tensor([0.0, _FIRST_DOUBT]))
    return head
