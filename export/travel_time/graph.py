"""The ONNX graph of a travel-time network: padded picks and their bases in, values and spreads out."""

from __future__ import annotations

import onnx
import torch

from bintally.errors import InputError
from bintally.travel_time.network import OUTPUTS
from export.graph import traced
from trainer.travel_time.network import TravelTime


def to_onnx(network: TravelTime) -> onnx.ModelProto:
    """Write the graph ``picks: float32[N, L, 3], base: float32[N, B] → value, spread: float32[N]``, for any N and L from 1 on.

    Raises:
        InputError: a weight is not a number.
    """
    if not all(bool(torch.isfinite(value).all()) for value in network.state_dict().values()):
        raise InputError("the checkpoint has weights that are not numbers (NaN or infinite); train again")
    number, length = torch.export.Dim("N", min=1), torch.export.Dim("L", min=1)
    inputs = {"picks": torch.zeros(2, 3, 3), "base": torch.ones(2, network.bases)}
    return traced(network, inputs, OUTPUTS, {"picks": {0: number, 1: length}, "base": {0: number}})
