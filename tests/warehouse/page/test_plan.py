"""Where bins are on the map, and what is drawn of very many."""

from __future__ import annotations

import random

import pytest

from warehouse.ledger.atlas import Cell
from warehouse.ledger.places import Place
from warehouse.page.map import draw, picture
from warehouse.page.plan import PITCH, plan, row_m
from warehouse.page.recent import Recent
from warehouse.page.standing import URGENT, WORDS, standing


def cell(bin_: str, aisle: int = 0, position_m: float = 0.0, block: int = 0, **more: object) -> Cell:
    values = {"taken_at": None, "expected": None, "kind": None, "state": None, **more}
    return Cell(bin_, Place("s", bin_, aisle, position_m, block), **values)  # type: ignore[arg-type]


def hall(seed: int, bins: int) -> list[Cell]:
    """Bins at random places, several of which may be the same."""
    rng = random.Random(seed)  # noqa: S311 - no secret
    step = rng.choice([0.4, 1.0, 2.5])
    return [cell(f"b{n}", rng.randrange(9) * rng.choice([1, 3]), step * rng.randrange(30), rng.randrange(3)) for n in range(bins)]


@pytest.mark.parametrize("seed", range(12))
def test_no_two_bins_cover_each_other_and_all_are_in_the_picture(seed: int) -> None:
    laid = plan(hall(seed, 300))
    spots = sorted(laid.spots.values())
    assert len(spots) == 300
    assert all(0 <= x <= laid.width - PITCH + 1 and 0 <= y <= laid.height - PITCH for x, y in spots)
    taken = set(spots)
    assert len(taken) == 300
    assert not any((x + dx, y + dy) in taken for x, y in spots for dx in range(-9, 10) for dy in range(-9, 10) if (dx, dy) != (0, 0))


@pytest.mark.parametrize("seed", range(12))
def test_the_map_lies_as_the_warehouse_does(seed: int) -> None:
    cells = hall(seed, 200)
    spots = plan(cells).spots
    for one in cells[:40]:
        for other in cells:
            a, b = one.place, other.place
            assert a
            assert b
            (ax, ay), (bx, by) = spots[a.bin], spots[b.bin]
            if a.aisle < b.aisle:
                assert ax < bx, "aisles from left to right"
            if a.block < b.block or (a.block == b.block and a.position_m < b.position_m):
                assert ay > by, "the front is below"
            if (a.block, a.position_m) == (b.block, b.position_m):
                assert ay == by, "the same position, the same height"


def test_bins_at_one_place_stand_on_both_sides_of_the_aisle() -> None:
    laid = plan([cell(name) for name in "abc"])
    middle = laid.aisles[0]
    assert sorted(x < middle for x, _ in laid.spots.values()) == [False, True, True]


def test_a_map_of_odd_positions_does_not_grow_without_end() -> None:
    cells = [cell("a", 0, 0.0), cell("b", 0, 0.001), cell("c", 0, 90.0)]
    assert row_m([one.place for one in cells if one.place]) == pytest.approx(0.3)
    assert plan(cells).height <= 301 * PITCH


@pytest.mark.parametrize(
    ("more", "word"),
    [
        ({}, "blank"),
        ({"taken_at": 1}, "free"),
        ({"taken_at": 1, "expected": 0}, "right"),
        ({"expected": 3}, "blank"),
        ({"taken_at": 1, "expected": 3, "kind": "mismatch", "state": "open"}, "wrong"),
        ({"taken_at": 1, "expected": 3, "kind": "unsure", "state": "open"}, "unsure"),
        ({"taken_at": 1, "expected": 3, "kind": "mismatch", "state": "recount"}, "recount"),
    ],
)
def test_how_a_bin_stands(more: dict[str, object], word: str) -> None:
    assert standing(cell("a", **more)) == word  # type: ignore[arg-type]
    assert word in WORDS


def test_of_ten_thousand_bins_all_are_drawn_and_what_needs_somebody_is_a_link() -> None:
    kinds: list[dict[str, object]] = [
        {},
        {"taken_at": 1, "expected": 1},
        {"taken_at": 1, "expected": 1, "kind": "mismatch", "state": "open"},
    ]
    cells = [cell(f"b{n}", n % 50, 1.0 * (n // 100), n // 50 % 2, **kinds[2 if n % 40 == 0 else n % 2]) for n in range(10_000)]
    standings = {one.bin: standing(one) for one in cells}
    drawn = picture("s", cells, standings)
    urgent = sum(word in URGENT for word in standings.values())
    assert urgent == 250
    assert drawn.count("<use ") == urgent
    assert drawn.count("h9v9h-9z") == 10_000 - urgent
    assert len(drawn) < 400_000
    assert "Bins</dt><dd>10,000" in draw("s", cells).legend


def test_what_was_made_a_moment_ago_is_given_to_all_and_made_anew_later() -> None:
    now, made = 0.0, []

    def make() -> int:
        nonlocal now
        now += 2.0
        made.append(now)
        return len(made)

    recent: Recent[int] = Recent(lambda: now)
    assert [recent.get("a", make), recent.get("a", make)] == [1, 1]
    now += 9.9
    assert recent.get("a", make) == 1
    now += 0.2
    assert recent.get("a", make) == 2
    assert recent.get("b", make) == 3
