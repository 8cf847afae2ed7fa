"""The float32 ONNX graph of a checkpoint: raw frames in, probabilities out."""

from __future__ import annotations

import contextlib
import io
import logging
import warnings

import onnx
import torch
from torch import Tensor, nn
from torch.fx.experimental.optimization import fuse

from bintally.errors import InputError
from trainer.network.model import Counter

OPSET = 18
IR_VERSION = 10
"""Both are read by ONNX Runtime 1.20 and later."""


class _Probabilities(nn.Module):
    """Counter, temperature and softmax in one."""

    def __init__(self, counter: Counter, temperature: float) -> None:
        super().__init__()
        self.net, self.mean, self.temperature = _folded(counter), counter.mean, temperature

    def forward(self, frames: Tensor) -> Tensor:
        pixels = frames.permute(0, 3, 1, 2).float() - self.mean  # the division stands in the first weights
        logits: Tensor = self.net(pixels)
        return (logits / self.temperature).softmax(1)


def to_onnx(counter: Counter, input_size: int, temperature: float) -> onnx.ModelProto:
    """Write the graph ``frames: uint8[N, size, size, 3] → probabilities: float32[N, 7]``.

    Batch norms and the input's scale are folded into the convolutions; any batch size can be run.

    Args:
        counter: is put into evaluation mode, and else stays as it is.
        input_size: side of the frames in pixels.
        temperature: the logits are divided by it.

    Raises:
        InputError: a weight is not a number.
    """
    if not all(bool(torch.isfinite(value).all()) for value in counter.state_dict().values()):
        raise InputError("the checkpoint has weights that are not numbers (NaN or infinite); train again")
    frames = torch.zeros(2, input_size, input_size, 3, dtype=torch.uint8)
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)
    with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):  # the exporter prints its steps
        warnings.simplefilter("ignore")
        program = torch.onnx.export(
            _Probabilities(counter.eval(), temperature).eval(),
            (frames,),
            input_names=["frames"],
            output_names=["probabilities"],
            dynamic_shapes={"frames": {0: torch.export.Dim("N", min=1, max=1024)}},
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


def _folded(counter: Counter) -> nn.Module:
    """The backbone and head with the batch norms, and the division of the input by its standard deviation, in the convolutions' weights."""
    net: nn.Module = fuse(counter.net)
    first = next(module for module in net.modules() if isinstance(module, nn.Conv2d))
    first.weight = nn.Parameter(first.weight / counter.std)
    return net
