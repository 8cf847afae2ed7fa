"""Drawn lists beside a plain drawing of the same numbers, and beside what their kinds promise."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from bintally.errors import UsageError
from bintally.layouts import PickList, Shelf
from bintally.layouts.files import read_places
from bintally.layouts.generate import regular_ladder
from warehouse.labels.chance import drawn
from warehouse.labels.draw import KINDS, Drawing, digest, known_kinds

LADDER, HALL = read_places(Path(__file__).parents[3] / "docs" / "examples" / "hall.toml")
_64 = (1 << 64) - 1
_STEP = 0x9E3779B97F4A7C15


def drawing(kinds: tuple[str, ...] = KINDS, most_picks: int = 50, seed: int = 7, places: PickList = HALL) -> Drawing:
    return Drawing(places, kinds, most_picks, seed)


def lists(of: Drawing, count: int) -> list[list[int]]:
    found = of.lists(0, count)
    return [found.chosen[a:b].tolist() for a, b in itertools.pairwise(found.first)]


def mixed(bits: int) -> int:
    """Steele, Lea & Flood (2014), in Python's own numbers."""
    bits = (bits ^ bits >> 30) * 0xBF58476D1CE4E5B9 & _64
    bits = (bits ^ bits >> 27) * 0x94D049BB133111EB & _64
    return bits ^ bits >> 31


def numbers_in_0_1(seed: int, number: int) -> Iterator[float]:
    state = mixed((mixed(seed) + _STEP * number) & _64)
    while True:
        state = (state + _STEP) & _64
        yield (mixed(state) >> 11) / 2**53


def plainly_drawn(seed: int, number: int, most_picks: int, places: int) -> tuple[list[int], list[int]]:
    """The places and quantities of a uniform list, from the description at the head of the module."""
    chance = numbers_in_0_1(seed, number)
    next(chance)  # of the one kind
    size = 1 + math.floor(next(chance) * most_picks)
    chosen: set[int] = set()
    while len(chosen) < size:
        chosen.add(math.floor(next(chance) * places))
    quantities = []
    for _ in range(size):
        items = 1
        while items < 6 and next(chance) < 0.2:
            items += 1
        quantities.append(items)
    return sorted(chosen), quantities


def test_the_generator_is_splitmix64() -> None:
    """The first numbers from 1234567, as published with the reference implementation and in Rosetta Code."""
    state = np.array([1234567], np.uint64)
    published = [6457827717110365317, 3203168211198807973, 9817491932198370423, 4593380528125082431, 16408922859458223821]
    assert [drawn(state) for _ in published] == [(number >> 11) / 2**53 for number in published]


def test_uniform_lists_are_those_of_a_plain_drawing() -> None:
    found = drawing(("uniform",), seed=2**63 + 5).lists(1000, 1030)
    for k in range(30):
        begin, end = found.first[k], found.first[k + 1]
        chosen, quantities = plainly_drawn(2**63 + 5, 1000 + k, 50, 400)
        assert found.chosen[begin:end].tolist() == chosen
        assert found.quantities[begin:end].tolist() == quantities


def test_a_list_depends_on_seed_and_number_alone() -> None:
    whole = lists(drawing(), 60)
    late = drawing().lists(40, 60)
    assert [late.chosen[a:b].tolist() for a, b in itertools.pairwise(late.first)] == whole[40:]
    assert lists(drawing(seed=8), 60) != whole


@pytest.mark.parametrize("kind", KINDS)
def test_no_place_is_in_a_list_twice_and_all_are_in_order(kind: str) -> None:
    for one in lists(drawing((kind,)), 300):
        assert all(a < b for a, b in itertools.pairwise(one))
        assert one[0] >= 0
        assert one[-1] < 400


@pytest.mark.parametrize("kind", KINDS)
def test_all_sizes_are_alike_whatever_the_kind(kind: str) -> None:
    sizes = np.bincount([len(one) for one in lists(drawing((kind,)), 20_000)], minlength=51)
    assert sizes[0] == 0
    assert sizes[1:].min() > 400 - 5 * 20  # five standard deviations
    assert sizes[1:].max() < 400 + 5 * 20


def test_kinds_are_equally_frequent_and_only_those_asked_for() -> None:
    assert np.bincount(drawing().lists(0, 9000).kinds).min() > 3000 - 5 * 45
    assert set(drawing(("uniform", "clustered")).lists(0, 200).kinds.tolist()) == {0, 2}


def test_four_quantities_in_five_are_1() -> None:
    quantities = drawing().lists(0, 5000).quantities
    shares = np.bincount(quantities, minlength=7)[1:] / len(quantities)
    assert shares == pytest.approx([0.8, 0.16, 0.032, 0.0064, 0.00128, 0.00032], abs=0.005)


def test_a_fifth_of_the_places_has_four_fifths_of_the_demand_where_lists_are_short() -> None:
    """In longer ones the frequent places are soon in the list already."""
    demand = np.bincount(drawing(("skewed",), most_picks=1).lists(0, 40_000).chosen, minlength=400)
    ordered = np.sort(demand)[::-1] / demand.sum()
    assert ordered[:80].sum() == pytest.approx(0.8, abs=0.02)
    assert ordered[80:200].sum() == pytest.approx(0.15, abs=0.02)


def test_the_same_places_are_frequent_whatever_the_seed() -> None:
    frequent = [set(np.argsort(-np.bincount(drawing(("skewed",), seed=seed).lists(0, 5000).chosen, minlength=400))[:80]) for seed in (1, 2)]
    assert frequent[0] == frequent[1]


def test_clustered_places_lie_near_each_other() -> None:
    def nearest_m(kind: str) -> float:
        """From a place of a list of ten to the next one of the list, on average."""
        distances = []
        for one in lists(drawing((kind,), most_picks=20), 400):
            points = [(int(HALL.columns[place]), float(HALL.y_m[place])) for place in one]
            if len(points) > 8:
                distances += [min(LADDER.distance_m(a, b) for b in points if b != a) for a in points]
        return float(np.mean(distances))

    assert nearest_m("clustered") < 0.6 * nearest_m("uniform")


@pytest.mark.parametrize("kind", KINDS)
def test_a_list_may_hold_every_place(kind: str) -> None:
    ladder = regular_ladder(2, 2, block_m=9.0)
    places = PickList.of(ladder, [(Shelf("", column, 0, y), 1) for column in (0, 1) for y in (1.0, 2.0, 8.0)])
    assert any(len(one) == 6 for one in lists(drawing((kind,), most_picks=6, places=places), 100))


@pytest.mark.parametrize("kind", KINDS)
def test_a_layout_may_have_a_single_place(kind: str) -> None:
    places = PickList.of(regular_ladder(1, 2), [(Shelf("", 0, 0, 3.0), 1)])
    assert lists(drawing((kind,), most_picks=1, places=places), 5) == [[0]] * 5


def test_lists_longer_than_the_layout_has_places_are_refused() -> None:
    with pytest.raises(UsageError, match="the layout has 400"):
        drawing(most_picks=401)


@pytest.mark.parametrize("seed", [-1, 1 << 64])
def test_a_seed_out_of_range_is_refused(seed: int) -> None:
    with pytest.raises(UsageError, match=f"seed {seed}"):
        drawing(seed=seed)


def test_an_unknown_kind_is_refused() -> None:
    with pytest.raises(UsageError, match="no kind 'round'"):
        known_kinds(["uniform", "round"])


def test_kinds_have_one_order() -> None:
    assert known_kinds(["clustered", "uniform"]) == ("uniform", "clustered")
    assert known_kinds(None) == KINDS
    with pytest.raises(UsageError, match="in this order"):
        drawing(("clustered", "uniform"))


def test_other_places_have_another_digest() -> None:
    ladder = regular_ladder(1, 2)
    one, other = (PickList.of(ladder, [(Shelf("", 0, 0, y), 1)]) for y in (3.0, 3.5))
    assert digest(one) != digest(other)
    assert digest(one) == digest(PickList.of(ladder, [(Shelf("x", 0, 0, 3.0), 1)]))
