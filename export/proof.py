"""Is a graph as good as the checkpoint: both answer the same frames, and gates judge the difference (pure)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bintally.manifest_base import Gate
from trainer.evaluation.compare import compare
from trainer.evaluation.metrics import scores

_SEED = 2026
_KEPT = ("accuracy", "rmse", "accuracy_all", "ece")
_LARGEST_DIFFERENCE = {"float32": 0.001, "float16": 0.02}


@dataclass(frozen=True)
class Limits:
    """What quantization may cost.

    Attributes:
        lost: of accuracy, 0 to 1: the upper end of the paired 95 % interval must not be above it.
        rmse: how far the RMSE may move, in items.
        agreement: share of frames that must get the same decision.
    """

    lost: float = 0.01
    rmse: float = 0.03
    agreement: float = 0.97


@dataclass(frozen=True)
class Comparison:
    """Two counters' answers to the same frames; see ``bintally.manifest.Proof`` for the fields.

    Attributes:
        lost: accuracy lost and the upper end of its paired 95 % interval, for ``accuracy`` and ``accuracy_all``.
    """

    agreement: float
    largest_difference: float
    mean_difference: float
    before: dict[str, Any]
    after: dict[str, Any]
    lost: dict[str, tuple[float, float]]


def compared(
    before: NDArray[np.floating[Any]], after: NDArray[np.floating[Any]], quantities: NDArray[np.integer[Any]], groups: Sequence[str]
) -> Comparison:
    """Compare.

    Args:
        before: probabilities of the checkpoint, [n, 7], n > 0.
        after: probabilities of the graph on the same frames.
        quantities: [n], true number of items.
        groups: [n], of which frame; the interval is a bootstrap over whole groups.
    """
    differences = compare(before, after, quantities, groups, _SEED).differences
    absolute = np.abs(before - after)
    of_both = [scores(answers, quantities) for answers in (before, after)]
    lost = {
        name: (0 - found.difference, 0 - found.interval[0] if found.interval else 0 - found.difference)
        for name, found in differences.items()
        if name != "rmse"
    }
    return Comparison(
        agreement=float((before.argmax(1) == after.argmax(1)).mean()),
        largest_difference=float(absolute.max()),
        mean_difference=float(absolute.mean()),
        before={name: of_both[0][name] for name in _KEPT},
        after={name: of_both[1][name] for name in _KEPT},
        lost=lost,
    )


def gates(found: Comparison, precision: str, limits: Limits) -> list[Gate]:
    """What the comparison must reach.

    Args:
        found: of checkpoint and graph.
        precision: of the graph: ``int8``, ``float16`` or ``float32``; float graphs must also give nearly the same probabilities.
        limits: see there.
    """
    judged = [Gate(name="same decision", value=found.agreement, limit=limits.agreement, at_least=True)]
    words = {"accuracy": "accuracy lost up to 5 items, 95 % bound", "accuracy_all": "accuracy lost, 95 % bound"}
    judged += [Gate(name=words[name], value=bound, limit=limits.lost) for name, (_, bound) in found.lost.items()]
    if found.before["rmse"] is not None:
        judged.append(Gate(name="RMSE moved", value=abs(found.after["rmse"] - found.before["rmse"]), limit=limits.rmse))
    if precision in _LARGEST_DIFFERENCE:
        judged.append(Gate(name="largest difference", value=found.largest_difference, limit=_LARGEST_DIFFERENCE[precision]))
    return judged


def divergence(before: NDArray[np.floating[Any]], after: NDArray[np.floating[Any]]) -> float:
    """Mean Kullback–Leibler divergence in nats of answers [n, classes] from those before."""
    p, q = np.maximum(before, 1e-9), np.maximum(after, 1e-9)
    return float((p * np.log(p / q)).sum(1).mean())
