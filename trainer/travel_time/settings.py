"""What decides the result of a travel-time run."""

# ruff: noqa: RUF009 - number and choice give dataclass fields
from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

from trainer.training.ranges import check, choice, number
from trainer.travel_time.design import Design

Mirror = Literal["yes", "no"]


@dataclass(frozen=True)
class TravelTimeSettings:
    """Settings of a run; each field's range or choices and its meaning stand beside it.

    Raises:
        UsageError: a value is out of its range or none of its choices.
    """

    epochs: int = number(20, 1, 10_000, "passes over the training lists")
    batch_size: int = number(64, 2, 2**20, "lists a step")
    learning_rate: float = number(4e-3, 1e-7, 1, "AdamW's at its peak")
    weight_decay: float = number(0.01, 0, 1, "AdamW's, on matrices only")
    warmup: float = number(0.05, 0, 0.9, "share of all steps over which the learning rate rises; then it falls by a cosine")
    ema: float = number(0.999, 0, 0.99999, "decay a step of the averaged weights that are validated and kept; 0 for none")
    mirror: Mirror = choice(
        "yes",
        get_args(Mirror),
        "learn from lists' mirror images, too, where the layout is its own; no for a label that tells left from right, such as s-shape's",
    )
    doubt: float = number(0.01, 0, 100, "weight of learning how far off an answer may be, beside learning the answer")
    cell_m: float = number(1.0, 0.01, 1000, "metres of a raster cell; as fine as places lie apart")
    aisle: int = number(48, 1, 4096, "features of an aisle")
    looks: int = number(3, 0, 64, "how often each aisle looks at its neighbours")
    told: int = number(24, 1, 1024, "features that an aisle tells the whole of itself at last")
    width: int = number(128, 1, 8192, "features of the whole")
    depth: int = number(1, 0, 64, "blocks behind that")
    lists: int = number(0, 0, 10**9, "learn from the first so many training lists only; 0 for all")
    seed: int = number(0, 0, 2**32 - 1, "of the first weights, the order, and which lists are mirrored")

    def __post_init__(self) -> None:
        check(self)

    @property
    def design(self) -> Design:
        """The network that these settings name."""
        return Design(self.cell_m, self.aisle, self.looks, self.told, self.width, self.depth)
