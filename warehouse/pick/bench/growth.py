"""How the time of a list grows with aisles, picks and cross aisles."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np

from bintally.layouts.generate import regular_ladder, uniform_list
from warehouse.pick.bench.tables import median_s, table
from warehouse.routing.exact import optimal_lengths_m, pack
from warehouse.routing.exact.states import tables
from warehouse.routing.pictures import Curve, Growth, draw_growth

_AISLES = (5, 10, 20, 40, 80)
_PICKS = (10, 20, 40, 80, 160)
_ROWS = (2, 3, 4, 5, 6)
# aisles in which nothing is to be picked cost nothing, so picks grow with the aisles
_AN_AISLE = 2
# a batch must take longer than what is done once for it
_LISTS, _LISTS_OF_MANY_STATES = 1000, 100


def measure(seed: int, out: Path | None) -> None:
    """Time against each cause alone, as a table and, with a folder, as a plot ``growth.svg``."""
    rng = np.random.default_rng(seed)
    found: dict[tuple[int, int, int], float] = {}
    table("Time of a list in a batch, one core", ("aisles", "h", "picks", "µs"), _rows(rng, found))
    if not out:
        return
    by_aisles = [_curve(f"h = {h}", {float(m): found[m, h, _AN_AISLE * m] for m in _AISLES}) for h in (2, 3)]
    by_picks = [_curve(f"h = {h}", {float(picks): found[10, h, picks] for picks in _PICKS}) for h in (2, 3)]
    by_h = [_curve("10 aisles", {float(h): found[10, h, 20] for h in _ROWS})]
    states = tuple(float(len(tables(h).degrees)) * (h - 1) for h in _ROWS)
    draw_growth(
        out / "growth.svg",
        [
            Growth(f"aisles, {_AN_AISLE} picks in each", tuple(by_aisles), tuple(map(float, _AISLES)), "∝ aisles"),
            Growth("picks", tuple(by_picks)),
            Growth("cross aisles h", tuple(by_h), states, "∝ states × blocks", log_x=False),
        ],
    )


def _rows(rng: np.random.Generator, found: dict[tuple[int, int, int], float]) -> Iterator[tuple[object, ...]]:
    sizes = (
        [(m, h, _AN_AISLE * m) for h in (2, 3) for m in _AISLES]
        + [(10, h, picks) for h in (2, 3) for picks in _PICKS]
        + [(10, h, 20) for h in _ROWS]
    )
    for aisles, h, picks in dict.fromkeys(sizes):
        ladder = regular_ladder(aisles, h)
        lists = _LISTS if h <= 3 else _LISTS_OF_MANY_STATES
        packed = pack([uniform_list(rng, ladder, picks) for _ in range(lists)])
        optimal_lengths_m(ladder, packed, threads=1)
        found[aisles, h, picks] = median_s([partial(optimal_lengths_m, ladder, packed, threads=1)] * 11) / lists * 1e6
        yield aisles, h, picks, f"{found[aisles, h, picks]:.1f}"


def _curve(name: str, values: dict[float, float]) -> Curve:
    return Curve(name, tuple(values), tuple(values.values()))
