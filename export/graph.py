"""The float32 ONNX graph of a counter: raw frames in, probabilities out."""

from __future__ import annotations

import contextlib
import io
import logging
import warnings
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import onnx
import torch
from onnx import helper, numpy_helper
from torch import Tensor, nn
from torch.fx.experimental.optimization import fuse

from bintally.errors import InputError
from trainer.network.model import Counter

OPSET = 18
IR_VERSION = 10
"""Both are read by ONNX Runtime 1.20 and later."""


class _Mean(nn.Module):
    """What global pooling computes; torch's own is exported with index arithmetic around it."""

    def forward(self, features: Tensor) -> Tensor:
        return features.mean((2, 3), keepdim=True)


class _Probabilities(nn.Module):
    """Mean, folded counter and softmax in one."""

    mean: Tensor

    def __init__(self, net: nn.Module, mean: Tensor, width: int) -> None:
        super().__init__()
        self.net = net
        self.register_buffer("mean", mean.flatten().repeat(width))

    def forward(self, frames: Tensor) -> Tensor:
        # Bytes are cast first, as TensorRT wants it. The mean is taken off whole rows: along three channels it took ONNX Runtime 0.7 ms.
        rows = frames.float().flatten(2) - self.mean
        logits: Tensor = self.net(rows.view(frames.shape).permute(0, 3, 1, 2))  # the division stands in the first weights
        return logits.softmax(1)


def folded(counter: Counter) -> nn.Module:
    """The backbone and head with the batch norms, and the division of the input by its standard deviation, in the convolutions' weights.

    Args:
        counter: is put into evaluation mode, and else stays as it is.

    Returns:
        A network from frames less ``counter.mean``, float32 [n, 3, height, width], to logits [n, 7].

    Raises:
        InputError: a weight is not a number.
    """
    if not all(bool(torch.isfinite(value).all()) for value in counter.state_dict().values()):
        raise InputError("the checkpoint has weights that are not numbers (NaN or infinite); train again")
    net: nn.Module = fuse(counter.eval().net)
    for path, module in list(net.named_modules()):
        if isinstance(module, nn.AdaptiveAvgPool2d) and module.output_size in (1, (1, 1)):
            net.set_submodule(path, _Mean())
    first = next(module for module in net.modules() if isinstance(module, nn.Conv2d))
    first.weight = nn.Parameter(first.weight / counter.std)
    return net


def to_onnx(net: nn.Module, mean: Tensor, input_size: int) -> onnx.ModelProto:
    """Write the graph ``frames: uint8[N, size, size, 3] → probabilities: float32[N, 7]``; any batch size can be run.

    Args:
        net: from ``folded``.
        mean: of the counter that was folded.
        input_size: side of the frames in pixels.
    """
    frames = torch.zeros(2, input_size, input_size, 3, dtype=torch.uint8)
    free = {"frames": {0: torch.export.Dim("N", min=1, max=1024)}}
    return traced(_Probabilities(net, mean, input_size), {"frames": frames}, ["probabilities"], free)


def traced(net: nn.Module, inputs: Mapping[str, Tensor], outputs: Sequence[str], free: Mapping[str, Mapping[int, Any]]) -> onnx.ModelProto:
    """Let torch write a network's graph.

    Args:
        net: is put into evaluation mode.
        inputs: an example of each, in the order in which the network takes them.
        outputs: their names.
        free: of each input the dimensions that may have any size.
    """
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)
    with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):  # the exporter prints its steps
        warnings.simplefilter("ignore")
        program = torch.onnx.export(
            net.eval(),
            tuple(inputs.values()),
            input_names=list(inputs),
            output_names=list(outputs),
            dynamic_shapes={name: dict(sizes) for name, sizes in free.items()},
            opset_version=OPSET,
            dynamo=True,
            verbose=False,
        )
    if program is None:
        raise RuntimeError("torch.onnx.export returned nothing")
    model = program.model_proto
    model.ir_version = IR_VERSION
    onnx.checker.check_model(model)
    return model


def divide_logits(model: onnx.ModelProto, temperature: float) -> None:
    """Let a graph from ``to_onnx`` divide its logits by a temperature before the softmax."""
    softmax = model.graph.node[-1]
    model.graph.initializer.append(numpy_helper.from_array(np.array(temperature, np.float32), "temperature"))
    division = helper.make_node("Div", [softmax.input[0], "temperature"], ["tempered"], "temper")
    softmax.input[0] = "tempered"
    model.graph.node.insert(len(model.graph.node) - 1, division)
