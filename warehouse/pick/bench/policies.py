"""How much longer the usual ways to walk are."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from bintally.layouts.generate import regular_ladder, uniform_list
from warehouse.pick.bench.tables import table
from warehouse.routing.exact import optimal_lengths_m, pack
from warehouse.routing.pictures import Curve, Excess, draw_excess
from warehouse.routing.policies import POLICIES, policy_tour

_ROWS = (2, 3)
_PICKS = (10, 20, 30, 40, 50, 60)


def measure(lists: int, seed: int, out: Path | None) -> None:
    """The policies' mean excess over the shortest tour, as a table and, with a folder, as a plot ``policies.svg``."""
    rng = np.random.default_rng(seed)
    panels: list[Excess] = []
    rows = _rows(max(1, lists // 5), rng, panels)
    table(f"Mean excess over the shortest tour, 10 aisles, {max(1, lists // 5)} lists", ("h", "policy", *map(str, _PICKS)), rows)
    if out:
        draw_excess(out / "policies.svg", panels)


def _rows(lists: int, rng: np.random.Generator, panels: list[Excess]) -> Iterator[tuple[object, ...]]:
    for h in _ROWS:
        ladder = regular_ladder(10, h)
        drawn = [[uniform_list(rng, ladder, picks) for _ in range(lists)] for picks in _PICKS]
        shortest = [optimal_lengths_m(ladder, pack(some)) for some in drawn]
        curves = []
        for name in POLICIES:
            lengths = [np.array([policy_tour(ladder, picks, name).length_m for picks in some]) for some in drawn]
            excess = [float(100 * np.mean(length / best - 1)) for length, best in zip(lengths, shortest, strict=True)]
            curves.append(Curve(name, tuple(map(float, _PICKS)), tuple(excess)))
            yield h, name, *(f"{value:.1f} %" for value in excess)
        panels.append(Excess(f"{h} cross aisles", tuple(curves)))
