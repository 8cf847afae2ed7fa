"""What others reached on the Amazon Bin Image Dataset, as they published it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Published:
    """One published result on images with at most five items.

    Attributes:
        name: whose, and what.
        trained_on: images, in words.
        tested_on: number of images, None where it is not known.
        accuracy: share of right answers.
        rmse: of the count, None where it is not known.
        per_class: accuracy for 0 to 5 items, None where it is not known.
    """

    name: str
    trained_on: str
    tested_on: int | None
    accuracy: float
    rmse: float | None = None
    per_class: tuple[float, ...] | None = None


PUBLISHED = (
    Published("Tezcan & Konrad: ResNet34, pretrained, k±1 loss", "324,735", 36_032, 0.5645, 0.869),
    Published("Tezcan & Konrad: the same, least RMSE", "324,735", 36_032, 0.5508, 0.848),
    Published("ABID challenge: ResNet34 from scratch", "324,735", 36_032, 0.5567, 0.930, (0.977, 0.834, 0.672, 0.549, 0.426, 0.449)),
    Published("Capstone projects, the best", "of 10,441", None, 0.33),
    Published("Capstone project with a ReLU over the logits", "of 10,441", None, 0.118),
)
