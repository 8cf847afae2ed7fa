"""How long one list takes, beside a general solver."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Iterator, Sequence
from functools import partial

import numpy as np

from bintally.layouts import Ladder, PickList
from bintally.layouts.generate import regular_ladder, uniform_list
from warehouse.pick.bench.tables import median_s, table
from warehouse.routing.exact import optimal_length_m, optimal_lengths_m, optimal_tour, pack

_SIZES = ((10, 2, 20), (10, 3, 20), (10, 4, 20), (10, 5, 20), (40, 2, 40), (40, 3, 40))
_COMPARED = 10


def measure(lists: int, seed: int) -> None:
    """Time the exact routing without a cart, and a general solver on some of the same lists."""
    rng = np.random.default_rng(seed)
    headings = ("aisles", "h", "picks", "µs in a batch", "µs alone", "µs with tour", "PyVRP ms", "PyVRP gap")
    table(f"The shortest tour: one core, medians, {lists} lists", headings, _rows(lists, rng))


def _rows(lists: int, rng: np.random.Generator) -> Iterator[tuple[object, ...]]:
    for aisles, h, picks in _SIZES:
        ladder = regular_ladder(aisles, h)
        drawn = [uniform_list(rng, ladder, picks) for _ in range(lists)]
        packed = pack(drawn)
        optimal_lengths_m(ladder, packed, threads=1)
        optimal_tour(ladder, drawn[0])
        batch = median_s([partial(optimal_lengths_m, ladder, packed, threads=1)] * 21) / lists
        alone = median_s(_calls(optimal_length_m, ladder, drawn))
        tour = median_s(_calls(optimal_tour, ladder, drawn))
        yield aisles, h, picks, f"{batch * 1e6:.1f}", f"{alone * 1e6:.0f}", f"{tour * 1e6:.0f}", *_general(ladder, drawn[:_COMPARED])


def _calls(function: Callable[[Ladder, PickList], object], ladder: Ladder, lists: Sequence[PickList]) -> list[Callable[[], object]]:
    return [partial(function, ladder, picks) for picks in lists]


def _general(ladder: Ladder, lists: Sequence[PickList]) -> tuple[str, str]:
    """Milliseconds and mean gap of a general solver for routes."""
    if importlib.util.find_spec("pyvrp") is None:
        return "absent", "absent"
    from warehouse.pick.bench.general import general_length_m

    found: list[float] = []

    def solve(picks: PickList) -> None:
        found.append(general_length_m(ladder, picks))

    seconds = median_s([partial(solve, picks) for picks in lists])
    best = [optimal_length_m(ladder, picks) for picks in lists]
    return f"{seconds * 1e3:.0f}", f"{np.mean(np.array(found) / np.array(best) - 1):.2%}"
