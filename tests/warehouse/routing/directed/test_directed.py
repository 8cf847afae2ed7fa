import dataclasses
import itertools
from typing import Any

import numpy as np
import pytest

from bintally.errors import InputError
from bintally.layouts import Ladder, PickList, Place, Shelf, Ways
from bintally.layouts.generate import regular_ladder, uniform_list
from tests.warehouse.routing.directed.reference import check_ways, shortest_m
from warehouse.routing.directed import directed_tour
from warehouse.routing.directed.column import Flows
from warehouse.routing.directed.options import served
from warehouse.routing.directed.sweep import _shortest
from warehouse.routing.tour import Tour, check_tour


def random_ladder(rng: np.random.Generator, *, aisles: int = 4, blocks: int = 3, one_way: float = 0.4) -> Ladder:
    """Small and odd: uneven lengths, some columns without an aisle, depots anywhere."""
    columns, rows = int(rng.integers(1, aisles + 1)), int(rng.integers(2, blocks + 2))

    def place() -> Place:
        return Place(int(rng.integers(columns)), int(rng.integers(rows)), float(rng.choice([0, 1, 2, 60])))

    def ways(count: int) -> tuple[int, ...]:
        return tuple(int(way) for way in rng.choice([0, 1, -1], count, p=[1 - one_way, one_way / 2, one_way / 2]))

    lined = [bool(rng.random() < 0.85) for _ in range(columns)]
    lined[int(rng.integers(columns))] = True
    start = place()
    ends = (start,) if rng.random() < 0.4 else tuple(place() for _ in range(rng.integers(1, 4)))
    return Ladder(
        x_m=tuple(np.cumsum(rng.integers(1, 6, columns)).astype(float).tolist()),
        y_m=(0.0, *np.cumsum(rng.integers(2, 9, rows - 1)).astype(float).tolist()),
        start=start,
        ends=ends,
        aisles=tuple(lined),
        ways=Ways(ways(columns), ways(rows), bool(rng.random() < 0.5)),
    )


def random_list(rng: np.random.Generator, ladder: Ladder, most: int = 5) -> PickList:
    """At whole metres, the ends of blocks among them."""
    columns = [column for column, aisle in enumerate(ladder.aisles) if aisle]
    found = {}
    for _ in range(int(rng.integers(1, most + 1))):
        column, block = int(rng.choice(columns)), int(rng.integers(ladder.blocks))
        y_m = float(rng.integers(int(ladder.y_m[block]), int(ladder.y_m[block + 1]) + 1))
        found[column, y_m] = (Shelf(f"{column}/{y_m:g}", column, block, y_m), 1)
    return PickList.of(ladder, found.values())


def with_ways(ladder: Ladder, **rules: Any) -> Ladder:
    return dataclasses.replace(ladder, ways=dataclasses.replace(ladder.ways, **rules))


def checked_tour(ladder: Ladder, picks: PickList) -> Tour:
    tour = directed_tour(ladder, picks)
    check_tour(ladder, picks, tour)
    check_ways(ladder, tour.path)
    return tour


def length_or_none(ladder: Ladder, picks: PickList) -> float | None:
    try:
        return checked_tour(ladder, picks).length_m
    except InputError:
        return None


def compare_with_all_walks(seed: int, count: int, **shape: Any) -> int:
    rng = np.random.default_rng(seed)
    tours = 0
    for _ in range(count):
        ladder = random_ladder(rng, **shape)
        picks = random_list(rng, ladder)
        expected, found = shortest_m(ladder, picks), length_or_none(ladder, picks)
        assert (found is None) == (expected is None), (ladder, picks)
        assert found is None or found == pytest.approx(expected), (ladder, picks)
        tours += found is not None
    return tours


def held_karp_m(ladder: Ladder, picks: PickList) -> float:
    """The shortest undirected tour through all picks, by the plain dynamic programme over sets."""
    places = list(zip(picks.columns.tolist(), picks.y_m.tolist(), strict=True))
    start = (ladder.start.column, ladder.y_m[ladder.start.cross_aisle])
    best = {(frozenset([n]), n): ladder.start.walk_m + ladder.distance_m(start, place) for n, place in enumerate(places)}
    for size in range(2, len(places) + 1):
        for chosen in map(frozenset, itertools.combinations(range(len(places)), size)):
            for last in chosen:
                before = chosen - {last}
                best[chosen, last] = min(best[before, n] + ladder.distance_m(places[n], places[last]) for n in before)
    everything = frozenset(range(len(places)))
    outs = [((end.column, ladder.y_m[end.cross_aisle]), end.walk_m) for end in ladder.ends]
    return min(best[everything, n] + ladder.distance_m(places[n], out) + walk for n in everything for out, walk in outs)


def test_no_walk_is_shorter() -> None:
    assert compare_with_all_walks(1, 300) > 100


def test_no_walk_is_shorter_where_little_is_forbidden() -> None:
    assert compare_with_all_walks(2, 100, one_way=0.15) > 60


def test_no_walk_is_shorter_where_nearly_everything_is_one_way() -> None:
    assert compare_with_all_walks(3, 200, one_way=0.9) > 5


@pytest.mark.long
def test_no_walk_is_shorter_on_many_ladders() -> None:
    assert compare_with_all_walks(4, 4000, aisles=5) > 1000


def test_without_rules_it_is_the_plain_optimum() -> None:
    rng = np.random.default_rng(5)
    for _ in range(60):
        ladder = random_ladder(rng, one_way=0)
        picks = random_list(rng, ladder, most=7)
        tour = checked_tour(with_ways(ladder, turn_in_aisles=True), picks)
        assert tour.proven_optimal
        assert tour.length_m == pytest.approx(held_karp_m(ladder, picks))


def test_fewer_rules_never_make_it_longer() -> None:
    rng = np.random.default_rng(6)
    compared = 0
    for _ in range(50):
        ladder = random_ladder(rng)
        picks = random_list(rng, ladder, most=8)
        ruled = length_or_none(ladder, picks)
        if ruled is None:
            continue
        compared += 1
        for rules in ({"turn_in_aisles": True}, {"columns": (0,) * ladder.columns}, {"cross_aisles": (0,) * ladder.cross_aisles}):
            assert checked_tour(with_ways(ladder, **rules), picks).length_m <= ruled + 1e-9
    assert compared > 10


def mirrored(ladder: Ladder, picks: PickList, *, columns: bool) -> tuple[Ladder, PickList]:
    """Left and right changed, or front and back."""
    x_m, y_m = ladder.x_m, ladder.y_m

    def place(one: Place) -> Place:
        if columns:
            return dataclasses.replace(one, column=ladder.columns - 1 - one.column)
        return dataclasses.replace(one, cross_aisle=ladder.cross_aisles - 1 - one.cross_aisle)

    def turned(ways: tuple[int, ...], negated: bool) -> tuple[int, ...]:
        return tuple(-way for way in ways) if negated else ways[::-1]

    other = Ladder(
        tuple(x_m[-1] - x for x in x_m[::-1]) if columns else x_m,
        y_m if columns else tuple(y_m[-1] - y for y in y_m[::-1]),
        place(ladder.start),
        tuple(map(place, ladder.ends)),
        ladder.aisles[::-1] if columns else ladder.aisles,
        Ways(turned(ladder.ways.columns, not columns), turned(ladder.ways.cross_aisles, columns), ladder.ways.turn_in_aisles),
    )
    shelves = [
        Shelf(name, ladder.columns - 1 - column, block, y) if columns else Shelf(name, column, ladder.blocks - 1 - block, y_m[-1] - y)
        for name, column, block, y in zip(picks.names, picks.columns.tolist(), picks.blocks.tolist(), picks.y_m.tolist(), strict=True)
    ]
    return other, PickList.of(other, [(shelf, 1) for shelf in shelves])


@pytest.mark.parametrize("columns", [True, False])
def test_a_mirror_changes_nothing(columns: bool) -> None:
    rng = np.random.default_rng(7)
    found = []
    for _ in range(50):
        ladder = random_ladder(rng)
        picks = random_list(rng, ladder, most=8)
        found.append(length_or_none(ladder, picks))
        other = length_or_none(*mirrored(ladder, picks, columns=columns))
        assert (other is None) == (found[-1] is None)
        assert other is None or other == pytest.approx(found[-1])
    assert sum(length is not None for length in found) > 12


def roundabout(columns: int) -> Ladder:
    """One aisle leads down, all others up: every one of them needs a round of its own."""
    return with_ways(regular_ladder(columns, 2, block_m=10.0), columns=(-1,) + (1,) * (columns - 1))


def test_a_cross_aisle_is_passed_as_often_as_needed() -> None:
    ladder = roundabout(8)
    picks = PickList.of(ladder, [(Shelf(str(column), column, 0, 5.0), 1) for column in range(1, 8)])
    tour = checked_tour(ladder, picks)
    # seven rounds, each down the first aisle, up its own and back along both cross aisles
    assert tour.length_m == pytest.approx(sum(2 * 10.0 + 2 * 3.0 * column for column in range(1, 8)))
    assert tour.proven_optimal


def test_where_turning_is_forbidden_a_single_pick_costs_the_whole_aisle() -> None:
    ladder = with_ways(regular_ladder(2, 2, block_m=10.0), turn_in_aisles=False)
    picks = PickList.of(ladder, [(Shelf("a", 0, 0, 1.0), 1)])
    assert checked_tour(ladder, picks).length_m == pytest.approx(20.0)
    assert checked_tour(with_ways(ladder, turn_in_aisles=True), picks).length_m == pytest.approx(2.0)


def test_a_pick_at_an_intersection_needs_no_aisle() -> None:
    ladder = with_ways(regular_ladder(3, 2, block_m=10.0), turn_in_aisles=False)
    picks = PickList.of(ladder, [(Shelf("a", 2, 0, 0.0), 1)])
    tour = checked_tour(ladder, picks)
    assert tour.length_m == pytest.approx(12.0)
    assert tour.stops == (0,)


def test_an_empty_list_needs_no_walk() -> None:
    ladder = roundabout(3)
    assert checked_tour(ladder, PickList.of(ladder, [])).length_m == 0


def test_a_pick_at_the_depot_needs_no_step() -> None:
    ladder = roundabout(3)
    tour = checked_tour(ladder, PickList.of(ladder, [(Shelf("a", 0, 0, 0.0), 1)]))
    assert (tour.length_m, tour.stops) == (0, (0,))


def test_flows_without_a_limit_do_not_undercut_the_optimum() -> None:
    rng = np.random.default_rng(8)
    for _ in range(40):
        ladder = random_ladder(rng)
        picks = random_list(rng, ladder)
        length = length_or_none(ladder, picks)
        if length is not None:
            uses = _shortest(ladder, served(ladder, picks), Flows(2, unlimited=True))
            assert uses is not None
            taken_m = sum(option.length_m for option in (*uses.aisles.values(), *uses.across.values()))
            assert ladder.start.walk_m + taken_m <= length + 1e-9


def test_what_is_too_large_to_prove_gets_a_tour_and_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(9)
    ladder = with_ways(regular_ladder(6, 3), columns=(1, -1, 0, 1, -1, 1))
    for _ in range(5):
        picks = uniform_list(rng, ladder, 12)
        shortest = checked_tour(ladder, picks)
        with monkeypatch.context() as patch:
            patch.setattr("warehouse.routing.directed.column.MOST_STATES", 100)
            tour = checked_tour(ladder, picks)
        assert (shortest.proven_optimal, tour.proven_optimal) == (True, False)
        assert tour.lower_bound_m is not None
        assert tour.lower_bound_m <= shortest.length_m <= tour.length_m + 1e-9


def test_many_cross_aisles_without_one_way_rules_are_proven() -> None:
    ladder = with_ways(regular_ladder(5, 6), turn_in_aisles=False)
    assert checked_tour(ladder, uniform_list(np.random.default_rng(10), ladder, 15)).proven_optimal


def test_more_cross_aisles_than_memory_holds_are_refused() -> None:
    ladder = with_ways(regular_ladder(4, 12), turn_in_aisles=False)
    with pytest.raises(InputError, match="12 cross aisles with one-way rules or turning bans"):
        directed_tour(ladder, uniform_list(np.random.default_rng(0), ladder, 3))


def test_the_same_list_gives_the_same_tour() -> None:
    ladder = with_ways(regular_ladder(6, 3), columns=(0, 1, -1, 0, 1, -1))
    picks = uniform_list(np.random.default_rng(11), ladder, 15)
    assert directed_tour(ladder, picks) == directed_tour(ladder, picks)


@pytest.mark.parametrize(
    ("ways", "start", "end", "picks", "message"),
    [
        (Ways((0, 0, 0), (1, 1)), (1, 0), (0, 0), [2], "let nobody come from"),
        (Ways((0, 0, 0), (1, 1)), (1, 0), (1, 0), [0], "p0 .* cannot be reached from the start"),
        (Ways((0, 0, 0), (1, 1)), (0, 0), (1, 0), [1, 2], "from p2 .* no end"),
        (Ways((1, 1, 1), (1, 1)), (0, 0), (2, 1), [1, 2], "p1 .* and p2 .* cannot be on one tour"),
    ],
)
def test_what_cannot_be_reached_is_named(ways: Ways, start: tuple[int, int], end: tuple[int, int], picks: list[int], message: str) -> None:
    ladder = dataclasses.replace(regular_ladder(3, 2, block_m=10.0), start=Place(*start), ends=(Place(*end),), ways=ways)
    chosen = PickList.of(ladder, [(Shelf(f"p{column}", column, 0, 5.0), 1) for column in picks])
    with pytest.raises(InputError, match=message):
        directed_tour(ladder, chosen)


def test_a_list_of_another_ladder_is_refused() -> None:
    picks = PickList.of(roundabout(5), [(Shelf("a", 4, 0, 5.0), 1)])
    with pytest.raises(InputError, match="outside this ladder"):
        directed_tour(roundabout(3), picks)
