"""The moving parts of a training run: network, optimizer and averages, and what a checkpoint keeps of them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel
from torch.optim.swa_utils import AveragedModel

from bintally.errors import InputError
from trainer.network import checkpoint as checkpoints
from trainer.network.checkpoint import Checkpoint
from trainer.network.model import Counter, load_imagenet
from trainer.training.losses import Auxiliary, Outputs
from trainer.training.processes import Processes
from trainer.training.settings import TrainSettings

MOST_NORM = 5.0
DIVERGED = "take a smaller --learning-rate, and begin again or with an earlier checkpoint"


class Network(nn.Module):
    """Counter and auxiliary outputs in one, as several processes need it."""

    def __init__(self, settings: TrainSettings) -> None:
        super().__init__()
        self.counter = Counter(settings.design)
        self.auxiliary = Auxiliary(self.counter, settings)

    def forward(self, frames: Tensor) -> tuple[Tensor, Tensor | None, Tensor | None]:
        features = self.counter.features(frames)
        return self.counter.classify(features), *self.auxiliary(features)


class Run:
    """Everything that changes while training.

    Args:
        settings: of the run.
        processes: that train together.
        facts: what the checkpoints will say of it; ``step``, ``validation`` and ``health`` are kept up to date here.
    """

    def __init__(self, settings: TrainSettings, processes: Processes, facts: dict[str, Any]) -> None:
        self.settings, self.facts = settings, facts
        torch.backends.cudnn.benchmark = True  # frames of one size come again and again
        torch.manual_seed(settings.seed)
        self.network = Network(settings).to(processes.device)
        self.network.to(memory_format=torch.channels_last)
        self.counter.freeze(settings.freeze)
        self.optimizer = optimizer_for(self.network, settings)
        self.precision = _precision(settings, processes.device)
        self.scaler = torch.amp.GradScaler(processes.device.type, enabled=self.precision is torch.float16)
        self.averaged: AveragedModel | None = None
        self._processes = processes
        self.parallel: nn.Module = self.network

    @property
    def counter(self) -> Counter:
        return self.network.counter

    @property
    def best_counter(self) -> Counter:
        """The weights that are validated and kept: the averaged ones if there are such."""
        if self.averaged is None:
            return self.counter
        averaged: Any = self.averaged.module
        return cast("Counter", averaged)

    def begin(self, weights: Path | None, checkpoint: Checkpoint | None) -> None:
        """Begin with ImageNet weights, or with those of a checkpoint of the same network.

        Raises:
            InputError: they are of another network.
        """
        if checkpoint is None:
            load_imagenet(self.counter, weights)
        elif checkpoint.design != self.settings.design:
            raise InputError(f"the checkpoint to begin with holds {checkpoint.design}, the settings name {self.settings.design}")
        else:
            self.counter.load_state_dict(checkpoint.model)
        self._ready()

    def resume(self, checkpoint: Checkpoint) -> None:
        """Go on from ``last.pt``."""
        state = checkpoint.state or {}
        self.network.load_state_dict(state["network"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.scaler.load_state_dict(state["scaler"])
        self._ready()
        if self.averaged is not None:
            self.averaged.load_state_dict(state["averaged"])

    def _ready(self) -> None:
        if self.settings.ema:
            self.averaged = AveragedModel(self.counter, multi_avg_fn=self._blend, use_buffers=True)
        if self._processes.number > 1:
            devices = [self._processes.device.index] if self._processes.device.type == "cuda" else None
            self.parallel = DistributedDataParallel(self.network, devices)

    def _blend(self, means: Any, newest: Any, _updates: Any) -> None:
        """Move averages [tensors of one kind] towards the newest values; whole numbers (batches seen) are taken over."""
        if not means[0].is_floating_point():
            torch._foreach_copy_(means, newest)
            return
        updates = int(self.averaged.n_averaged) if self.averaged is not None else 0  # on the processor: no waiting for a GPU
        torch._foreach_lerp_(means, newest, _share(self.settings.ema, updates))

    def outputs(self, frames: Tensor) -> Outputs:
        """Run the network forward as training does."""
        with torch.autocast(frames.device.type, self.precision, enabled=self.precision is not torch.float32):
            return Outputs(*self.parallel(frames))

    def learn(self, loss: Tensor) -> Tensor:
        """One step of the optimizer; returns the norm of the gradients before they were clipped to ``MOST_NORM``."""
        self.optimizer.zero_grad(set_to_none=True)
        self.scaler.scale(loss).backward()  # type: ignore[no-untyped-call]  # torch leaves it untyped
        self.scaler.unscale_(self.optimizer)
        norm = nn.utils.clip_grad_norm_(self.network.parameters(), MOST_NORM)
        self.scaler.step(self.optimizer)
        self.scaler.update()
        if self.averaged is not None:
            self.averaged.update_parameters(self.counter)
        self.facts["step"] += 1
        return norm

    def snapshot(self, finished: bool) -> Checkpoint:
        """What a checkpoint keeps; a finished one holds no more than a counter needs.

        Raises:
            InputError: a weight is not a number; the last good checkpoint must not be replaced by such a one.
        """
        for name, value in [*self.network.state_dict().items(), *self.best_counter.state_dict().items()]:
            if not torch.isfinite(value).all():
                raise InputError(f"{name} is not a number after step {self.facts['step']}; the run has diverged: {DIVERGED}")
        model = {name: value.detach().cpu().clone() for name, value in self.best_counter.state_dict().items()}
        state = {
            "network": self.network.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "scaler": self.scaler.state_dict(),
            "averaged": self.averaged.state_dict() if self.averaged is not None else None,
        }
        return Checkpoint(self.settings.design, model, self.settings.input_size, self.facts, None if finished else state)


def optimizer_for(network: Network, settings: TrainSettings) -> torch.optim.AdamW:
    """AdamW with a rate for each depth: the head's, then the stages' from the last to the first; only matrices decay.

    Source:
        Howard & Ruder 2018, section 3.2 (discriminative fine-tuning).
    """
    depth = {id(parameter): number for number, stage in enumerate(reversed(network.counter.stages())) for parameter in stage.parameters()}
    depth |= {id(parameter): 0 for layer in network.counter.pretrained_last_layers() for parameter in layer.parameters()}
    groups: dict[tuple[float, bool], list[nn.Parameter]] = {}
    for parameter in network.parameters():
        if parameter.requires_grad:
            stage = depth.get(id(parameter))
            scale = settings.head_rate if stage is None else settings.stage_rate**stage
            groups.setdefault((scale, parameter.ndim > 1), []).append(parameter)
    return torch.optim.AdamW(
        [
            {"params": parameters, "scale": scale, "weight_decay": settings.weight_decay if is_matrix else 0.0}
            for (scale, is_matrix), parameters in sorted(groups.items(), key=lambda entry: entry[0])
        ],
        lr=settings.learning_rate,
        fused=next(network.parameters()).is_cuda,
    )


def begin_with(paths: Sequence[Path]) -> Checkpoint | None:
    """The average of some checkpoints; None for none."""
    return checkpoints.average([checkpoints.read(path) for path in paths]) if paths else None


def _share(decay: float, updates: int) -> float:
    """How much of the newest weights an average takes: more at first, so that the first weights are soon forgotten."""
    return 1 - min(decay, (1 + updates) / (10 + updates))


def _precision(settings: TrainSettings, device: torch.device) -> torch.dtype:
    if settings.precision == "auto":
        return torch.bfloat16 if device.type == "cuda" else torch.float32
    return {"float32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}[settings.precision]
