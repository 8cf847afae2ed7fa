"""What ``bintally tune`` minimises: the validation loss of a training run."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from trainer.data.dataset import DataSet
from trainer.training.settings import TrainSettings
from trainer.tuning.worker import OnEpoch


@dataclass(frozen=True)
class Training:
    """An objective that trains.

    Attributes:
        data: the data sets.
        weights: ImageNet weights for the backbone; None for torchvision's own.
        cache: folder for decoded frames; None for the trainer's default.
        workers: how many such runs share this machine.
    """

    data: tuple[DataSet, ...]
    weights: Path | None
    cache: Path | None
    workers: int

    def __call__(self, settings: TrainSettings, out: Path, resume: bool, on_epoch: OnEpoch) -> float:
        """The lowest validation loss of a run."""
        import torch

        from trainer.training.train import train

        if torch.cuda.is_available():  # workers take the GPUs in turn; the trainer finds its own by this variable, as under torchrun
            os.environ["LOCAL_RANK"] = str(int(os.environ.get("LOCAL_RANK", "0")) % torch.cuda.device_count())
        torch.set_num_threads(max(1, len(os.sched_getaffinity(0)) // self.workers))
        best = train(self.data, out, settings, self.weights, resume=resume, cache=self.cache, on_epoch=on_epoch)
        return min(float(outcome["loss"]) for outcome in best.facts["validation"])
