"""Calibration: which range of each activation the eight bits shall cover.

ONNX Runtime's own calibrators keep all activations of all frames at once for anything but min–max; here two passes over the
frames (the ends, then the bins) fill a histogram for each tensor, and every method reads its ranges from the same histograms.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
import onnx
from numpy.typing import NDArray

from bintally.frames import Frame
from export.sessions import activations, float_tensors

Method = Literal["min-max", "percentile", "entropy"]
METHODS: tuple[Method, ...] = get_args(Method)
PERCENTILE = 99.999
"""Of the values, this share stays inside the range."""
Range = tuple[float, float]
_BINS = 2048
_MOST_VALUES = 100_000
"""Of one tensor and batch that a histogram takes, evenly spread; the ends come from all."""
_ENOUGH = 200_000
"""A tensor of fewer values keeps its whole range: rare values cannot be told from common ones (the logits are seven a frame)."""
_SHRUNK = np.linspace(0.2, 1, 81)


@dataclass(frozen=True)
class Histogram:
    """Values of one tensor, in equally wide bins from its smallest to its largest.

    Attributes:
        low: smallest value.
        high: largest value.
        counts: int64 [2048].
    """

    low: float
    high: float
    counts: NDArray[np.int64]


def observe(model: onnx.ModelProto, frames: Frame) -> dict[str, Histogram]:
    """Run a float32 graph and fill a histogram for each float tensor that a node gives.

    Args:
        model: from ``export.quantize.prepared``.
        frames: uint8 [n, height, width, 3], n > 0.
    """
    names = float_tensors(model)
    low, high = dict.fromkeys(names, np.inf), dict.fromkeys(names, -np.inf)
    for values in activations(model, names, frames):
        for name, value in values.items():
            low[name], high[name] = min(low[name], float(value.min())), max(high[name], float(value.max()))
    counts = {name: np.zeros(_BINS, np.int64) for name in names}
    for values in activations(model, names, frames):
        for name, value in values.items():
            width = (high[name] - low[name]) / _BINS or 1.0
            sample = value.ravel()[:: -(-value.size // _MOST_VALUES)]
            bins = ((sample - np.float32(low[name])) * np.float32(1 / width)).astype(np.int32)
            counts[name] += np.bincount(np.minimum(bins, _BINS - 1), minlength=_BINS)
    return {name: Histogram(low[name], high[name], counts[name]) for name in names}


def ranges(histograms: Mapping[str, Histogram], method: Method, symmetric: bool) -> dict[str, Range]:
    """The range of each tensor by a method; each holds 0, which must be a whole number of steps."""
    found = {}
    for name, histogram in histograms.items():
        enough = histogram.counts.sum() >= _ENOUGH
        low, high = _METHODS[method if enough else "min-max"](histogram, symmetric)
        low, high = min(0.0, low), max(0.0, high)
        largest = max(-low, high)
        found[name] = (-largest, largest) if symmetric else (low, high)
    return found


def _min_max(histogram: Histogram, _symmetric: bool) -> Range:
    return histogram.low, histogram.high


def _percentile(histogram: Histogram, _symmetric: bool) -> Range:
    """Cut as much off both ends."""
    share = np.cumsum(histogram.counts) / histogram.counts.sum()
    edges = np.linspace(histogram.low, histogram.high, _BINS + 1)
    outside = (1 - PERCENTILE / 100) / 2
    return float(edges[np.searchsorted(share, outside)]), float(edges[np.searchsorted(share, 1 - outside) + 1])


def _entropy(histogram: Histogram, symmetric: bool) -> Range:
    """The share of the whole range under which the rounded values tell most of the exact ones.

    Source:
        Migacz 2017, 8-bit Inference with TensorRT (the Kullback–Leibler divergence between clipped and rounded distribution).
    """
    if histogram.high <= histogram.low:
        return histogram.low, histogram.high
    counts = histogram.counts.copy()
    zero = min(int((0 - histogram.low) / (histogram.high - histogram.low) * _BINS), _BINS - 1)
    if zero >= 0:  # what a ReLU cut off says nothing of how finely the rest must be rounded
        counts[zero] = counts[zero + 1 if zero == 0 else zero - 1]
    centres = (np.arange(_BINS) + 0.5) * (histogram.high - histogram.low) / _BINS + histogram.low
    whole = ranges({"": histogram}, "min-max", symmetric)[""]
    best, least = whole, np.inf
    for share in _SHRUNK:
        low, high = whole[0] * share, whole[1] * share
        divergence = _divergence(counts, centres, low, high)
        if divergence < least:
            best, least = (low, high), divergence
    return best


def _divergence(counts: NDArray[np.int64], centres: NDArray[np.float64], low: float, high: float) -> float:
    """KL divergence in nats of the clipped distribution from the same one rounded to 255 steps from low to high."""
    inside = (centres >= low) & (centres <= high)
    if not counts[inside].any():
        return np.inf
    clipped = np.where(inside, counts, 0).astype(np.float64)
    first, last = np.flatnonzero(inside)[[0, -1]]
    clipped[first] += counts[:first].sum()
    clipped[last] += counts[last + 1 :].sum()
    level = np.rint((centres.clip(low, high) - low) / (high - low) * 255).astype(np.int64)
    filled = inside & (clipped > 0)
    mass = np.bincount(level[filled], counts[filled].astype(np.float64), 256)
    bins = np.bincount(level[filled], minlength=256)
    rounded = np.where(filled, mass[level] / np.maximum(bins[level], 1), 0)
    p, q = clipped / clipped.sum(), rounded / rounded.sum()
    known = p > 0
    return float((p[known] * np.log(p[known] / np.maximum(q[known], 1e-9))).sum())


_METHODS = {"min-max": _min_max, "percentile": _percentile, "entropy": _entropy}
