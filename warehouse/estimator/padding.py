"""Lists as the network takes them: shortest tours found, and places side by side, padded to the longest list."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from warehouse.routing.compiled import compiled
from warehouse.routing.exact import PackedLists
from warehouse.routing.exact.sweep import Floats, Ints, Sweep, shortest_m, workspace

Picks = npt.NDArray[np.float32]


def padded(sweep: Sweep, lists: PackedLists, quantities: Ints, chosen: Ints) -> tuple[Picks, Floats]:
    """Measure and pad some lists.

    Args:
        sweep: the ladder.
        lists: all lists.
        quantities: int64[picks] of all lists.
        chosen: int64[N], numbers of lists, at least one of them not empty.

    Returns:
        float32[N, L, 3], column, y_m and quantity, L being the length of the longest list, padded behind with zeros; and float64[N], the
        lengths of the shortest tours in metres.
    """
    longest = int((lists.first[chosen + 1] - lists.first[chosen]).max())
    picks, base_m = np.zeros((len(chosen), longest, 3), np.float32), np.empty(len(chosen))
    _fill(sweep, lists.first, lists.columns, lists.blocks, lists.y_m, quantities, chosen, picks, base_m)
    return picks, base_m


@compiled
def _fill(
    sweep: Sweep, first: Ints, columns: Ints, blocks: Ints, y_m: Floats, quantities: Ints, chosen: Ints, picks: Picks, base_m: Floats
) -> None:
    work = workspace(sweep, 2)
    for row in range(len(chosen)):
        begin, end = first[chosen[row]], first[chosen[row] + 1]
        base_m[row] = shortest_m(sweep, columns, blocks, y_m, begin, end, work)
        for pick in range(begin, end):
            picks[row, pick - begin, 0] = columns[pick]
            picks[row, pick - begin, 1] = y_m[pick]
            picks[row, pick - begin, 2] = quantities[pick]
