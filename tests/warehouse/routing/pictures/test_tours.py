"""Pictures of tours, read back from the SVG."""

from __future__ import annotations

import itertools
import os
import re
import xml.etree.ElementTree as ET
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from bintally.errors import UnavailableError, UsageError
from bintally.layouts import Cart, Ladder, PickList, Place, Ways
from bintally.layouts.generate import regular_ladder, uniform_list
from tests.warehouse.routing.pictures.samples import nearest_next, parked_in_front, s_shape, tour_in_order
from warehouse.routing.cart.schedule import Schedule
from warehouse.routing.pictures import draw_lists, draw_tours
from warehouse.routing.pictures.sheet import LINE, Room, sheet_of
from warehouse.routing.pictures.tours import rounded
from warehouse.routing.tour import Tour

SVG = "{http://www.w3.org/2000/svg}"


def drawn(path: Path) -> ET.Element:
    return ET.fromstring(path.read_bytes())  # noqa: S314 - our own file


def texts(path: Path) -> list[str]:
    return ["".join(text.itertext()).strip() for text in drawn(path).iter(f"{SVG}text")]


def pick_labels(path: Path, panel: int) -> dict[int, str]:
    """The label of each pick in a panel, by its id."""
    groups = (group for group in drawn(path).iter(f"{SVG}g") if re.fullmatch(rf"panel-{panel}-pick-\d+", group.get("id", "")))
    return {int(group.get("id", "").rsplit("-", 1)[1]): "".join(group.itertext()).strip() for group in groups}


@pytest.fixture
def ladder() -> Ladder:
    return regular_ladder(5, 2)


@pytest.fixture
def picks(ladder: Ladder) -> PickList:
    return uniform_list(np.random.default_rng(0), ladder, 14, most_items=3)


def test_every_pick_is_labelled_with_its_place_in_the_order_and_its_items(tmp_path: Path, ladder: Ladder, picks: PickList) -> None:
    path = tmp_path / "tours.svg"
    tours = [s_shape(ladder, picks), nearest_next(ladder, picks)]
    draw_tours(path, ladder, picks, [(tour.policy, tour) for tour in tours])
    for panel, tour in enumerate(tours, 1):
        items = {pick: int(picks.quantities[pick]) for pick in tour.stops}
        expected = {pick: f"{number}×{items[pick]}" if items[pick] > 1 else str(number) for number, pick in enumerate(tour.stops, 1)}
        assert pick_labels(path, panel) == expected


def test_the_same_tours_give_the_same_bytes(tmp_path: Path) -> None:
    ladder = regular_ladder(1, 2, block_m=10.0)
    picks = uniform_list(np.random.default_rng(0), ladder, 3)
    shown: list[tuple[str, Tour | Schedule]] = [("a", s_shape(ladder, picks)), ("b", parked_in_front(ladder, picks, Cart(hands=3)))]
    for suffix in (".svg", ".pdf", ".png"):
        paths = [tmp_path / f"{name}{suffix}" for name in ("one", "two")]
        for path in paths:
            draw_tours(path, ladder, picks, shown)
        assert paths[0].read_bytes() == paths[1].read_bytes()


def test_a_picture_says_in_words_what_it_shows(tmp_path: Path, ladder: Ladder, picks: PickList) -> None:
    path = tmp_path / "tours.svg"
    tour = s_shape(ladder, picks)
    draw_tours(path, ladder, picks, [("S-shape <here>", tour)])
    root = drawn(path)
    assert root.get("role") == "img"
    assert root.findtext(f"{SVG}title") == "Pick tours"
    assert root.findtext(f"{SVG}desc") == f"5 aisles, 2 cross aisles, 14 picks. S-shape <here>: {tour.length_m:.1f} m."


def test_below_a_schedule_stand_its_time_its_bound_and_its_metres(tmp_path: Path, ladder: Ladder, picks: PickList) -> None:
    path = tmp_path / "tours.svg"
    schedule = parked_in_front(ladder, picks, Cart(hands=3), lower_bound_s=100.0)
    draw_tours(path, ladder, picks, [("parked", schedule)])
    line = " ".join(texts(path))
    minutes, seconds = divmod(round(schedule.time_s), 60)
    assert f"0:{minutes:02}:{seconds:02}, at most {schedule.time_s - 100:.1f} % above the fastest;" in line
    assert f"walked {schedule.walked_m:.1f} m, pushed {schedule.pushed_m:.1f} m" in line


def test_a_policy_beside_a_proven_tour_is_compared_with_it(tmp_path: Path) -> None:
    ladder = regular_ladder(3, 2)
    picks = uniform_list(np.random.default_rng(3), ladder, 3)
    orders = [tour_in_order(ladder, picks, list(order), "order") for order in itertools.permutations(range(3))]
    best, worst = (choose(orders, key=lambda tour: tour.length_m) for choose in (min, max))
    proven = type(best)("optimal", best.length_m, proven_optimal=True, path=best.path, end=best.end)
    draw_tours(tmp_path / "tours.svg", ladder, picks, [("worst", worst), ("optimal", proven)])
    line = " ".join(texts(tmp_path / "tours.svg"))
    assert f"{worst.length_m:.1f} m, {100 * (worst.length_m / best.length_m - 1):.1f} % above the shortest" in line
    assert f"{best.length_m:.1f} m, proven shortest" in line


def test_several_lists_are_drawn_to_one_scale_each_with_its_own_picks(tmp_path: Path) -> None:
    ladder = regular_ladder(3, 2)
    few, many = (uniform_list(np.random.default_rng(3), ladder, picks) for picks in (2, 9))
    draw_lists(tmp_path / "lists.svg", ladder, [("few", few, s_shape(ladder, few)), ("many", many, s_shape(ladder, many))])
    root = drawn(tmp_path / "lists.svg")
    ids = [element.get("id", "") for element in root.iter()]
    assert [sum(name.startswith(f"panel-{panel}-pick-") for name in ids) for panel in (1, 2)] == [2, 9]
    assert (root.findtext(f"{SVG}desc") or "").startswith("3 aisles, 2 cross aisles, 2 and 9 picks. few: ")


def test_stands_and_loops_of_the_cart_are_named(tmp_path: Path, ladder: Ladder, picks: PickList) -> None:
    path = tmp_path / "tours.svg"
    schedule = parked_in_front(ladder, picks, Cart(hands=3))
    draw_tours(path, ladder, picks, [("parked", schedule)])
    stays = [len(step.loops) for step in schedule.steps if hasattr(step, "loops")]
    names = dict(zip("ABCDE", stays, strict=False))
    assert max(stays) > 1
    assert {*names, *(f"{letter}{loop + 1}" for letter, loops in names.items() for loop in range(loops))} <= set(texts(path))


def test_start_and_drop_offs_are_told_apart(tmp_path: Path) -> None:
    base = regular_ladder(4, 3)
    ladder = Ladder(base.x_m, base.y_m, Place(0, 0), (Place(3, 0, 4.0), Place(1, 1), Place(0, 0, 2.0)), base.aisles, base.ways)
    picks = uniform_list(np.random.default_rng(0), ladder, 5)
    draw_tours(tmp_path / "a.svg", ladder, picks, [("s", s_shape(ladder, picks))])
    assert {"start · drop-off 3, 2 m away", "drop-off 1, 4 m away", "drop-off 2"} <= set(texts(tmp_path / "a.svg"))
    base_picks = uniform_list(np.random.default_rng(0), base, 5)
    draw_tours(tmp_path / "b.svg", base, base_picks, [("s", s_shape(base, base_picks))])
    assert "depot" in texts(tmp_path / "b.svg")


def test_an_empty_list_draws_the_ladder_and_says_so(tmp_path: Path, ladder: Ladder) -> None:
    none = PickList.of(ladder, [])
    draw_tours(tmp_path / "none.svg", ladder, none, [("optimal", tour_in_order(ladder, none, [], "optimal"))])
    assert "nothing to pick" in texts(tmp_path / "none.svg")


def test_one_way_aisles_are_marked(tmp_path: Path, ladder: Ladder, picks: PickList) -> None:
    one_way = Ladder(ladder.x_m, ladder.y_m, ladder.start, ladder.ends, ladder.aisles, Ways((1, 0, -1, 0, 0), (0, 1)))
    draw_tours(tmp_path / "ways.svg", one_way, picks, [("s", s_shape(ladder, picks))])
    assert "one way" in texts(tmp_path / "ways.svg")
    draw_tours(tmp_path / "free.svg", ladder, picks, [("s", s_shape(ladder, picks))])
    assert "one way" not in texts(tmp_path / "free.svg")


def test_the_carts_way_is_thicker_than_any_walk_and_dashed(tmp_path: Path, ladder: Ladder, picks: PickList) -> None:
    draw_tours(tmp_path / "cart.svg", ladder, picks, [("parked", parked_in_front(ladder, picks, Cart(hands=3)))])
    lines = [path.get("style", "") for path in drawn(tmp_path / "cart.svg").iter(f"{SVG}path")]
    pushed = [line for line in lines if "#d55e00" in line and "fill: none" in line]
    walked = [line for line in lines if "#0072b2" in line and "fill: none" in line]
    assert pushed
    assert walked
    assert all("stroke-dasharray" in line and "stroke-width: 3.4" in line for line in pushed)
    assert not any("stroke-dasharray" in line or "stroke-width: 3.4" in line for line in walked)


@pytest.mark.parametrize(
    ("aisles", "cross_aisles", "block_m", "picks"), [(1, 2, 20.0, 4), (3, 2, 20.0, 60), (50, 7, 10.0, 60), (5, 2, 181.0, 15)]
)
def test_labels_never_overlap_and_stay_in_their_block(aisles: int, cross_aisles: int, block_m: float, picks: int) -> None:
    ladder = regular_ladder(aisles, cross_aisles, block_m=block_m)
    listed = uniform_list(np.random.default_rng(0), ladder, picks)
    sheet = sheet_of(ladder, [listed], Room(8.0, 9.0, 15.0))
    labels = sheet.labels(listed)
    assert sorted(labels) == list(range(picks))
    for one, other in itertools.combinations(labels.values(), 2):
        assert one[0] != other[0] or abs(one[1] - other[1]) >= LINE - 1e-6
    for pick, (_, y) in labels.items():
        block = int(listed.blocks[pick])
        assert sheet.y(ladder.y_m[block]) < y < sheet.y(ladder.y_m[block + 1])


def test_the_page_grows_with_the_layout_while_text_keeps_its_size(tmp_path: Path) -> None:
    widths, letters = [], []
    for aisles in (4, 40):
        ladder = regular_ladder(aisles, 2)
        picks = uniform_list(np.random.default_rng(0), ladder, 6)
        draw_tours(tmp_path / "t.svg", ladder, picks, [("s", s_shape(ladder, picks))])
        root = drawn(tmp_path / "t.svg")
        widths.append(float(root.get("width", "")[:-2]))
        letters.append({found for text in root.iter(f"{SVG}text") for found in re.findall(r"[\d.]+px", text.get("style", ""))})
    assert widths[1] > 3 * widths[0]
    assert letters[0] == letters[1]


def test_a_png_has_pixels_of_several_greys(tmp_path: Path, ladder: Ladder, picks: PickList) -> None:
    draw_tours(tmp_path / "t.png", ladder, picks, [("s", s_shape(ladder, picks))])
    grey = np.asarray(Image.open(tmp_path / "t.png").convert("L"))
    assert grey.min() < 20
    assert grey.max() == 255
    assert ((grey > 225) & (grey < 240)).mean() > 0.05  # shelves


def test_another_suffix_is_refused_before_anything_is_drawn(tmp_path: Path, ladder: Ladder, picks: PickList) -> None:
    with pytest.raises(UsageError, match=r"tours\.gif.*\.svg"):
        draw_tours(tmp_path / "tours.gif", ladder, picks, [("s", s_shape(ladder, picks))])
    assert not list(tmp_path.iterdir())


def test_a_tour_of_another_list_is_refused(tmp_path: Path, ladder: Ladder, picks: PickList) -> None:
    few = uniform_list(np.random.default_rng(1), ladder, 3)
    with pytest.raises(UsageError, match="reaches 3 of 14 picks"):
        draw_tours(tmp_path / "tours.svg", ladder, picks, [("s", s_shape(ladder, few))])


def test_no_tour_is_refused(tmp_path: Path, ladder: Ladder, picks: PickList) -> None:
    with pytest.raises(UsageError, match="at least one"):
        draw_tours(tmp_path / "tours.svg", ladder, picks, [])


def test_a_folder_that_is_not_there_is_an_error_of_the_disk(tmp_path: Path, ladder: Ladder, picks: PickList) -> None:
    with pytest.raises(UnavailableError, match="cannot be written"):
        draw_tours(tmp_path / "nowhere" / "tours.svg", ladder, picks, [("s", s_shape(ladder, picks))])


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_that_may_not_be_written_is_an_error_of_the_disk(tmp_path: Path, ladder: Ladder, picks: PickList) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(UnavailableError, match="cannot be written"):
        draw_tours(tmp_path / "tours.svg", ladder, picks, [("s", s_shape(ladder, picks))])


def test_rounded_corners_keep_their_ends_and_cut_no_more_than_half_a_side():
    outline = rounded([(0.0, 0.0), (0.0, 2.0), (10.0, 2.0), (10.0, 20.0)], 3.0)
    assert np.asarray(outline.vertices).tolist() == [
        [0.0, 0.0],
        *([0.0, 1.0], [0.0, 2.0], [3.0, 2.0]),
        *([7.0, 2.0], [10.0, 2.0], [10.0, 5.0]),
        [10.0, 20.0],
    ]
