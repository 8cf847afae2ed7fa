"""Does a travel-time graph answer as the checkpoint does in torch: many lists together, each alone, and longer than any in training."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import onnxruntime as ort
import torch
from numpy.typing import NDArray
from torch import Tensor

from bintally.manifest_base import Gate
from bintally.travel_time import SameAsTorch
from bintally.travel_time.network import OUTPUTS
from trainer.travel_time.lists import Lists
from trainer.travel_time.network import TravelTime

MOST_APART = {"value": 1e-4, "spread": 1e-3}
"""Largest relative differences: float32 sums in another order differ by a millionth."""
_TOGETHER, _ALONE = 5_000, 50
_BATCH = 1024
Answers = NDArray[np.float32]
"""Values and spreads, float32 [2, n]."""


def answers(session: ort.InferenceSession, picks: Tensor, base: Tensor) -> Answers:
    """What the graph says of some lists."""
    return np.array(session.run(OUTPUTS, {"picks": picks.numpy(), "base": base.numpy()}))


def all_answers(session: ort.InferenceSession, lists: Lists) -> Answers:
    """What the graph says of all lists."""
    return np.concatenate([answers(session, *batch) for batch in _together(lists, len(lists))], 1)


def compared(network: TravelTime, session: ort.InferenceSession, lists: Lists) -> SameAsTorch:
    """Compare.

    Args:
        network: the checkpoint's, in evaluation mode.
        session: of its graph.
        lists: that training did not see, at least one.
    """
    groups = {"together": list(_together(lists, _TOGETHER)), "alone": list(_alone(lists)), "longer than trained": list(_longer(lists))}
    gates = []
    for how, batches in groups.items():
        apart = np.max([_apart(network, session, *batch) for batch in batches], 0)  # NaN stays NaN, and fails
        gates += [
            Gate(name=f"{name} of lists {how}, largest relative difference", value=float(largest), limit=MOST_APART[name])
            for name, largest in zip(OUTPUTS, apart, strict=True)
        ]
    return SameAsTorch(lists=sum(len(base) for batches in groups.values() for _, base in batches), gates=gates)


def _apart(network: TravelTime, session: ort.InferenceSession, picks: Tensor, base: Tensor) -> NDArray[np.float64]:
    """Largest relative differences of value and spread."""
    with torch.inference_mode():
        wanted = torch.stack(network(picks, base)).double().numpy()
    return np.asarray((np.abs(answers(session, picks, base) - wanted) / np.abs(wanted)).max(1))


def _together(lists: Lists, most: int) -> Iterator[tuple[Tensor, Tensor]]:
    end = min(most, len(lists))
    for begin in range(0, end, _BATCH):
        part = torch.arange(begin, min(begin + _BATCH, end))
        yield lists.picks(part), lists.base[part]


def _alone(lists: Lists) -> Iterator[tuple[Tensor, Tensor]]:
    """One list a run, without padding; and of one place."""
    for number in range(min(_ALONE, len(lists))):
        places, base = lists.places[lists.first[number] : lists.first[number + 1]], lists.base[number : number + 1]
        yield places.unsqueeze(0), base
        yield places[:1].unsqueeze(0), base


def _longer(lists: Lists) -> Iterator[tuple[Tensor, Tensor]]:
    """Several lists' places as one list, behind padded lists of its length; no warehouse wants it, but it may be asked for."""
    for factor in (2, 5):
        places = lists.places[: factor * lists.longest]
        picks = torch.zeros(2, factor * lists.longest, 3)
        picks[0, : len(places)] = places
        picks[1, : min(3, len(places))] = places[:3]
        yield picks, lists.base[:1].repeat(2, 1)
