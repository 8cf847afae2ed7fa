"""Quantization-aware fine-tuning: the float weights learn to give the checkpoint's answers although they will be rounded."""

from __future__ import annotations

import math
import operator

import numpy as np
import onnx
import structlog
import torch
from torch import Tensor, fx, nn
from torch.nn.utils import parametrize

from export.graph import divide_logits, folded, to_onnx
from export.quantize import prepared
from export.source import Source, frames_of
from export.targets import Arithmetic

_BATCH = 16
_RATE = 5e-7
"""Of Adam, which moves each weight by about as much: with 2e-5 the answers were worse after the first steps than before."""
_MOMENTUM = 0.1
_LOG_EVERY = 20
log = structlog.get_logger()


class _Rounded(nn.Module):
    """Rounds activations as the target will, within a moving average of the batches' smallest and largest values."""

    low: Tensor
    high: Tensor

    def __init__(self, symmetric: bool) -> None:
        super().__init__()
        self.symmetric = symmetric
        self.register_buffer("low", torch.tensor(math.nan))
        self.register_buffer("high", torch.tensor(math.nan))

    def forward(self, x: Tensor) -> Tensor:
        with torch.no_grad():
            low, high = x.min().clamp(max=0), x.max().clamp(min=0)
            self.low.copy_(low if self.low.isnan() else self.low.lerp(low, _MOMENTUM))
            self.high.copy_(high if self.high.isnan() else self.high.lerp(high, _MOMENTUM))
        if self.symmetric:
            scale = torch.maximum(-self.low, self.high).clamp(min=1e-8) / 127
            return torch.fake_quantize_per_tensor_affine(x, scale, torch.zeros((), dtype=torch.int32), -128, 127)
        scale = (self.high - self.low).clamp(min=1e-8) / 255
        zero = (-self.low / scale).round().to(torch.int32)
        return torch.fake_quantize_per_tensor_affine(x, scale, zero, 0, 255)


class _RoundedWeight(nn.Module):
    """Rounds a weight [outputs, …] to whole steps of each output channel."""

    def __init__(self, bits: int) -> None:
        super().__init__()
        self.largest = 64 if bits == 7 else 127

    def forward(self, weight: Tensor) -> Tensor:
        scale = weight.detach().abs().flatten(1).amax(1).clamp(min=1e-8) / self.largest
        zero = torch.zeros(len(weight), dtype=torch.int32)
        return torch.fake_quantize_per_channel_affine(weight, scale, zero, 0, -self.largest, self.largest)


def fine_tuned(source: Source, arithmetic: Arithmetic, steps: int) -> onnx.ModelProto:
    """Fine-tune a checkpoint for an arithmetic, towards its own float32 answers on training images.

    Args:
        source: the checkpoint; it stays as it is.
        arithmetic: of the target.
        steps: of 16 images.

    Returns:
        The float32 graph with the new weights, prepared for quantization.

    Source:
        Jacob et al. 2018, Quantization and Training of Neural Networks for Efficient Integer-Arithmetic-Only Inference, section 3.
    """
    counter = source.checkpoint.counter().eval()
    student = folded(counter)
    rounded = with_rounding(student, arithmetic)
    optimizer = torch.optim.Adam(rounded.parameters(), _RATE)
    rng = np.random.default_rng(1)
    for step in range(steps):
        for group in optimizer.param_groups:
            group["lr"] = _RATE * 0.5 * (1 + math.cos(math.pi * step / steps))
        chosen = [source.training[i] for i in rng.choice(len(source.training), _BATCH)]
        frames = torch.from_numpy(frames_of(chosen, source.size))
        with torch.inference_mode():
            wanted = counter(frames).log_softmax(1).clone()
        answers = rounded(frames.float().permute(0, 3, 1, 2) - counter.mean).log_softmax(1)
        loss = nn.functional.kl_div(answers, wanted, reduction="batchmean", log_target=True)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]  # torch leaves it untyped
        optimizer.step()
        if step % _LOG_EVERY == 0:
            log.info("fine-tuning", step=step, of=steps, divergence=round(loss.item(), 5))
    for module in student.modules():
        if parametrize.is_parametrized(module, "weight"):
            parametrize.remove_parametrizations(module, "weight", leave_parametrized=False)
    plain = prepared(to_onnx(student, counter.mean, source.size))
    divide_logits(plain, source.temperature)
    return plain


def with_rounding(net: nn.Module, arithmetic: Arithmetic) -> fx.GraphModule:
    """A network that shares its parameters with ``net`` and rounds where the target does; the weights of ``net`` are rounded too.

    Args:
        net: from ``export.graph.folded``.
        arithmetic: of the target.
    """
    for module in net.modules():
        if isinstance(module, nn.Conv2d | nn.Linear):
            parametrize.register_parametrization(module, "weight", _RoundedWeight(arithmetic.weight_bits))
    rounded = fx.GraphModule(net, fx.Tracer().trace(net))
    modules = dict(rounded.named_modules())
    depth: dict[fx.Node, int] = {}
    for node in list(rounded.graph.nodes):
        weighted = node.op == "call_module" and isinstance(modules[str(node.target)], nn.Conv2d | nn.Linear)
        depth[node] = max((depth.get(one, 0) for one in node.all_input_nodes), default=0) + weighted
        residual = node.target in (operator.add, operator.iadd, torch.add) and len(node.all_input_nodes) == 2
        if arithmetic.weighted_inputs_only:
            for given in node.all_input_nodes if weighted else [min(node.all_input_nodes, key=depth.__getitem__)] if residual else []:
                _round(rounded, given, arithmetic.symmetric, [node])
        elif _is_rounded_everywhere(node, modules, weighted, residual):
            _round(rounded, node, arithmetic.symmetric, list(node.users))
    rounded.recompile()
    return rounded


def _is_rounded_everywhere(node: fx.Node, modules: dict[str, nn.Module], weighted: bool, residual: bool) -> bool:
    """The network's input and every result, but for one that goes into a ReLU alone: that one is rounded behind it."""
    if node.op == "placeholder":
        return True
    before_relu = all(user.op == "call_module" and isinstance(modules[str(user.target)], nn.ReLU) for user in node.users)
    is_relu = node.op == "call_module" and isinstance(modules[str(node.target)], nn.ReLU | nn.MaxPool2d)
    return (weighted or residual or is_relu) and not before_relu


def _round(net: fx.GraphModule, node: fx.Node, symmetric: bool, users: list[fx.Node]) -> None:
    name = f"rounded_{node.name}_{len(net.graph.nodes)}"
    net.add_submodule(name, _Rounded(symmetric))
    with net.graph.inserting_after(node):
        rounded = net.graph.call_module(name, (node,))
    for user in users:
        user.replace_input_with(node, rounded)
