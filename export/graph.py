"""The float32 ONNX graph of a checkpoint: raw frames in, probabilities out."""

from __future__ import annotations

import contextlib
import io
import logging
import warnings

import onnx
import torch
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval
from torchvision.models.resnet import Bottleneck

from bintally.errors import InputError
from trainer.model import Counter

OPSET = 18
IR_VERSION = 10
"""Both are read by ONNX Runtime 1.20 and later."""


class _Probabilities(nn.Module):
    """Counter, temperature and softmax in one."""

    def __init__(self, counter: Counter, temperature: float) -> None:
        super().__init__()
        self.counter, self.temperature = counter, temperature

    def forward(self, frames: Tensor) -> Tensor:
        pixels = frames.permute(0, 3, 1, 2).float() - self.counter.mean  # the division stands in the first weights
        logits: Tensor = self.counter.net(pixels)
        return (logits / self.temperature).softmax(1)


def to_onnx(counter: Counter, input_size: int, temperature: float) -> onnx.ModelProto:
    """Write the graph ``frames: uint8[N, size, size, 3] → probabilities: float32[N, 7]``.

    Batch norms and the input's scale are folded into the convolutions; any batch size can be run.

    Args:
        counter: changed in place (folded).
        input_size: side of the frames in pixels.
        temperature: the logits are divided by it.

    Raises:
        InputError: a weight is not a number.
    """
    if not all(bool(torch.isfinite(value).all()) for value in counter.state_dict().values()):
        raise InputError("the checkpoint has weights that are not numbers (NaN or infinite); train again")
    _fold(counter.eval())
    frames = torch.zeros(2, input_size, input_size, 3, dtype=torch.uint8)
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)
    with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):  # the exporter prints its steps
        warnings.simplefilter("ignore")
        program = torch.onnx.export(
            _Probabilities(counter, temperature).eval(),
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


def _fold(counter: Counter) -> None:
    """Put batch norms, and the division of the input by its standard deviation, into the weights of the convolutions."""
    net = counter.net
    net.conv1, net.bn1 = fuse_conv_bn_eval(net.conv1, net.bn1), nn.Identity()
    net.conv1.weight = nn.Parameter(net.conv1.weight / counter.std)
    for block in net.modules():
        if not isinstance(block, Bottleneck):
            continue
        for number in (1, 2, 3):
            conv, norm = getattr(block, f"conv{number}"), getattr(block, f"bn{number}")
            setattr(block, f"conv{number}", fuse_conv_bn_eval(conv, norm))
            setattr(block, f"bn{number}", nn.Identity())
        if block.downsample is not None:
            block.downsample = nn.Sequential(fuse_conv_bn_eval(block.downsample[0], block.downsample[1]))
