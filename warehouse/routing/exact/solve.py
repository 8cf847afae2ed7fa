"""The shortest tour of one list."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import numpy.typing as npt

from bintally.errors import InputError
from bintally.layouts import Ladder, PickList, Place
from warehouse.routing.exact.states import Tables, tables
from warehouse.routing.exact.sweep import Floats, Ints, Sweep, shortest_m, shortest_to_m, workspace
from warehouse.routing.exact.trace import traced_path
from warehouse.routing.tour import Tour


def optimal_tour(ladder: Ladder, picks: PickList) -> Tour:
    """The shortest tour, proven so, point by point.

    Args:
        ladder: up to 7 cross aisles, without one-way rules.
        picks: places of this ladder.

    Raises:
        InputError: the ladder is none of these, or a pick lies outside it.

    Source:
        Ratliff & Rosenthal (1983); Roodbergen & de Koster (2001); Cambazard & Catusse (arXiv 1512.06649).
    """
    sweep = sweep_of(ladder)
    _check_list(ladder, picks)
    if not len(picks):
        return Tour("optimal", 0.0, proven_optimal=True, path=(), end=ladder.ends[0], lower_bound_m=0.0)
    places = (picks.columns, picks.blocks, picks.y_m, 0, len(picks))
    work = workspace(sweep, 2)
    found = [shortest_to_m(sweep, exit_, *places, work) for exit_ in range(len(ladder.ends))]
    chosen, (length_m, steps) = min(enumerate(found), key=lambda one: one[1][0])
    work = workspace(sweep, steps + 1)
    shortest_to_m(sweep, chosen, *places, work)
    end = ladder.ends[chosen]
    path = traced_path(ladder, picks, end, _tables_to(ladder, end), work, steps)
    return Tour("optimal", length_m, proven_optimal=True, path=path, end=end, lower_bound_m=length_m)


def optimal_length_m(ladder: Ladder, picks: PickList) -> float:
    """The length of the shortest tour; see `optimal_tour`. For many lists, `warehouse.routing.exact.batch` is faster.

    Raises:
        InputError: as for `optimal_tour`.
    """
    sweep = sweep_of(ladder)
    _check_list(ladder, picks)
    return float(shortest_m(sweep, picks.columns, picks.blocks, picks.y_m, 0, len(picks), workspace(sweep, 2)))


@lru_cache(maxsize=64)
def sweep_of(ladder: Ladder) -> Sweep:
    """The ladder as arrays, with the tables of its tours.

    Raises:
        InputError: it has one-way rules, or too many cross aisles.
    """
    if not ladder.ways.free:
        raise InputError(
            "one-way aisles and turning bans: the exact sweep does not hold for them, because it lets each edge be walked either way and "
            "only counts whether degrees are even; use the directed solver (warehouse/routing/directed)"
        )
    each = [_tables_to(ladder, end) for end in ladder.ends]
    return Sweep(
        x_m=np.array(ladder.x_m, np.float64),
        y_m=np.array(ladder.y_m, np.float64),
        start_column=ladder.start.column,
        start_row=ladder.start.cross_aisle,
        start_walk_m=float(ladder.start.walk_m),
        end_columns=np.array([end.column for end in ladder.ends], np.int64),
        end_rows=np.array([end.cross_aisle for end in ladder.ends], np.int64),
        end_walk_m=np.array([end.walk_m for end in ladder.ends], np.float64),
        closed=min(each, key=lambda one: len(one.degrees)),
        open=max(each, key=lambda one: len(one.degrees)),
    )


def _tables_to(ladder: Ladder, end: Place) -> Tables:
    start = ladder.start
    return tables(ladder.cross_aisles, closed=(end.column, end.cross_aisle) == (start.column, start.cross_aisle))


def _check_list(ladder: Ladder, picks: PickList) -> None:
    check_places(ladder, picks.columns, picks.blocks, picks.y_m)
    if out_of_order(picks.columns, picks.blocks, picks.y_m).any():
        raise InputError("the pick list is not sorted by column and y: make it with PickList.of")


def out_of_order(columns: Ints, blocks: Ints, y_m: Floats) -> npt.NDArray[np.bool_]:
    """Which picks do not belong behind the one before them, bool[n - 1]; the sweep would write beyond its memory."""
    column, block, y = np.diff(columns), np.diff(blocks), np.diff(y_m)
    return np.asarray((column < 0) | ((column == 0) & ((block < 0) | (y < 0))))


def check_places(ladder: Ladder, columns: Ints, blocks: Ints, y_m: Floats) -> None:
    """Compare picks with the ladder that they are to be routed in.

    Args:
        ladder: where they should lie.
        columns: int64[n].
        blocks: int64[n].
        y_m: float64[n].

    Raises:
        InputError: one lies outside it.
    """
    rows_m, aisles = np.array(ladder.y_m), np.array(ladder.aisles)
    known = (columns >= 0) & (columns < ladder.columns) & (blocks >= 0) & (blocks < ladder.blocks)
    column, block = np.where(known, columns, 0), np.where(known, blocks, 0)
    inside = known & aisles[column] & (rows_m[block] <= y_m) & (y_m <= rows_m[block + 1])
    if not inside.all():
        one = int(np.argmin(inside))
        raise InputError(
            f"the pick in column {columns[one]}, block {blocks[one]} at {y_m[one]:g} m lies outside this ladder of {ladder.columns} columns "
            f"and {ladder.blocks} blocks, or where no aisle is: make the pick list with PickList.of and the same ladder"
        )
