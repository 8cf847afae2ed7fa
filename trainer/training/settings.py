"""What decides the result of a training run."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

from bintally.errors import UsageError
from trainer.network.design import BACKBONES, HEADS, Backbone, Design, Head
from trainer.training.ranges import check, choice, number

Precision = Literal["auto", "float32", "bf16", "fp16"]


# ruff: noqa: RUF009 - number and choice give dataclass fields
@dataclass(frozen=True)
class TrainSettings:
    """Settings of a run; each field's range or choices and its meaning stand beside it.

    Raises:
        UsageError: a value is out of its range or none of its choices.
    """

    backbone: Backbone = choice("resnet50", BACKBONES, "torchvision model under the head")
    head: Head = choice("linear", HEADS, "one logit a class, ordered thresholds, or the first seed system's (ReLU over the logits)")
    epochs: int = number(5, 1, 1000, "passes over the training part")
    images: int = number(0, 0, 10**9, "images of an epoch, drawn anew for each; 0 for as many as the training parts hold")
    shares: tuple[float, ...] = number(
        (), 0, 1e6, "how much each --data contributes to an epoch, relative to the others; by size if not given"
    )
    batch_size: int = number(32, 2, 65536, "images a step, over all processes")
    learning_rate: float = number(3e-4, 1e-7, 1, "AdamW's for the backbone's last stage at its peak")
    head_rate: float = number(10.0, 0.01, 1000, "how many times as much for the new head")
    stage_rate: float = number(1.0, 0.01, 1, "factor for each stage towards the input")
    weight_decay: float = number(0.05, 0, 1, "AdamW's, on matrices only")
    warmup: float = number(0.1, 0, 0.9, "share of all steps over which the learning rate rises; then it falls by a cosine")
    sizes: tuple[int, ...] = number((160,), 32, 1024, "sides of the training frames in pixels, spread evenly over the epochs")
    input_size: int = number(192, 32, 1024, "side in pixels of the frames that the finished counter takes; validation uses it")
    freeze: int = number(2, 0, 5, "how many of the backbone's five stages keep their weights")
    neighbours: float = number(0.0, 0, 0.45, "probability that the target gives each neighbouring count (the k±1 loss)")
    smoothing: float = number(0.0, 0, 0.9, "label smoothing: probability spread over all classes")
    rarity: float = number(0.0, 0, 1, "weight of rare classes: 0 none, 1 by the inverse of their share")
    mixup: float = number(0.0, 0, 10, "α of the Beta distribution by which two images are blended; 0 for none")
    density: float = number(0.0, 0, 100, "weight of a map that must sum to the count, and show the items where their places are known")
    books: float = number(0.0, 0, 100, "weight of guessing the number of articles and the litres that the books state")
    erase: float = number(0.0, 0, 1, "probability of a small grey rectangle in a training frame")
    ema: float = number(0.0, 0, 0.99999, "decay a step of the averaged weights that are validated and kept; 0 for none")
    patience: int = number(0, 0, 1000, "stop after so many epochs without improvement; 0 for never")
    precision: Precision = choice(
        "auto", get_args(Precision), "of the forward pass; auto is bf16 on an accelerator and float32 on a processor"
    )
    seed: int = number(0, 0, 2**32 - 1, "of the initial head, the order and the variations")

    def __post_init__(self) -> None:
        check(self)
        if not 1 <= len(self.sizes) <= self.epochs:
            raise UsageError(f"--sizes {self.sizes}: give at least one, and no more than the {self.epochs} --epochs")

    @property
    def design(self) -> Design:
        """The network that these settings name."""
        return Design(self.backbone, self.head)

    def size_at(self, epoch: int) -> int:
        """Side of the training frames in an epoch."""
        return self.sizes[min(len(self.sizes) - 1, epoch * len(self.sizes) // self.epochs)]
