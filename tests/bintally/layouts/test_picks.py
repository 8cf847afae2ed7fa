import math
from typing import Any

import pytest

from bintally.errors import InputError
from bintally.layouts import Ladder, PickList, Place, Request, Shelf, Ways
from bintally.layouts.generate import regular_ladder

START = Place(0, 0)
LADDER = Ladder((0.0, 3.0, 6.0), (0.0, 4.0, 10.0), start=START, ends=(START,), aisles=(True, False, True), ways=Ways((0, 0, 0), (0, 0, 0)))


def request(lines: dict[str, int], *shelves: Shelf) -> Request:
    return Request("monday.toml", LADDER, lines, shelves)


def test_picks_are_sorted_by_column_and_position() -> None:
    picks = PickList.of(LADDER, [(Shelf("c", 2, 0, 1.0), 1), (Shelf("b", 0, 1, 5.0), 2), (Shelf("a", 0, 0, 2.0), 3)])
    assert len(picks) == 3
    assert picks.names == ("a", "b", "c")
    assert picks.columns.tolist() == [0, 0, 2]
    assert picks.blocks.tolist() == [0, 1, 0]
    assert picks.y_m.tolist() == [2.0, 5.0, 1.0]
    assert picks.quantities.tolist() == [3, 2, 1]


def test_picks_at_one_place_are_one_pick_of_all_items() -> None:
    shelf, other = Shelf("a", 0, 0, 2.0), Shelf("b", 0, 0, 2.0)
    picks = PickList.of(LADDER, [(shelf, 2), (other, 3), (shelf, 1)])
    assert picks.names == ("a, b",)
    assert picks.quantities.tolist() == [6]


def test_a_place_at_the_border_of_two_blocks_is_one_place() -> None:
    picks = PickList.of(LADDER, [(Shelf("a", 0, 0, 4.0), 1), (Shelf("b", 0, 1, 4.0), 1)])
    assert picks.quantities.tolist() == [2]


def test_the_same_position_in_two_aisles_is_two_places() -> None:
    assert len(PickList.of(LADDER, [(Shelf("a", 0, 0, 2.0), 1), (Shelf("a", 2, 0, 2.0), 1)])) == 2


def test_an_empty_list_is_a_list() -> None:
    picks = PickList.of(LADDER, [])
    assert len(picks) == 0
    assert picks.y_m.shape == (0,)


@pytest.mark.parametrize(
    ("place", "message"),
    [
        ((1, 0, 2.0), "column 1 is no aisle; there are 2"),
        ((3, 0, 2.0), "column 3 is no aisle"),
        ((-1, 0, 2.0), "column -1 is no aisle"),
        ((0, 2, 9.0), "block 2 is none of the 2"),
        ((0, -1, 2.0), "block -1 is none of the 2"),
        ((0, 0, 4.5), "position 4.5 m is outside its block, 0 to 4 m"),
        ((0, 1, 3.5), "position 3.5 m is outside its block, 4 to 10 m"),
        ((0, 0, -0.1), "position -0.1 m is outside"),
        ((0, 0, math.nan), "position nan m is outside"),
        ((0, 1, math.inf), "position inf m is outside"),
    ],
)
def test_a_pick_outside_the_ladder_is_refused_by_name(place: tuple[int, int, float], message: str) -> None:
    with pytest.raises(InputError, match=f"screws: {message}"):
        PickList.of(LADDER, [(Shelf("screws", *place), 1)])


@pytest.mark.parametrize("quantity", [0, -2])
def test_fewer_than_one_item_cannot_be_picked(quantity: int) -> None:
    with pytest.raises(InputError, match=f"screws: {quantity} items cannot be picked"):
        PickList.of(LADDER, [(Shelf("screws", 0, 0, 1.0), quantity)])


def test_a_request_becomes_the_places_of_its_lines_only() -> None:
    picks = request({"a": 4}, Shelf("a", 0, 0, 2.0, quantity=4), Shelf("b", 2, 0, 2.0)).picks()
    assert picks.names == ("a",)
    assert picks.quantities.tolist() == [4]


def test_an_article_in_several_places_must_be_chosen_first() -> None:
    scattered = request({"a": 1}, Shelf("a", 0, 0, 2.0), Shelf("a", 2, 0, 2.0))
    assert scattered.scattered
    with pytest.raises(InputError, match="articles lie in several places"):
        scattered.picks()


@pytest.mark.parametrize(
    ("lines", "message"),
    [({"b": 1}, "monday.toml: b lies nowhere"), ({"a": 5}, "monday.toml: 5 of a are wanted, 4 lie there")],
)
def test_what_is_not_there_is_refused_with_the_file(lines: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        request(lines, Shelf("a", 0, 0, 2.0, quantity=4)).picks()


def test_a_pick_at_an_intersection_belongs_to_the_block_before_it_in_whatever_order_it_is_named() -> None:
    ladder = regular_ladder(2, 3, block_m=10)
    front, back = (Shelf("a", 1, 0, 10.0), 1), (Shelf("b", 1, 1, 10.0), 2)
    for picks in ([front, back], [back, front], [back]):
        assert PickList.of(ladder, picks).blocks.tolist() == [0]
