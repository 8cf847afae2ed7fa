"""The slice of the travel time of one more pick."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from bintally.errors import UnavailableError, UsageError
from bintally.layouts import Ladder, PickList, Place, Shelf, Ways
from bintally.layouts.generate import regular_ladder, uniform_list
from warehouse.routing.pictures import draw_slice
from warehouse.routing.pictures.slices import cells, crossings, with_pick

LADDER = Ladder((0.0, 2.0, 4.0), (0.0, 10.0, 16.0), Place(0, 0), (Place(0, 0),), (True, False, True), Ways((0,) * 3, (0,) * 3))


def there_and_back_m(lists: Sequence[PickList]) -> list[float]:
    """A walk to the furthest pick and back."""
    return [2 * float(max(picks.y_m)) for picks in lists]


@pytest.mark.parametrize("seed", range(5))
def test_one_more_pick_gives_the_list_that_would_be_made_of_all(seed: int) -> None:
    rng = np.random.default_rng(seed)
    ladder = regular_ladder(4, 3)
    picks = uniform_list(rng, ladder, 8)
    column, y_m = (int(picks.columns[2]), float(picks.y_m[2])) if seed == 0 else (int(rng.integers(4)), float(rng.uniform(0, 16)))
    block = int(picks.blocks[2]) if seed == 0 else 0
    shelves = [Shelf(n, int(c), int(b), float(y)) for n, c, b, y in zip(picks.names, picks.columns, picks.blocks, picks.y_m, strict=True)]
    expected = PickList.of(ladder, [*((shelf, 1) for shelf in shelves), (Shelf("one more", column, block, y_m), 1)])
    found = with_pick(picks, column, block, y_m)
    for name in ("columns", "blocks", "y_m", "quantities"):
        np.testing.assert_array_equal(getattr(found, name), getattr(expected, name))


def test_cells_fill_each_block_evenly():
    edges, blocks = cells(LADDER, 2.9)
    np.testing.assert_allclose(edges, [0, 10 / 3, 20 / 3, 10, 13, 16])
    assert blocks.tolist() == [0, 0, 0, 1, 1]


def test_the_travel_time_is_asked_once_for_every_aisle_and_cell(tmp_path: Path) -> None:
    asked: list[tuple[int, int, float]] = []
    calls: list[int] = []

    def travel(lists: Sequence[PickList]) -> list[float]:
        calls.append(len(lists))
        asked.extend((int(picks.columns[0]), int(picks.blocks[0]), float(picks.y_m[0])) for picks in lists)
        return there_and_back_m(lists)

    draw_slice(tmp_path / "slice.svg", LADDER, PickList.of(LADDER, []), travel, "length, m", step_m=2.0)
    expected = [(column, block, y) for y, block in [(1, 0), (3, 0), (5, 0), (7, 0), (9, 0), (11, 1), (13, 1), (15, 1)] for column in (0, 2)]
    assert (calls, asked) == ([16], expected)


def test_contours_lie_where_the_function_takes_their_values():
    heights, values = np.array([0.0, 2.0, 4.0, 5.0, 6.0]), np.array([10.0, 30.0, 20.0, 20.0, 5.0])
    levels = np.array([0.0, 15.0, 25.0])
    np.testing.assert_allclose(crossings(heights, values, levels), [(0.5, 15.0), (1.5, 25.0), (3.0, 25.0), (5 + 1 / 3, 15.0)])
    for y, level in crossings(heights, values, levels):
        assert np.interp(y, heights, values) == pytest.approx(level)


def test_contours_follow_each_other_from_front_to_back_also_downhill():
    found = crossings(np.array([0.0, 1.0]), np.array([10.0, 0.0]), np.array([2.0, 5.0, 8.0]))
    np.testing.assert_allclose(found, [(0.2, 8.0), (0.5, 5.0), (0.8, 2.0)])


def test_the_picture_has_labelled_contours_and_a_unit(tmp_path: Path) -> None:
    path = tmp_path / "slice.svg"
    draw_slice(path, LADDER, PickList.of(LADDER, []), there_and_back_m, "length of the walk, m")
    texts = ["".join(text.itertext()).strip() for text in ET.fromstring(path.read_bytes()).iter("{http://www.w3.org/2000/svg}text")]  # noqa: S314
    assert "length of the walk, m" in texts
    assert texts.count("15") >= 3  # the contour in both aisles, and the colour bar


def test_the_same_slice_gives_the_same_bytes(tmp_path: Path) -> None:
    picks = uniform_list(np.random.default_rng(0), LADDER, 4)
    for name in ("one.svg", "two.svg"):
        draw_slice(tmp_path / name, LADDER, picks, there_and_back_m, "length, m")
    assert (tmp_path / "one.svg").read_bytes() == (tmp_path / "two.svg").read_bytes()


def test_one_aisle_and_a_constant_time_can_be_drawn(tmp_path: Path) -> None:
    ladder = regular_ladder(1, 2)
    draw_slice(tmp_path / "flat.png", ladder, PickList.of(ladder, []), lambda lists: [7.0] * len(lists), "time, s")
    assert (tmp_path / "flat.png").stat().st_size > 1000


def test_wrong_use_is_refused_before_any_travel_time_is_asked(tmp_path: Path) -> None:
    def never(lists: Sequence[PickList]) -> list[float]:
        raise AssertionError(len(lists))

    none = PickList.of(LADDER, [])
    with pytest.raises(UsageError, match=r"\.svg"):
        draw_slice(tmp_path / "slice.txt", LADDER, none, never, "time, s")
    for step in (0.0, -1.0, float("nan")):
        with pytest.raises(UsageError, match="above 0"):
            draw_slice(tmp_path / "slice.svg", LADDER, none, never, "time, s", step_m=step)


def test_a_folder_that_is_not_there_is_an_error_of_the_disk(tmp_path: Path) -> None:
    with pytest.raises(UnavailableError, match="cannot be written"):
        draw_slice(tmp_path / "nowhere" / "slice.svg", LADDER, PickList.of(LADDER, []), there_and_back_m, "length, m")
