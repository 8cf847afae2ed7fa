"""Watch a training run for what commonly goes wrong silently, and say what to do about it."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

from trainer.network.model import Counter

_DEAD, _FROZEN_OUTPUT, _SURE = 0.9, 0.2, 0.999
_VANISHING, _EXPLODING = 1e-5, 1e3
_PATIENCE, _LEAST_FALL = 8, 0.01


@dataclass(frozen=True)
class Finding:
    """Something that is probably wrong.

    Attributes:
        kind: ``dead-relu``, ``output-relu``, ``saturated``, ``vanishing``, ``exploding`` or ``loss-does-not-fall``.
        step: at which it was first seen.
        what: what was measured.
        advice: what to do.
    """

    kind: str
    step: int
    what: str
    advice: str


@dataclass
class HealthWatch:
    """Looks at one step in a while; each kind of finding is reported once.

    Use ``with watch.looking(counter)`` around a forward pass, then ``watch.judge`` after its backward pass.

    Attributes:
        findings: so far.
        losses: of the steps that were looked at; both lists are what a resumed run hands over.
    """

    findings: list[Finding] = field(default_factory=list)
    losses: list[float] = field(default_factory=list)
    _dead: dict[str, float] = field(default_factory=dict)

    def looking(self, counter: Counter) -> _Hooks:
        """Record, while the context lasts, which share of each ReLU's channels is zero for the whole batch."""
        self._dead.clear()
        return _Hooks(counter, self._dead)

    def judge(self, step: int, counter: Counter, logits: Tensor, classes: Tensor, loss: float, clipped: float = 1.0) -> list[Finding]:
        """Judge one step.

        Args:
            step: its number.
            counter: with the gradients of this step.
            logits: [n, 7].
            classes: int [n], the true classes.
            loss: of the step, nats.
            clipped: how many times larger the gradients were before they were clipped.

        Returns:
            What was found now and not before.
        """
        self.losses.append(loss)
        found = [*self._dead_relus(), *_output(logits.detach().float(), classes), *_gradients(counter, clipped), *self._loss()]
        known = {finding.kind for finding in self.findings}
        new = [Finding(kind, step, what, advice) for kind, what, advice in found if kind not in known]
        self.findings += new
        return new

    def _dead_relus(self) -> list[tuple[str, str, str]]:
        if not self._dead:
            return []
        name, share = max(self._dead.items(), key=lambda entry: entry[1])
        if share < _DEAD:
            return []
        return [
            (
                "dead-relu",
                f"{share:.0%} of the channels of {name} are zero for a whole batch",
                "take a smaller --learning-rate, or begin from ImageNet weights",
            )
        ]

    def _loss(self) -> list[tuple[str, str, str]]:
        if len(self.losses) < 2 * _PATIENCE:
            return []
        before, now = sum(self.losses[:_PATIENCE]) / _PATIENCE, sum(self.losses[-_PATIENCE:]) / _PATIENCE
        if now < before - _LEAST_FALL:
            return []
        return [
            (
                "loss-does-not-fall",
                f"the loss was {before:.3f} at first and is {now:.3f}",
                "change --learning-rate by a factor of ten, and look at some images and labels with 'bintally data explore'",
            )
        ]


class _Hooks:
    def __init__(self, counter: Counter, dead: dict[str, float]) -> None:
        self._counter, self._dead = counter, dead
        self._handles: list[RemovableHandle] = []

    def __enter__(self) -> None:
        for name, module in self._counter.net.named_modules():
            if isinstance(module, nn.ReLU):
                self._handles.append(module.register_forward_hook(self._record(name)))

    def __exit__(self, *_: object) -> None:
        for handle in self._handles:
            handle.remove()

    def _record(self, name: str) -> Callable[[nn.Module, object, Tensor], None]:
        def record(_module: nn.Module, _inputs: object, output: Tensor) -> None:
            with torch.no_grad():
                over = [dimension for dimension in range(output.ndim) if dimension != 1]
                share = float((output.amax(over) <= 0).float().mean())
            self._dead[name] = max(share, self._dead.get(name, 0.0))

        return record


def _output(logits: Tensor, classes: Tensor) -> list[tuple[str, str, str]]:
    found = []
    zero = float((logits == 0).float().mean())
    if zero > _FROZEN_OUTPUT and float(logits.min()) >= 0:
        found.append(
            (
                "output-relu",
                f"{zero:.0%} of the logits are exactly 0 and none is negative: a ReLU stands after the last layer, and gives those classes no gradient",
                "take the activation after the last layer away (--head linear)",
            )
        )
    sure = logits.softmax(1).amax(1) > _SURE
    wrong = logits.argmax(1) != classes
    if float((sure & wrong).float().mean()) > _FROZEN_OUTPUT:
        found.append(
            (
                "saturated",
                f"{float((sure & wrong).float().mean()):.0%} of the answers are wrong with a probability above {_SURE}",
                "take a smaller --learning-rate or more --smoothing",
            )
        )
    return found


def _gradients(counter: Counter, clipped: float) -> list[tuple[str, str, str]]:
    """Norms of the stages' gradients, each in units of the stage's own weights."""
    ratios = [ratio * clipped for ratio in map(_gradient_to_weight, counter.stages()) if ratio is not None]
    if not ratios:
        return []
    if not all(map(math.isfinite, ratios)) or max(ratios) > _EXPLODING:
        what = f"the gradient of a stage is {max(ratios):.3g} times as large as its weights"
        return [("exploding", what, "take a smaller --learning-rate or a longer --warmup")]
    if min(ratios) <= _VANISHING * max(ratios):
        what = f"the gradient of a stage is {min(ratios):.3g} times as large as its weights, of another {max(ratios):.3g} times"
        return [("vanishing", what, "begin from ImageNet weights, and look for dead ReLUs")]
    return []


def _gradient_to_weight(stage: nn.Module) -> float | None:
    learning = [parameter for parameter in stage.parameters() if parameter.grad is not None]
    if not learning:
        return None
    gradient = torch.stack([parameter.grad.float().norm() for parameter in learning if parameter.grad is not None]).norm()
    weight = torch.stack([parameter.detach().float().norm() for parameter in learning]).norm()
    return float(gradient / weight)
