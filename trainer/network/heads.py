"""A head for ordered classes."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import logsigmoid, softplus


class CumulativeLogits(nn.Module):
    """One score a picture against ordered thresholds: P(count ≤ k) = σ(threshold_k − score).

    It gives the logarithms of the class probabilities, so that it can be used wherever logits are: softmax does not change
    them, and dividing them by a temperature sharpens or flattens them as it does logits.

    Args:
        inputs: number of features.
        classes: number of ordered classes, 2 or more.

    Source:
        McCullagh 1980, Regression Models for Ordinal Data, section 2 (proportional odds).
    """

    def __init__(self, inputs: int, classes: int) -> None:
        super().__init__()
        self.score = nn.Linear(inputs, 1)
        self.first = nn.Parameter(torch.tensor([-float(classes - 2)]))
        self.steps = nn.Parameter(torch.full((classes - 2,), 1.85))  # softplus of it is 2

    def forward(self, features: Tensor) -> Tensor:
        """Args: features [n, inputs]. Returns: log probabilities [n, classes]."""
        thresholds = torch.cat((self.first, self.first + softplus(self.steps).cumsum(0)))
        margins = thresholds - self.score(features)
        lowest, highest = logsigmoid(margins[:, :1]), logsigmoid(-margins[:, -1:])
        upper, lower = margins[:, 1:], margins[:, :-1]
        # σ(u) − σ(l) = σ(u) σ(−l) (1 − exp(l − u)), which loses no digits where both are near 0 or 1
        between = logsigmoid(upper) + logsigmoid(-lower) + torch.log(-torch.expm1(lower - upper))
        return torch.cat((lowest, between, highest), 1)
