"""What ``bintally tune`` minimises: the validation loss of a training run, of a counter or of a travel-time network."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from trainer.data.dataset import DataSet
from trainer.training.settings import TrainSettings
from trainer.travel_time.settings import TravelTimeSettings
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
        from trainer.training.train import train

        _share_machine(self.workers)
        best = train(self.data, out, settings, self.weights, resume=resume, cache=self.cache, on_epoch=on_epoch)
        return min(float(outcome["loss"]) for outcome in best.facts["validation"])


@dataclass(frozen=True)
class TravelTimeTraining:
    """An objective that trains travel-time networks. Each run reads the labels anew: they are many, and to be sent to no other process.

    Attributes:
        folders: of labelled lists; labelling must not go on meanwhile.
        label: which of their labels.
        workers: how many such runs share this machine.
    """

    folders: Sequence[Path]
    label: str
    workers: int

    def __call__(self, settings: TravelTimeSettings, out: Path, resume: bool, on_epoch: OnEpoch) -> float:
        """The lowest mean relative error of a run."""
        from trainer.travel_time.lists import load
        from trainer.travel_time.train import train

        _share_machine(self.workers)
        best = train(load(self.folders, self.label), out, settings, resume=resume, on_epoch=on_epoch)
        return min(float(outcome["loss"]) for outcome in best.facts["validation"])


def _share_machine(workers: int) -> None:
    import torch

    if torch.cuda.is_available():  # workers take the GPUs in turn; the trainer finds its own by this variable, as under torchrun
        os.environ["LOCAL_RANK"] = str(int(os.environ.get("LOCAL_RANK", "0")) % torch.cuda.device_count())
    torch.set_num_threads(max(1, len(os.sched_getaffinity(0)) // workers))
