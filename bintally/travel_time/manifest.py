"""The manifest of a travel-time bundle: which lists it estimates, in which warehouse, and how well."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from bintally.labels import Label
from bintally.layouts import Cart, Ladder
from bintally.manifest_base import DIGEST_PATTERN, BaseManifest, Gate, Part

Finite = Annotated[float, Field(allow_inf_nan=False)]


class HeldOut(Part):
    """Relative errors, |estimated ÷ calculated − 1|, on lists that training did not see.

    Attributes:
        lists: how many.
        scores: of the graph, as the trainer names them: ``error`` is the mean, ``worst`` the mean over the worst 1 % of lists.
        spread: how well the spreads foretell the errors.
        baselines: name → scores of simpler estimates.
    """

    lists: int = Field(ge=1)
    scores: dict[str, Finite]
    spread: dict[str, Finite]
    baselines: dict[str, dict[str, Finite]]


class SameAsTorch(Part):
    """How the graph's answers compare with the checkpoint's in torch.

    Attributes:
        lists: how many, of all lengths; some are longer than the trained ones.
        gates: all of them; a bundle is only written when all are passed.
    """

    lists: int = Field(ge=1)
    gates: list[Gate] = Field(min_length=1)


class GoldenList(Part):
    """A pick list, and what the graph answered where the bundle was made."""

    picks: list[tuple[Finite, Finite, Finite]] = Field(min_length=1, description="column, y_m, quantity")
    base: list[Finite] = Field(min_length=1, description="the bases: the length of its shortest tour, …")
    value: Finite
    spread: Finite


class TravelTimeManifest(BaseManifest):
    """The manifest.

    The graph takes ``picks: float32[N, L, 3]`` (column, y_m and quantity; padded behind with rows of quantity 0) and ``base: float32[N, B]``
    (what is calculated of each list before), for any N and L from 1 on. It gives ``value: float32[N]`` in the label's unit and
    ``spread: float32[N]``, the relative standard deviation of the error that it expects.

    Attributes:
        ladder: the warehouse; the graph knows no other one.
        cart: worker and cart, None where the label needs none.
        label: name of the column that it learnt.
        what: the label's unit and meaning.
        bases: what is calculated of each list before; the length of the shortest tour in metres first.
        most_picks: places of the longest list in training.
        measured: on held-out lists.
        proof: that it equals the checkpoint.
        training: settings and progress of the checkpoint.
        data_digest: of the labelled lists.
        golden_tolerance: by which answers to golden lists may differ, relatively.
    """

    task: Literal["travel-time"] = "travel-time"
    ladder: Ladder
    cart: Cart | None
    label: str
    what: Label
    bases: tuple[Literal["plain_m", "along_s"], ...] = Field(min_length=1)
    most_picks: int = Field(ge=1)
    measured: HeldOut
    proof: SameAsTorch
    training: dict[str, Any]
    data_digest: str = Field(pattern=DIGEST_PATTERN)
    golden: list[GoldenList] = Field(min_length=1)
    golden_tolerance: float = Field(gt=0, le=0.01)

    def golden_inputs(self) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """The golden lists as the graph takes them, float32 [n, L, 3] and float32 [n, B]."""
        picks = np.zeros((len(self.golden), max(len(golden.picks) for golden in self.golden), 3), np.float32)
        for row, golden in zip(picks, self.golden, strict=True):
            row[: len(golden.picks)] = golden.picks
        return picks, np.array([golden.base for golden in self.golden], np.float32)

    def golden_answers(self) -> NDArray[np.float64]:
        """Values and spreads, float64 [2, n]."""
        return np.array([[golden.value for golden in self.golden], [golden.spread for golden in self.golden]])
