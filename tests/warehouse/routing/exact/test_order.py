"""The order in which the shortest tour reaches the picks: a walk in that order is as long as the tour."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from bintally.layouts import Ladder, PickList, Place
from tests.warehouse.routing.exact.reference import KINDS, list_at, random_ladder, random_list
from warehouse.routing.exact.batch import optimal_lengths_m, pack
from warehouse.routing.exact.order import tour_order, walk_for
from warehouse.routing.exact.solve import sweep_of


def ordered(ladder: Ladder, lists: list[PickList]) -> list[tuple[float, list[int]]]:
    """Length and order of each list, with one memory for all."""
    packed, sweep = pack(lists), sweep_of(ladder)
    most = int(np.diff(packed.first).max())
    walk, order, found = walk_for(sweep, most), np.empty(most, np.int64), []
    for begin, end in pairwise(packed.first.tolist()):
        length_m = tour_order(sweep, packed.columns, packed.blocks, packed.y_m, begin, end, walk, order)
        found.append((length_m, order[: end - begin].tolist()))
    return found


def walked_m(ladder: Ladder, picks: PickList, order: list[int]) -> float:
    """From the depot by shortest ways from place to place, and to the best end."""

    def way_m(a: tuple[int, float], b: tuple[int, float]) -> float:
        if a[0] == b[0]:
            return abs(a[1] - b[1])
        return abs(ladder.x_m[a[0]] - ladder.x_m[b[0]]) + min(abs(a[1] - row) + abs(b[1] - row) for row in ladder.y_m)

    def at(place: Place) -> tuple[int, float]:
        return place.column, ladder.y_m[place.cross_aisle]

    places = [at(ladder.start), *((int(picks.columns[one]), float(picks.y_m[one])) for one in order)]
    home_m = min(way_m(places[-1], at(end)) + end.walk_m for end in ladder.ends)
    return ladder.start.walk_m + sum(way_m(a, b) for a, b in pairwise(places)) + home_m


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("cross_aisles", [2, 3, 4, 5])
def test_a_walk_in_this_order_is_as_short_as_the_tour(cross_aisles: int, kind: str) -> None:
    rng = np.random.default_rng(cross_aisles)
    for _ in range(8):
        ladder = random_ladder(rng, cross_aisles, kind)
        lists = [random_list(rng, ladder, int(rng.integers(1, 18))) for _ in range(12)]
        lengths_m = optimal_lengths_m(ladder, pack(lists))
        for picks, shortest_m, (length_m, order) in zip(lists, lengths_m, ordered(ladder, lists), strict=True):
            assert length_m == shortest_m
            assert sorted(order) == list(range(len(picks)))
            assert walked_m(ladder, picks, order) == pytest.approx(shortest_m)


def test_an_empty_list_between_others_has_no_order() -> None:
    rng = np.random.default_rng(3)
    ladder = random_ladder(rng, 3, KINDS[0])
    full = random_list(rng, ladder, 7)
    (_, first), (length_m, none), (_, last) = ordered(ladder, [full, list_at(ladder, []), full])
    assert (length_m, none) == (0.0, [])
    assert first == last
