"""What decides the result of a training run."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import Any

from bintally.errors import UsageError


def _setting(default: Any, low: float, high: float, text: str) -> Any:
    return field(default=default, metadata={"low": low, "high": high, "help": text})


@dataclass(frozen=True)
class TrainSettings:
    """Settings of a run; each field's range and meaning stand beside it.

    Raises:
        UsageError: a value is out of its range.
    """

    epochs: int = _setting(5, 1, 1000, "passes over the training part")
    images: int = _setting(0, 0, 10**9, "images of an epoch, drawn anew for each; 0 for all of the training part")
    batch_size: int = _setting(32, 2, 4096, "images a step")
    learning_rate: float = _setting(3e-4, 1e-7, 1, "AdamW's for the backbone at its peak; the new head takes ten times as much")
    weight_decay: float = _setting(0.05, 0, 1, "AdamW's, on matrices only")
    warmup: float = _setting(0.1, 0, 0.9, "share of all steps over which the learning rate rises; then it falls by a cosine")
    sizes: tuple[int, ...] = _setting((160,), 32, 1024, "sides of the training frames in pixels, spread evenly over the epochs")
    input_size: int = _setting(192, 32, 1024, "side in pixels of the frames that the finished counter takes; validation uses it")
    freeze: int = _setting(2, 0, 5, "how many of stem, layer1 … layer4 keep their ImageNet weights")
    seed: int = _setting(0, 0, 2**32 - 1, "of the initial head, the order and the variations")

    def __post_init__(self) -> None:
        for one in fields(self):
            value = getattr(self, one.name)
            values = value if isinstance(value, tuple) else (value,)
            low, high = one.metadata["low"], one.metadata["high"]
            if not values or not all(low <= entry <= high for entry in values):
                raise UsageError(f"--{one.name.replace('_', '-')} {value}: must be from {low} to {high}")

    def size_at(self, epoch: int) -> int:
        """Side of the training frames in an epoch."""
        return self.sizes[min(len(self.sizes) - 1, epoch * len(self.sizes) // self.epochs)]
