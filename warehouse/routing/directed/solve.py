"""The shortest tour where aisles are one-way, or turning round is forbidden."""

from __future__ import annotations

from dataclasses import replace

from bintally.errors import InputError
from bintally.layouts import Ladder, PickList, Ways
from warehouse.routing.directed.reach import check_reachable
from warehouse.routing.directed.sweep import shortest_uses
from warehouse.routing.directed.walk import walk_of
from warehouse.routing.exact.solve import check_places, optimal_length_m
from warehouse.routing.exact.states import MOST_CROSS_AISLES
from warehouse.routing.tour import Tour, path_length_m


def directed_tour(ladder: Ladder, picks: PickList) -> Tour:
    """The shortest tour that keeps to a ladder's ways; docs/directed.md tells how.

    It is proven to be the shortest wherever nothing is one-way, and else in most ladders with at most four cross aisles. In others it is the
    shortest one that passes nowhere more than once more in one direction than in the other (if there is such a tour), and the bound is the
    shortest tour of the same ladder without rules.

    Raises:
        InputError: the ladder has more than 7 cross aisles, a pick lies outside it, or a pick or an end cannot be reached, or not left.
    """
    if ladder.cross_aisles > MOST_CROSS_AISLES:
        raise InputError(
            f"{ladder.cross_aisles} cross aisles with one-way rules or turning bans: their states take all memory; at most "
            f"{MOST_CROSS_AISLES}, or leave the rules out and choose a policy"
        )
    if not len(picks):
        return Tour("optimal", 0.0, proven_optimal=True, path=(), end=ladder.ends[0], lower_bound_m=0.0)
    check_places(ladder, picks.columns, picks.blocks, picks.y_m)
    check_reachable(ladder, picks)
    uses, proven = shortest_uses(ladder, picks)
    path = walk_of(ladder, picks, uses)
    end = min((end for end in ladder.ends if (end.column, end.cross_aisle) == uses.end), key=lambda end: end.walk_m)
    length_m = ladder.start.walk_m + path_length_m(ladder, path) + end.walk_m
    bound_m = length_m if proven else min(length_m, _free_length_m(ladder, picks))
    return Tour("optimal", length_m, proven or length_m <= bound_m * (1 + 1e-9), path, end, bound_m)


def _free_length_m(ladder: Ladder, picks: PickList) -> float:
    return optimal_length_m(replace(ladder, ways=Ways((0,) * ladder.columns, (0,) * ladder.cross_aisles)), picks)
