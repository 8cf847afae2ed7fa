"""What a counter is trained towards: the class, softened if asked, and further targets that the label does not hold."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from trainer.data.dataset import Example
from trainer.network.design import CLASSES, TOP_CLASS
from trainer.network.model import Counter
from trainer.training.loader import Batch
from trainer.training.settings import TrainSettings

_MOST_COUNTED = 12
"""Beyond it the sum over a map is not held to the count: photographs of 80 items show a few."""


def class_targets(quantities: Tensor, neighbours: float = 0.0, smoothing: float = 0.0) -> Tensor:
    """The distribution over the classes that each label stands for.

    Args:
        quantities: int [n], 0 or more.
        neighbours: probability that each neighbouring count gets, 0 to 0.5; what would fall outside 0 … 6+ stays with the label.
        smoothing: probability spread evenly over all classes, 0 to 1.

    Returns:
        float32 [n, 7], rows sum to 1.

    Source:
        Neighbours: after the k±1 loss of Tezcan & Konrad. Smoothing: Szegedy et al. 2016, section 7.
    """
    labels = quantities.clamp(max=TOP_CLASS)
    rows = torch.arange(len(labels), device=labels.device)
    targets = torch.zeros(len(labels), CLASSES, device=labels.device)
    targets[rows, labels] = 1 - 2 * neighbours
    for step in (-1, 1):
        beside = labels + step
        targets[rows, torch.where((beside < 0) | (beside > TOP_CLASS), labels, beside)] += neighbours
    return targets * (1 - smoothing) + smoothing / CLASSES


def class_weights(examples: Sequence[Example], power: float) -> Tensor:
    """Weight of each class by its rarity: (n / n_class) ** power, scaled so that the mean over the examples is 1.

    Args:
        examples: of the training part.
        power: 0 for none, 0.5 for a square root, 1 for the full inverse.

    Returns:
        float32 [7]; a class without examples weighs nothing.
    """
    counts = torch.bincount(torch.tensor([min(example.quantity, TOP_CLASS) for example in examples]), minlength=CLASSES).float()
    weights = torch.where(counts > 0, (len(examples) / counts.clamp(min=1)) ** power, torch.zeros(CLASSES))
    return weights * len(examples) / (weights * counts).sum()


def class_loss(logits: Tensor, targets: Tensor, weights: Tensor | None = None) -> Tensor:
    """Mean cross entropy in nats of logits [n, 7] against target distributions [n, 7], each row weighted by its target."""
    per_image = -(targets * logits.float().log_softmax(1)).sum(1)
    return per_image.mean() if weights is None else (per_image * (targets @ weights)).mean()


@dataclass(frozen=True)
class Outputs:
    """What a network gives in training: logits [n, 7], and the auxiliary density [n, h, w] and books [n, 2] where asked for."""

    logits: Tensor
    density: Tensor | None = None
    books: Tensor | None = None


def objective(outputs: Outputs, batch: Batch, settings: TrainSettings, weights: Tensor | None) -> Tensor:
    """The number that a step makes smaller: the class loss and what the settings add to it."""
    targets = class_targets(batch.quantities, settings.neighbours, settings.smoothing)
    loss = class_loss(outputs.logits, targets, weights)
    if outputs.density is not None:
        loss = loss + settings.density * density_loss(outputs.density, batch.centres, batch.placed, batch.quantities)
    if outputs.books is not None:
        loss = loss + settings.books * books_loss(outputs.books, batch.books)
    return loss


class Auxiliary(nn.Module):
    """Further outputs on the counter's last feature map, used in training only.

    A map whose sum is the number of items, held to the items' places where they are known (rendered bins), and two figures
    of the books: number of distinct articles and litres. Because the head's pooling is a mean over the same feature map,
    a map that adds up to the count is a count that the head can read.

    Args:
        counter: whose feature maps will be given.
        settings: an output without weight is not made: several processes must all use every parameter.

    Source:
        Lempitsky & Zisserman 2010, Learning To Count Objects in Images, section 2.
    """

    def __init__(self, counter: Counter, settings: TrainSettings) -> None:
        super().__init__()
        self.density = nn.Conv2d(counter.channels, 1, 1) if settings.density else None
        self.books = nn.Linear(counter.channels, 2) if settings.books else None
        if self.density is not None:
            nn.init.normal_(self.density.weight, std=0.01)

    def forward(self, features: Tensor) -> tuple[Tensor | None, Tensor | None]:
        """Args: features [n, channels, h, w]. Returns: density [n, h, w], and books [n, 2] (log1p of articles, of litres)."""
        density = None if self.density is None else self.density(features)[:, 0]
        return density, None if self.books is None else self.books(features.mean((2, 3)))


def places_on_grid(centres: Tensor, shape: tuple[int, int]) -> Tensor:
    """Spread each item over the four cells nearest to its place, so that a map sums to its items inside the frame.

    Args:
        centres: float [n, items, 2], x and y in shares of width and height; NaN where there is no item.
        shape: height and width of the map.

    Returns:
        float32 [n, height, width].
    """
    height, width = shape
    known = (~centres.isnan()).all(2) & (centres >= 0).all(2) & (centres <= 1).all(2)
    at = torch.where(known[..., None], centres, torch.zeros_like(centres))
    x, y = at[..., 0] * width - 0.5, at[..., 1] * height - 0.5
    left, top = x.floor(), y.floor()
    grid = torch.zeros(len(centres), height * width, device=centres.device)
    for right in (0, 1):
        for below in (0, 1):
            share = (1 - (x - left - right).abs()) * (1 - (y - top - below).abs()) * known
            cell = (top + below).clamp(0, height - 1) * width + (left + right).clamp(0, width - 1)
            grid.scatter_add_(1, cell.long(), share.float())
    return grid.view(-1, height, width)


def density_loss(density: Tensor, centres: Tensor, placed: Tensor, quantities: Tensor) -> Tensor:
    """How far a map is from the items' places, where they are known, and its sum from the count, where it is at most 12.

    Args:
        density: float [n, h, w].
        centres: see ``places_on_grid``.
        placed: bool [n], whether the places are known.
        quantities: int [n].
    """
    density = density.float()
    squared = (density - places_on_grid(centres, (density.shape[1], density.shape[2]))).square().sum((1, 2))
    counted = nn.functional.smooth_l1_loss(density.sum((1, 2)), quantities.float(), reduction="none")
    return ((squared * placed).sum() + (counted * (quantities <= _MOST_COUNTED)).sum()) / len(density)


def books_loss(books: Tensor, known: Tensor) -> Tensor:
    """Smooth L1 distance of books [n, 2] from what is known [n, 2] of them (NaN where it is not), both as log1p."""
    given = ~known.isnan()
    distance = nn.functional.smooth_l1_loss(books.float(), torch.where(given, known, torch.zeros_like(known)), reduction="none")
    return (distance * given).sum() / len(books)
