"""The state of a travel-time run: network, optimizer, averaged weights; and one step of learning."""

from __future__ import annotations

from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.nn.functional import smooth_l1_loss
from torch.optim.swa_utils import AveragedModel

from bintally.errors import InputError
from trainer.travel_time.checkpoint import Checkpoint, Subject
from trainer.travel_time.lists import Lists
from trainer.travel_time.network import TravelTime
from trainer.travel_time.settings import TravelTimeSettings

MOST_NORM = 0.1
SMALL = 0.01
"""Relative errors below this one count by their square, so that the last steps are as smooth as the errors are small."""
DIVERGED = "take a smaller --learning-rate, and begin again"


class Run:
    """Everything that changes while training.

    Args:
        settings: of the run.
        subject: what is learnt.
        device: where.
        facts: what the checkpoints will say of it; ``step`` and ``validation`` are kept up to date here.
    """

    def __init__(self, settings: TravelTimeSettings, subject: Subject, device: torch.device, facts: dict[str, Any]) -> None:
        self.settings, self.subject, self.device, self.facts = settings, subject, device, facts
        torch.set_float32_matmul_precision("high")  # TF32 on an accelerator; bfloat16's 3 digits are too few for errors of 0.5 %
        torch.manual_seed(settings.seed)
        self.network = TravelTime(subject.ladder, len(subject.bases), settings.design).to(device)
        matrices = [parameter for parameter in self.network.parameters() if parameter.ndim > 1]
        others = [parameter for parameter in self.network.parameters() if parameter.ndim <= 1]
        groups = [{"params": matrices, "weight_decay": settings.weight_decay}, {"params": others, "weight_decay": 0.0}]
        self.optimizer = torch.optim.AdamW(groups, betas=(0.9, 0.99), fused=True)
        self.averaged = AveragedModel(self.network, multi_avg_fn=self._blend)

    @property
    def best_network(self) -> TravelTime:
        """The weights that are validated and kept: the averaged ones."""
        averaged: Any = self.averaged.module
        return cast("TravelTime", averaged)

    def begin(self, lists: Lists) -> None:
        """Fit the straight line through the totals: least squares of the relative error, over all training lists."""
        columns = len(self.network.line)
        left, right = torch.zeros(columns, columns, dtype=torch.float64), torch.zeros(columns, dtype=torch.float64)
        with torch.inference_mode():
            for picks, base, value in lists.chunks():
                rows = (self.network.features(picks, base)[1] / value.unsqueeze(1)).double().cpu()
                left += rows.T @ rows
                right += rows.sum(0)
        line = torch.linalg.lstsq(left, right.unsqueeze(1), driver="gelsd").solution[:, 0]  # totals may depend on each other
        self.network.line.copy_(line)
        self.best_network.line.copy_(line)

    def resume(self, checkpoint: Checkpoint) -> None:
        """Go on from ``last.pt``."""
        state = checkpoint.state or {}
        self.network.load_state_dict(state["network"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.averaged.load_state_dict(state["averaged"])

    def learn(self, picks: Tensor, base: Tensor, value: Tensor, rate: float) -> Tensor:
        """One step of the optimizer; returns the mean relative error before it."""
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        estimated, spread = self.network.forward(picks, base)
        error = estimated / value - 1
        loss = smooth_l1_loss(error, torch.zeros_like(error), beta=SMALL) + self.settings.doubt * doubt_loss(error.detach(), spread)
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]  # torch leaves it untyped
        nn.utils.clip_grad_norm_(self.network.parameters(), MOST_NORM)
        self.optimizer.step()
        self.averaged.update_parameters(self.network)
        self.facts["step"] += 1
        return error.detach().abs().mean()

    def _blend(self, means: Any, newest: Any, updates: Any) -> None:
        """Move averages towards the newest weights: faster at first, so that the first weights are soon forgotten."""
        decay = min(self.settings.ema, (1 + int(updates)) / (10 + int(updates)))
        torch._foreach_lerp_(means, newest, 1 - decay)

    def snapshot(self, finished: bool) -> Checkpoint:
        """What a checkpoint keeps; a finished one holds no more than an estimator needs.

        Raises:
            InputError: a weight is not a number; the last good checkpoint must not be replaced by such a one.
        """
        for name, weights in [*self.network.state_dict().items(), *self.best_network.state_dict().items()]:
            if not torch.isfinite(weights).all():
                raise InputError(f"{name} is not a number after step {self.facts['step']}; the run has diverged: {DIVERGED}")
        model = {name: weights.detach().cpu().clone() for name, weights in self.best_network.state_dict().items()}
        state = {
            "network": self.network.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "averaged": self.averaged.state_dict(),
        }
        return Checkpoint(self.settings.design, self.subject, model, self.facts, None if finished else state)


def doubt_loss(error: Tensor, spread: Tensor) -> Tensor:
    """Mean negative logarithm of a normal distribution's density, but for a constant; smallest where spreads are as large as errors.

    Args:
        error: float32[N], relative; nothing is learnt through it, so that no hard list is given up for its spread.
        spread: float32[N], relative standard deviations.

    Source:
        Nix & Weigend 1994, equation 3.
    """
    return (0.5 * (error / spread).square() + spread.log()).mean()
